"""One call: its span from the caller's context to its end, and what the metrics get of it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from opentelemetry.trace import INVALID_SPAN, SpanKind, Status, StatusCode, set_span_in_context

from backbay.capabilities import Capability
from backbay.errors import ClosedError
from backbay.events import Text, Thinking, ToolDelta
from backbay.hooks import Observer
from backbay.response import Response, Usage
from backbay.secrets import redact

from . import attributes, content, names
from .configuring import configuration
from .cost import cost_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from backbay.backend import Backend
    from backbay.errors import BackbayError
    from backbay.events import Event
    from backbay.jobs import JobResult
    from backbay.request import Request
    from backbay.response import Embeddings, Ranking

    from .sinks import Sinks

_OPERATIONS: Mapping[Capability, str] = {
    Capability.GENERATE: names.CHAT,
    Capability.COMPLETE_RAW: names.TEXT_COMPLETION,
    Capability.EMBEDDINGS: names.EMBEDDINGS,
    Capability.RERANK: names.RERANK,
    Capability.EXECUTE: names.CHAT,  # Every wire that carries jobs is one of conversations.
}


def begin(
    sinks: Sinks, backend: Backend, operation: Capability, model: str | None, request: Request | None
) -> Observer | None:
    """Begin the span of a call, in the caller's context; ``None`` for an operation that has none, or is not sampled."""
    named = _OPERATIONS.get(operation)
    if named is None:
        return None
    known = attributes.of_call(backend, named, model)
    span: Span = INVALID_SPAN
    if sinks.tracer is not None:
        title = named if model is None else f"{named} {model}"
        span = sinks.tracer.start_span(title, kind=SpanKind.CLIENT, attributes=known)
    if sinks.instruments is None and not span.is_recording():
        return None
    if operation is Capability.EXECUTE:
        span.set_attributes({names.RELAYED: True})
    return CallObserver(sinks, backend, request, known, span)


