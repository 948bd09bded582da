"""What all facets of a backend stand on: who it is, what it can do, and how one call of it is made and watched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast, final

from . import hooks
from .attempt import Call
from .capabilities import Capabilities, Capability
from .errors import ClosedError
from .limits import Limits
from .messages import MessagesInput
from .settings import Settings
from .spec import BackendSpec

if TYPE_CHECKING:
    from .backend import Backend

T = TypeVar("T")

_MODELS_KEPT = 256
# Models whose capabilities a backend keeps: working them out anew for each call costs more than all else before it.


class FacetBase(ABC):
    """What each facet of a backend needs of it."""

    spec: BackendSpec
    model: str | None
    settings: Settings
    _closed: list[bool]

    @cached_property
    def _capabilities_by_model(self) -> dict[str | None, Capabilities]:
        return {}

    @property
    def id(self) -> str:
        """A stable name of this use of the backend, without any secret."""
        return self.spec.name

    @final
    def capabilities(self, model: str | None = None) -> Capabilities:
        """Return what the backend can do with ``model`` (``None``: with its own)."""
        wanted = model or self.model
        kept = self._capabilities_by_model
        found = kept.get(wanted)
        if found is None:
            if len(kept) >= _MODELS_KEPT:
                kept.clear()
            found = self.spec.capabilities_of(wanted)
            if self.settings.capabilities:
                found = found.with_(self.settings.capabilities)
            kept[wanted] = found
        return found

    def _call(self, model: str | None, limits: Limits) -> Call:
        return Call(self.id, model, limits, closed=self._closed)

    def _observed(self, operation: Capability, model: str | None) -> hooks.Observation | None:
        return hooks.observe(cast("Backend", self), operation, model)

    @abstractmethod
    def _prepare(self, messages: MessagesInput, options: Mapping[str, Any], need: Capability) -> Call: ...

    def _check_open(self) -> None:
        if self._closed[0]:
            raise ClosedError("The backend is closed; connect again.", backend=self.id)

    def _require(self, capability: Capability, model: str | None = None) -> None:
        self._check_open()
        self.capabilities(model).require(capability, backend=self.id, model=model or self.model)

    async def _simple(
        self,
        once: Callable[[Call], Awaitable[T]],
        limits: Limits,
        model: str | None = None,
        operation: Capability | None = None,
    ) -> T:
        call = self._call(model, limits.over(self.settings.limits))
        observation = None if operation is None else self._observed(operation, model)
        try:
            return await hooks.follow(observation, call, call.attempt(lambda: once(call), self.settings.retry))
        finally:
            call.close()
