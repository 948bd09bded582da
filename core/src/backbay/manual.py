"""The built-in ``manual`` backend: the default where nothing is chosen. It lists nothing and generates nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

from .backend import Backend
from .capabilities import Capabilities
from .errors import UnsupportedError
from .events import Event
from .request import Request
from .spec import BackendSpec

spec = BackendSpec(
    name="manual",
    label="Manual",
    requires_credential=False,
    capabilities=Capabilities.of(
        unsupported="generate streaming list_models health embeddings execute complete_raw tools structured_output"
    ),
    backend="backbay.manual:ManualBackend",
)


class ManualBackend(Backend):
    """Stands where a person has not chosen a vendor yet. Every call raises ``UnsupportedError``."""

    async def _stream(self, request: Request) -> AsyncIterator[Event]:
        raise UnsupportedError("The manual backend generates nothing; choose a vendor.", backend=self.id)
        yield
