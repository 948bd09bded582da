"""The addresses for GET: models, health, metrics, and the status page. Starlette routes them; none is asked often."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router

from ..exchange import Exchange, Message
from ..guard import Head, refusal
from ..prometheus import CONTENT_TYPE, text
from .figures import Figures
from .listing import one_model, page_of_models, reachable

if TYPE_CHECKING:
    from ..app import Gateway
    from ..keys import Key

PAGE = Path(__file__).with_name("status.html")
"""The status page."""

_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer"}


class Pages:
    """Answers what is no question to a model.

    Args:
        gateway: Whose.
        figures: What the status page and the metrics show.
    """

    def __init__(self, gateway: Gateway, figures: Figures) -> None:
        self._gateway = gateway
        self.figures = figures
        self.stopping = False
        paths: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/health": self._health,
            "/metrics": self._metrics,
            "/": self._page,
            "/status": self._page,
            "/status/data": self._data,
            "/v1/models": self._models,
            "/v1/models/{model:path}": self._model,
        }
        self._routes = [Route(path, endpoint, methods=["GET"]) for path, endpoint in paths.items()]
        self._router = Router(routes=self._routes, redirect_slashes=False)

    async def answer(self, exchange: Exchange, head: Head) -> None:
        """Answer.

        Raises:
            BackbayError: 401: a key is needed. 404: there is nothing at this address. 405: it is not for this method.
        """
        scope = exchange.scope
        found = {route.matches(scope)[0] for route in self._routes}
        if Match.FULL not in found:
            if Match.PARTIAL in found:
                raise refusal(405, f"{scope['path'][:100]} is for GET.", "method_not_allowed")
            raise refusal(404, f"There is nothing at {scope['path'][:100]!r} here.", "not_found")
        scope["backbay.head"] = head

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"].append((b"x-request-id", exchange.request_id.encode()))
            else:
                exchange.sent += len(message.get("body", b""))
            await exchange.send_raw(message)

        await self._router(scope, exchange.receive_raw, send)

    async def _health(self, request: Request) -> Response:
        state = "stopping" if self.stopping else "ok"
        return _json({"status": state}, 503 if self.stopping else 200)

    async def _metrics(self, request: Request) -> Response:
        await self._check(request)
        data, upstreams = self.figures.now()
        return Response(text(data, upstreams, self.figures.version), media_type=CONTENT_TYPE, headers=_SAFE)

    async def _data(self, request: Request) -> Response:
        await self._check(request)
        return _json(self.figures.status())

    async def _page(self, request: Request) -> Response:
        page, policy = self._html
        headers = {**_SAFE, "content-security-policy": policy, "x-frame-options": "DENY"}
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    @cached_property
    def _html(self) -> tuple[str, str]:
        page = PAGE.read_text(encoding="utf-8")
        allowed = {kind: " ".join(_hashes(page, kind)) for kind in ("style", "script")}
        return page, (
            f"default-src 'none'; style-src {allowed['style']}; script-src {allowed['script']}; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    async def _models(self, request: Request) -> Response:
        key = await self._key(request)
        models = await reachable(self._gateway.snapshot, key)
        return _json(page_of_models(models, dict(request.query_params), anthropic=_is_anthropic(request)))

    async def _model(self, request: Request) -> Response:
        key = await self._key(request)
        models = await reachable(self._gateway.snapshot, key)
        return _json(one_model(models, request.path_params["model"], anthropic=_is_anthropic(request)))

    async def _check(self, request: Request) -> None:
        if not self._gateway.snapshot.config.server.open_status:
            await self._key(request)

    async def _key(self, request: Request) -> Key:
        head: Head = request.scope["backbay.head"]
        return await self._gateway.keys.authenticate(head.key)


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers


def _json(value: object, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json", headers=_SAFE)


def _hashes(page: str, kind: str) -> list[str]:
    """Return what a content security policy names each element of a page by that it allows."""
    found = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
    return [f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in found]
