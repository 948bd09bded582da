"""The clients that are compared, each used as its documentation says, behind one small face.

``call`` returns the text of an answer that is not streamed, ``texts`` yields the texts of a streamed one, and ``tools``
returns the arguments of its tool calls, put together. Whoever calls them checks what they return.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

MESSAGES = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "Say hi."}]
PARAMETERS = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
TOOLS = [
    {"type": "function", "function": {"name": "search", "description": "Search the web", "parameters": PARAMETERS}}
]
HEADERS = {"authorization": "Bearer sk-stub", "content-type": "application/json"}
TIMEOUT = 600.0
"""Seconds; what the raw clients and the SDK are given, which is also the SDK's own default."""


class AsyncClient(Protocol):
    """A client of asyncio."""

    async def call(self, model: str) -> str: ...

    def texts(self, model: str) -> AsyncIterator[str]: ...

    async def tools(self, model: str) -> list[str]: ...

    async def aclose(self) -> None: ...


class SyncClient(Protocol):
    """A client that blocks."""

    def call(self, model: str) -> str: ...

    def texts(self, model: str) -> Iterator[str]: ...

    def close(self) -> None: ...


def _body(model: str, **more: object) -> bytes:
    return json.dumps({"model": model, "messages": MESSAGES, "temperature": 0.2, **more}).encode()


Loads = Callable[[bytes], Any]
"""Reads JSON."""


