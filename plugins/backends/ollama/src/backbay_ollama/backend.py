"""What core's driver does not know about Ollama: two ways to say its address, and what to do about a missing model."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from backbay.capabilities import Capability
from backbay.errors import BackbayError, ModelNotFoundError, NotFoundError
from backbay.http.driver import HTTPBackend
from backbay.http.transport import TransportResponse
from backbay.settings import Settings
from backbay.spec import BackendSpec

NATIVE = "ollama_chat"
"""The name of Ollama's own wire."""

_NAMED = re.compile(r"model ['\"]?(?P<name>[^\s'\"]{1,200})['\"]? not found")


class OllamaBackend(HTTPBackend):
    """An HTTP backend that says which model to pull.

    Programs give Ollama's address with ``/v1`` or without, under the same variables; its own API lies beside ``/v1``.
    """

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        if spec.wires[0] == NATIVE and settings.base_url is not None:
            settings = replace(settings, base_url=settings.base_url.rstrip("/").removesuffix("/v1"))
        super().__init__(spec, model, settings)
        if "max_tokens" not in settings.defaults and not self.capabilities().allows(Capability.MAX_TOKENS):
            # Our own default is no wish of the caller's, who says that the server takes none.
            self._defaults.pop("max_tokens", None)

    async def _error(self, response: TransportResponse) -> BackbayError:
        error = await super()._error(response)
        if not isinstance(error, NotFoundError) or not _is_answer(error.body):
            return error
        # A path that is not there gets a 404 in plain text; with an object, it is the model that is not there.
        found = ModelNotFoundError(error.message)
        vars(found).update(vars(error))
        named = _NAMED.search(error.message)
        name = named["name"] if named else "MODEL"
        found.hint = f"Get the model with `ollama pull {name}`; list_models() says which there are."
        return found


def _is_answer(body: str | None) -> bool:
    """Whether the body of a 404 is Ollama's own: an object with an error in it."""
    try:
        found = json.loads(body or "")
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found.get("error"))