class CallObserver(Observer):
    """Tells a span and the metrics how a call goes.

    Args:
        sinks: Where metrics go.
        backend: The backend that is asked.
        request: What it is asked; ``None`` for embeddings, rankings and jobs.
        known: What the call is known by.
        span: Its span, which this ends; one that does not record if it is not sampled.
    """

    def __init__(
        self, sinks: Sinks, backend: Backend, request: Request | None, known: attributes.Attributes, span: Span
    ) -> None:
        self._instruments = sinks.instruments
        self._backend = backend
        self._request = request
        self._known = known
        self._span = span
        self._records = span.is_recording()
        self._context = set_span_in_context(span)
        self._captures = self._records and configuration.captures
        self._start = perf_counter()
        self._first: float | None = None
        self._last: float | None = None
        if self._records:
            span.set_attribute(names.BACKEND, backend.id)
            if request is not None:
                self._say(attributes.of_request(request))
                if self._captures:
                    self._say_asked(request)

    def on_event(self, event: Event) -> None:
        """Take the time of a chunk: the first event is the first one, and each piece of the answer is another."""
        now = perf_counter()
        if self._first is None:
            self._first = now - self._start
            if self._records:
                self._say({names.REQUEST_STREAM: True, names.TIME_TO_FIRST_CHUNK: self._first})
            if self._instruments is not None:
                self._instruments.first_chunk.record(self._first, self._known, self._context)
        if isinstance(event, Text | Thinking | ToolDelta):
            if self._last is not None and self._instruments is not None:
                self._instruments.per_chunk.record(now - self._last, self._known, self._context)
            self._last = now

    def on_response(self, response: Response | Embeddings | Ranking) -> None:
        """End the span with the answer."""
        if self._records:
            self._say_answer(response)
            if configuration.cost:
                self._say_cost(response)
        if response.model is not None:
            self._known[names.RESPONSE_MODEL] = self._clean(response.model)
        self._end(response.usage)

    def on_job(self, result: JobResult) -> None:
        """End the span of a job, with the tokens that were seen going by; how many were cached is not known."""
        usage = Usage(input=result.input_tokens, output=result.output_tokens)
        if self._records:
            self._say({names.ATTEMPTS: result.attempts, **attributes.of_usage(usage)})
        self._end(usage)

    def on_error(self, error: BackbayError) -> None:
        """End the span with the error: its kind and facts, and its words only where content is captured."""
        partial = error.partial
        if isinstance(error, ClosedError):  # By the caller, who closed the stream or the backend while it was read.
            self._let_go(error.attempts, partial)
            return
        kind = type(error).__name__
        if self._records:
            if self._request is not None:
                self._say({names.FINISH_REASONS: [names.FINISH_ERROR]})
            if partial is not None:
                self._say_answer(partial)
            self._say({**attributes.of_error(error), names.ERROR_TYPE: kind})
            said: dict[str, str] = {names.EXCEPTION_TYPE: f"{type(error).__module__}.{kind}"}
            if self._captures:
                said[names.EXCEPTION_MESSAGE] = self._clean(error.message)
            self._span.add_event(names.EXCEPTION, said)
            self._span.set_status(Status(StatusCode.ERROR, kind))
        self._known[names.ERROR_TYPE] = kind
        self._end(None if partial is None else partial.usage)

    def on_close(self, attempts: int | None) -> None:
        """End the span of a call that was let go of. One of which nothing was ever sent leaves none."""
        if attempts != 0:
            self._let_go(attempts, None)

    def _let_go(self, attempts: int | None, partial: Response | None) -> None:
        if self._records:
            if partial is not None:
                self._say_answer(partial)
            elif self._request is not None:
                self._say({names.FINISH_REASONS: [names.FINISH_ERROR]})
            self._say({names.CLOSED: True})
            if attempts is not None:
                self._say({names.ATTEMPTS: attempts})
        self._end(None if partial is None else partial.usage)

    def _say(self, said: attributes.Attributes) -> None:
        self._span.set_attributes({name: self._cleaned(value) for name, value in said.items()})

    def _say_asked(self, request: Request) -> None:
        self._say({names.INPUT_MESSAGES: content.input_messages(request.messages)})
        if request.tools:
            self._say({names.TOOL_DEFINITIONS: content.tool_definitions(request.tools)})

    def _say_answer(self, answer: Response | Embeddings | Ranking) -> None:
        if answer.usage is not None:
            self._say(attributes.of_usage(answer.usage))
        if not isinstance(answer, Response):
            self._say(attributes.of_facet(answer))
            return
        self._say(attributes.of_response(answer))
        if self._captures:
            self._say({names.OUTPUT_MESSAGES: content.output_messages(answer)})

    def _say_cost(self, answer: Response | Embeddings | Ranking) -> None:
        cost = cost_of(self._backend, answer)
        if cost is not None:
            self._say(
                {
                    names.COST_AMOUNT: float(cost.amount),
                    names.COST_CURRENCY: cost.currency,
                    names.COST_SOURCE: cost.source,
                    names.COST_VERSION: cost.version,
                }
            )

    def _end(self, usage: Usage | None) -> None:
        instruments = self._instruments
        if instruments is not None:
            instruments.duration.record(perf_counter() - self._start, self._known, self._context)
            counts = () if usage is None else ((names.TOKEN_INPUT, usage.input), (names.TOKEN_OUTPUT, usage.output))
            for kind, count in counts:
                if count is not None:
                    instruments.tokens.record(count, {**self._known, names.TOKEN_TYPE: kind}, self._context)
        self._span.end()

    def _cleaned(self, value: attributes.Value) -> attributes.Value:
        if isinstance(value, list):
            return [self._clean(each) for each in value]
        return self._clean(value) if isinstance(value, str) else value

    def _clean(self, text: str) -> str:
        """Take the key out: a vendor may repeat it in any field, and a prompt may hold it."""
        key = self._backend.settings.api_key
        return text if key is None else redact(text, key.reveal())
