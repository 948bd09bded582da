"""A backend that gives canned answers, without any I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence

from ..backend import Backend
from ..capabilities import Capabilities, Capability, Support
from ..events import Ended, Event, Started, Text, UsageSeen
from ..request import Request
from ..response import Finish, ModelInfo, Usage
from ..settings import Settings
from ..spec import BackendSpec

Canned = str | BaseException | Sequence[Event]
"""One answer: its text, what to raise, or its events."""

_CAN = Capabilities(dict.fromkeys(Capability, Support.FULL)).with_(
    dict.fromkeys(("embeddings", "rerank", "count_tokens", "execute", "complete_raw"), "unsupported")
)

FAKE_SPEC = BackendSpec(
    name="fake",
    label="Fake",
    requires_credential=False,
    capabilities=_CAN,
    backend="backbay.testing.fake:FakeBackend",
)


class FakeBackend(Backend):
    """Gives its answers in turn; the last one again and again. ``requests`` has every request that it was asked."""

    def __init__(
        self, spec: BackendSpec = FAKE_SPEC, model: str | None = "fake-1", settings: Settings | None = None
    ) -> None:
        super().__init__(spec, model, settings)
        self.requests: list[Request] = []
        self.answers: list[Canned] = ["Hello."]

    async def _stream(self, request: Request) -> AsyncIterator[Event]:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        for event in _as_events(answer, request) if isinstance(answer, str) else answer:
            yield event

    async def _list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo(id=self.model or "fake-1")]


def connect_fake(*answers: Canned, settings: Settings | None = None) -> FakeBackend:
    """Return a backend that gives ``answers`` in turn."""
    backend = FakeBackend(settings=settings)
    backend.answers = list(answers) or backend.answers
    return backend


def _as_events(text: str, request: Request) -> Iterable[Event]:
    yield Started(request.model, "fake-answer")
    words = text.split(" ")
    for number, word in enumerate(words):
        if word or number:
            yield Text(word if not number else f" {word}")
    yield UsageSeen(Usage(input=sum(len(message.text) for message in request.messages), output=len(words)))
    yield Ended(Finish.STOP, "stop")
