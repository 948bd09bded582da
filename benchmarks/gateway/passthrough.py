"""The least that a gateway in Python can be: Starlette on uvicorn, and one request to the upstream for each that comes.

``python passthrough.py CLIENT PORT UPSTREAM``, where CLIENT is ``aiohttp``, or ``direct`` (core's own).
It knows no keys, no routes, no limits and no usage, and looks at a body for ``"stream": true`` alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


class OnAiohttp:
    """Asks with one aiohttp session."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: Any = None

    async def answer(self, request: Request) -> Response:
        import aiohttp

        body = await request.body()
        if self._session is None:
            headers = {"authorization": "Bearer sk-stub", "content-type": "application/json"}
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(headers=headers, connector=connector, auto_decompress=False)
        if not json.loads(body).get("stream"):
            async with self._session.post(self._url, data=body) as found:
                return Response(await found.read(), found.status, media_type="application/json")
        found = await self._session.post(self._url, data=body)

        async def chunks() -> AsyncIterator[bytes]:
            try:
                async for data in found.content.iter_any():
                    yield data
            finally:
                found.release() if found.content.at_eof() else found.close()

        return StreamingResponse(chunks(), found.status, media_type="text/event-stream")


class OnDirect:
    """Asks with core's default transport."""

    def __init__(self, url: str) -> None:
        from backbay.http.adapters.direct import DirectTransport

        self._url = url
        self._transport = DirectTransport()

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        headers = [("authorization", "Bearer sk-stub"), ("content-type", "application/json")]
        found = await self._transport.send("POST", self._url, headers, body)
        if not json.loads(body).get("stream"):
            try:
                data = b"".join([each async for each in found.chunks()])
            finally:
                await found.aclose()
            return Response(data, found.status, media_type="application/json")

        async def chunks() -> AsyncIterator[bytes]:
            try:
                async for data in found.chunks():
                    yield data
            finally:
                await found.aclose()

        return StreamingResponse(chunks(), found.status, media_type="text/event-stream")


def main() -> None:
    parser = argparse.ArgumentParser(description="Pass requests through to one upstream.")
    parser.add_argument("client", choices=("aiohttp", "direct"))
    parser.add_argument("port", type=int)
    parser.add_argument("upstream")
    options = parser.parse_args()
    kind = OnAiohttp if options.client == "aiohttp" else OnDirect
    passing = kind(f"{options.upstream}/chat/completions")
    app = Starlette(routes=[Route("/v1/chat/completions", passing.answer, methods=["POST"])])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        log_level="critical",
        access_log=False,
    )


if __name__ == "__main__":
    main()