def _payloads(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Split at blank lines: what a careful hand would write for this one server, and no more."""
    *events, rest = buffer.split(b"\n\n")
    return [event[6:] for event in events if event.startswith(b"data: ") and event != b"data: [DONE]"], rest


def _text(payload: bytes, loads: Loads = json.loads) -> str | None:
    choices = loads(payload)["choices"]
    return choices[0]["delta"].get("content") if choices else None


def _answer(body: bytes, loads: Loads = json.loads) -> str:
    return str(loads(body)["choices"][0]["message"]["content"])


class Raw:
    """What the raw asynchronous clients have in common: no types, no checks, and JSON by the standard library."""

    loads: Loads = staticmethod(json.loads)

    def payloads(self, model: str, **more: object) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def texts(self, model: str) -> AsyncIterator[str]:
        async for payload in self.payloads(model):
            text = _text(payload, self.loads)
            if text:
                yield text

    async def tools(self, model: str) -> list[str]:
        parts: dict[int, list[str]] = {}
        async for payload in self.payloads(model, tools=TOOLS):
            choices = self.loads(payload)["choices"]
            for call in (choices[0]["delta"].get("tool_calls") or ()) if choices else ():
                parts.setdefault(call["index"], []).append(call["function"].get("arguments") or "")
        return ["".join(found) for found in parts.values()]


class Httpx2(Raw):
    def __init__(self, base_url: str) -> None:
        import httpx2

        self._url = f"{base_url}/chat/completions"
        limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=1000)
        self._client = httpx2.AsyncClient(headers=HEADERS, timeout=TIMEOUT, limits=limits)

    async def call(self, model: str) -> str:
        return _answer((await self._client.post(self._url, content=_body(model))).content)

    async def payloads(self, model: str, **more: object) -> AsyncIterator[bytes]:
        async with self._client.stream("POST", self._url, content=_body(model, stream=True, **more)) as response:
            rest = b""
            async for data in response.aiter_bytes():
                found, rest = _payloads(rest + data)
                for payload in found:
                    yield payload

    async def aclose(self) -> None:
        await self._client.aclose()


class Aiohttp(Raw):
    def __init__(self, base_url: str) -> None:
        import aiohttp

        self._url = f"{base_url}/chat/completions"
        connector, timeout = aiohttp.TCPConnector(limit=1000), aiohttp.ClientTimeout(total=TIMEOUT)
        self._session = aiohttp.ClientSession(headers=HEADERS, connector=connector, timeout=timeout)

    async def call(self, model: str) -> str:
        async with self._session.post(self._url, data=_body(model)) as response:
            return _answer(await response.read(), self.loads)

    async def payloads(self, model: str, **more: object) -> AsyncIterator[bytes]:
        async with self._session.post(self._url, data=_body(model, stream=True, **more)) as response:
            rest = b""
            async for data in response.content.iter_any():
                found, rest = _payloads(rest + data)
                for payload in found:
                    yield payload

    async def aclose(self) -> None:
        await self._session.close()


class AiohttpOrjson(Aiohttp):
    """The leanest that one would write by hand with what there is."""

    def __init__(self, base_url: str) -> None:
        import orjson

        super().__init__(base_url)
        self.loads = orjson.loads


class OpenAI:
    def __init__(self, base_url: str) -> None:
        import openai

        self._client = openai.AsyncOpenAI(base_url=base_url, api_key="sk-stub", timeout=TIMEOUT)

    async def call(self, model: str) -> str:
        answer = await self._client.chat.completions.create(model=model, messages=MESSAGES, temperature=0.2)
        return str(answer.choices[0].message.content)

    async def _chunks(self, model: str, **more: Any) -> AsyncIterator[Any]:
        create = self._client.chat.completions.create
        async for chunk in await create(model=model, messages=MESSAGES, temperature=0.2, stream=True, **more):
            if chunk.choices:
                yield chunk

    async def texts(self, model: str) -> AsyncIterator[str]:
        async for chunk in self._chunks(model):
            if chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    async def tools(self, model: str) -> list[str]:
        parts: dict[int, list[str]] = {}
        async for chunk in self._chunks(model, tools=TOOLS):
            for call in chunk.choices[0].delta.tool_calls or ():
                parts.setdefault(call.index, []).append(call.function.arguments or "")
        return ["".join(found) for found in parts.values()]

    async def aclose(self) -> None:
        await self._client.close()


class Backbay:
    """This library, with checked requests, typed events, and the answer folded from them."""

    def __init__(self, base_url: str, **settings: Any) -> None:
        import backbay

        self._text = backbay.Text
        self._backend = backbay.connect("openai", api_key="sk-stub", base_url=base_url, **settings)

    async def call(self, model: str) -> str:
        return (await self._backend.complete(MESSAGES, model=model, temperature=0.2)).text

    async def texts(self, model: str) -> AsyncIterator[str]:
        text = self._text
        async with self._backend.stream(MESSAGES, model=model, temperature=0.2) as stream:
            async for event in stream:
                if type(event) is text:
                    yield event.delta

    async def tools(self, model: str) -> list[str]:
        answer = await self._backend.stream(MESSAGES, model=model, temperature=0.2, tools=TOOLS).collect()
        return [call.raw_arguments for call in answer.tool_calls]

    async def aclose(self) -> None:
        await self._backend.aclose()


def backbay_limits(base_url: str) -> Backbay:
    """This library with all three limits on, as a service would have them."""
    return Backbay(base_url, limits={"total": TIMEOUT, "first_event": 60.0, "idle": 60.0})


def backbay_aiohttp(base_url: str) -> Backbay:
    """This library on its other transport."""
    import aiohttp  # noqa: F401 - so that a missing one is an ImportError here, and the client is left out

    return Backbay(base_url, transport="aiohttp")


class SyncHttpx2:
    def __init__(self, base_url: str) -> None:
        import httpx2

        self._url = f"{base_url}/chat/completions"
        self._client = httpx2.Client(headers=HEADERS, timeout=TIMEOUT)

    def call(self, model: str) -> str:
        return _answer(self._client.post(self._url, content=_body(model)).content)

    def texts(self, model: str) -> Iterator[str]:
        with self._client.stream("POST", self._url, content=_body(model, stream=True)) as response:
            rest = b""
            for data in response.iter_bytes():
                found, rest = _payloads(rest + data)
                yield from filter(None, map(_text, found))

    def close(self) -> None:
        self._client.close()


class SyncOpenAI:
    def __init__(self, base_url: str) -> None:
        import openai

        self._client = openai.OpenAI(base_url=base_url, api_key="sk-stub", timeout=TIMEOUT)

    def call(self, model: str) -> str:
        answer = self._client.chat.completions.create(model=model, messages=MESSAGES, temperature=0.2)
        return str(answer.choices[0].message.content)

    def texts(self, model: str) -> Iterator[str]:
        create = self._client.chat.completions.create
        for chunk in create(model=model, messages=MESSAGES, temperature=0.2, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    def close(self) -> None:
        self._client.close()


class SyncBackbay:
    def __init__(self, base_url: str) -> None:
        import backbay

        self._backend = backbay.connect_sync("openai", api_key="sk-stub", base_url=base_url)

    def call(self, model: str) -> str:
        return self._backend.complete(MESSAGES, model=model, temperature=0.2).text

    def texts(self, model: str) -> Iterator[str]:
        with self._backend.stream(MESSAGES, model=model, temperature=0.2) as stream:
            yield from stream.texts()

    def close(self) -> None:
        self._backend.close()


ASYNC: dict[str, Callable[[str], AsyncClient]] = {
    "httpx2": Httpx2,
    "aiohttp": Aiohttp,
    "aiohttp-orjson": AiohttpOrjson,
    "openai": OpenAI,
    "backbay": Backbay,
    "backbay-limits": backbay_limits,
    "backbay-aiohttp": backbay_aiohttp,
}
"""Makers of asynchronous clients, by the name of the client."""

SYNC: dict[str, Callable[[str], SyncClient]] = {
    "httpx2-sync": SyncHttpx2,
    "openai-sync": SyncOpenAI,
    "backbay-sync": SyncBackbay,
}
"""Makers of blocking clients, by the name of the client."""

NAMES = (*ASYNC, *SYNC)
