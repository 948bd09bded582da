"""What a fault is to the tests: its number in the catalogue, what is done, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from backbay import BackbayError

from .asking import HOWS, Outcome, ask
from .certificates import Certificates
from .plan import TLS, Answer, Door, Step
from .rig import OpenDoor, Rig


@dataclass(frozen=True, slots=True)
class Bench:
    """What a fault is tried with.

    Attributes:
        rig: The server.
        certificates: For its TLS.
        patch: pytest's ``monkeypatch``.
        folder: An empty folder.
    """

    rig: Rig
    certificates: Certificates
    patch: Any
    folder: Any


class Fault(Protocol):
    """A fault that can be tried.

    Attributes:
        number: Its number in the catalogue.
        name: What it is, for the test's id.
        hows: The ways in which calls are made under it.
        expected: Why it is known to fail; ``None`` if it must not.
    """

    @property
    def number(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def hows(self) -> Sequence[str]: ...

    @property
    def expected(self) -> str | None: ...

    def run(self, bench: Bench, how: str) -> None:
        """Try it, and assert what must come of it."""


Check = Callable[[Outcome, OpenDoor], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault that is answers of the server alone, and what one call to it must come to.

    Attributes:
        number: As in ``Fault``.
        name: As in ``Fault``.
        answers: To each request, the last again and again; a sequence of steps is an answer that is read whole.
        hows: As in ``Fault``.
        error: The class of the error; ``None`` for an answer.
        wire: How often the request is sent where one retry is allowed: 2 for a fault that is tried again.
        retryable: What the error says; ``None`` where ``wire`` says it: before the first event the two are the same.
        partial: The text that came before the error.
        text: The answer's text.
        phase: Where the error says that the call was; ``None`` for anywhere.
        tls: The name of the certificate that the server shows; ``None`` for plain HTTP.
        door: Further settings of the door.
        options: Of the call.
        config: Of ``connect``.
        check: Looks at whatever else there is.
        expected: As in ``Fault``.
    """

    number: int
    name: str
    answers: Sequence[Answer | Sequence[Step]]
    hows: Sequence[str] = HOWS
    error: type[BackbayError] | tuple[type[BackbayError], ...] | None = None
    wire: int = 1
    retryable: bool | None = None
    partial: str = ""
    text: str | None = "Hello world"
    phase: str | None = None
    tls: str | None = None
    door: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    check: Check | None = None
    expected: str | None = None

    def run(self, bench: Bench, how: str) -> None:
        """Try it."""
        tls = None if self.tls is None else TLS(chain=getattr(bench.certificates, self.tls))
        answers = [each if isinstance(each, Answer) else Answer(each) for each in self.answers]
        with bench.rig.opened(Door(answers=answers, tls=tls, **self.door)) as door:
            outcome = ask(door.url, how, options=self.options, **self.config)
            assert door.all_left(), "a connection is still open, although the backend is closed"
            self._judge(outcome, door)

    def _judge(self, outcome: Outcome, door: OpenDoor) -> None:
        error = outcome.error
        if self.error is None:
            assert error is None, f"it failed with {error!r}"
            assert ascii(outcome.text) == ascii(self.text)
            assert outcome.response is not None
            assert outcome.response.attempts == self.wire
        else:
            assert outcome.response is None, f"an answer was made of it: {outcome.response!r}"
            assert isinstance(error, self.error), f"it failed with {error!r}"
            assert isinstance(error, BackbayError)
            assert outcome.partial == self.partial
            assert error.attempts == self.wire
            if not outcome.events:
                # After the first event only the caller may begin anew, and `retryable` says whether that may help.
                assert error.retryable is (self.wire > 1 if self.retryable is None else self.retryable), error
            assert self.phase in (None, error.phase)
        assert door.attempts == self.wire, "attempts on the wire"
        if self.check is not None:
            self.check(outcome, door)


@dataclass(frozen=True)
class Tried:
    """A fault that takes more than one call to a server's answers."""

    number: int
    name: str
    function: Callable[[Bench, str], None]
    hows: Sequence[str]
    expected: str | None

    def run(self, bench: Bench, how: str) -> None:
        """Try it."""
        self.function(bench, how)


def fault(
    number: int, *, hows: Sequence[str] = ("",), expected: str | None = None
) -> Callable[[Callable[[Bench, str], None]], Tried]:
    """Make a fault of a function, whose name is the fault's."""

    def made(function: Callable[[Bench, str], None]) -> Tried:
        return Tried(number, function.__name__, function, hows, expected)

    return made


def faults_of(names: Mapping[str, object]) -> Iterable[Fault]:
    """Yield the faults among the names of a module."""
    for value in names.values():
        if isinstance(value, Row | Tried):
            yield value
        elif isinstance(value, tuple):
            yield from (each for each in value if isinstance(each, Row | Tried))
