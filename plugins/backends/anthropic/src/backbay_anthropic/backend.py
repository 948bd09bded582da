"""What is different in the newer version of Anthropic's API, and about its second key variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backbay.attempt import Call
from backbay.capabilities import Capability
from backbay.errors import UnsupportedError
from backbay.http.driver import HTTPBackend
from backbay.messages import MessagesInput
from backbay.settings import Settings
from backbay.spec import BackendSpec
from backbay.wires.anthropic_messages import NEWER, removed

from . import in_newer_version

TOKEN = "env:ANTHROPIC_AUTH_TOKEN"  # noqa: S105 (the name of a variable)
"""Where a key comes from that goes into ``Authorization``, as with the vendor's own clients."""


class AnthropicBackend(HTTPBackend):
    """An HTTP backend that declares what ``api_version`` has."""

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self._newer = settings.config.get("api_version") == NEWER
        if settings.api_key is not None and settings.api_key.source == TOKEN:
            settings = replace(settings, config={"auth_header": "Authorization", **settings.config})
        super().__init__(in_newer_version(spec) if self._newer else spec, model, settings)
        if "max_tokens" not in settings.defaults and not self.capabilities().allows(Capability.MAX_TOKENS):
            # Our own default is no wish of the caller's, who says that the server takes none.
            self._defaults.pop("max_tokens", None)

    def _prepare(self, messages: MessagesInput, options: Mapping[str, Any], need: Capability) -> Call:
        try:
            return super()._prepare(messages, options, need)
        except UnsupportedError as error:
            if self._newer and error.code in ("temperature", "top_p"):
                # It is not the vendor or the model that cannot, but this version of the API.
                named = removed(str(error.code))
                error.message, error.args, error.hint = named.message, named.args, named.hint
            raise
