"""Saboteurs of what comes back: each loses, invents or bends one thing of an answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from backbay import BackbayError, Ended, Event, Finish, Started, Text, Thinking, ToolDelta, Usage, UsageSeen
from backbay.http.codec import Decoded

from .wire import Sabotaged


class TwoFinals(Sabotaged):
    """Says twice that the answer has ended."""

    def event(self, event: Event) -> Iterable[Event]:
        return (event, event) if isinstance(event, Ended) else (event,)


class LosesUsage(Sabotaged):
    """Loses the token counts of a stream, as where they come in a chunk of their own."""

    def event(self, event: Event) -> Iterable[Event]:
        return () if isinstance(event, UsageSeen) else (event,)


class ZeroForUnknown(Sabotaged):
    """Says 0 where the vendor said nothing."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Ended):
            return (UsageSeen(Usage(input=0, output=0)), event)
        return () if isinstance(event, UsageSeen) else (event,)


class InventsCachedTokens(Sabotaged):
    """Says that no token came from a cache, where the vendor did not say."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, UsageSeen) and event.usage.cached is None:
            return (UsageSeen(dataclasses.replace(event.usage, cached=0)),)
        return (event,)


class AddsUpUsage(Sabotaged):
    """Adds up token counts that are sums already, as where they come with each chunk."""

    _sum = 0

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Started):
            self._sum = 0
        if isinstance(event, UsageSeen):
            self._sum += event.usage.output or 0
            return (UsageSeen(dataclasses.replace(event.usage, output=self._sum)),)
        return (event,)


class SwallowsStreamErrors(Sabotaged):
    """Ends a stream that failed as if it had finished."""

    def failed(self, failure: BackbayError | None) -> BackbayError | None:
        return None

    def last(self) -> Iterable[Event]:
        return (Ended(Finish.STOP, "stop"),)


class InventsTheFinish(Sabotaged):
    """Takes a cut for the end: the finish reason "stop" is its own."""

    def failed(self, failure: BackbayError | None) -> BackbayError | None:
        return None if type(failure).__name__ == "TruncatedError" else failure

    def last(self) -> Iterable[Event]:
        return (Ended(Finish.STOP, "stop"),)


class DropsMalformedCalls(Sabotaged):
    """Leaves out tool calls whose arguments are no JSON."""

    def event(self, event: Event) -> Iterable[Event]:
        malformed = isinstance(event, ToolDelta) and event.fragment.endswith("Za")
        return () if malformed else (event,)


class JoinsCalls(Sabotaged):
    """Takes two tool calls for one."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, ToolDelta):
            return (ToolDelta(0, "call_a", event.name, event.fragment),)
        return (event,)


class OneCallOnly(Sabotaged):
    """Knows the first tool call alone."""

    def event(self, event: Event) -> Iterable[Event]:
        return () if isinstance(event, ToolDelta) and event.index else (event,)


class SharesIds(Sabotaged):
    """Gives two tool calls one id."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, ToolDelta):
            return (ToolDelta(event.index, "call_a", event.name, event.fragment),)
        return (event,)


class StripsText(Sabotaged):
    """Takes white space off the pieces of a text."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Text):
            return (Text(event.delta.strip()),) if event.delta.strip() else ()
        return (event,)


class BreaksUnicodeLines(Sabotaged):
    """Ends lines where Unicode does and the wire does not."""

    def event(self, event: Event) -> Iterable[Event]:
        return (Text(" ".join(event.delta.splitlines())),) if isinstance(event, Text) else (event,)


class DecodesEachPiece(Sabotaged):
    """Decodes UTF-8 by pieces, so that a character that a network cut is lost."""

    def incoming(self, data: bytes) -> bytes:
        return data.decode("utf-8", "replace").encode()


class WantsWholeEvents(Sabotaged):
    """Ignores a piece that is no whole event."""

    def incoming(self, data: bytes) -> bytes:
        return data if data.endswith(b"\n\n") else b""


class ShowsThinking(Sabotaged):
    """Puts what the model thought into its answer."""

    def event(self, event: Event) -> Iterable[Event]:
        return (Text(event.delta),) if isinstance(event, Thinking) else (event,)


class LosesThinking(Sabotaged):
    """Forgets what the model thought."""

    def event(self, event: Event) -> Iterable[Event]:
        return () if isinstance(event, Thinking) else (event,)


class CallsLengthStop(Sabotaged):
    """Says that a cut answer is a whole one."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Ended) and event.finish is Finish.LENGTH:
            return (dataclasses.replace(event, finish=Finish.STOP),)
        return (event,)


class CallsToolsStop(Sabotaged):
    """Does not say that tools are wanted."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Ended) and event.finish is Finish.TOOL_CALLS:
            return (dataclasses.replace(event, finish=Finish.STOP),)
        return (event,)


class LosesTheVendorsWord(Sabotaged):
    """Loses the vendor's own finish reason."""

    def event(self, event: Event) -> Iterable[Event]:
        return (dataclasses.replace(event, raw_finish=None),) if isinstance(event, Ended) else (event,)


class LosesTheRefusal(Sabotaged):
    """Shows a refusal as an empty answer."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Ended) and event.refusal:
            return (Ended(Finish.STOP, event.raw_finish),)
        return (event,)


class ForgetsWhoAnswered(Sabotaged):
    """Loses the id of the answer, and the model that gave it."""

    def event(self, event: Event) -> Iterable[Event]:
        return () if isinstance(event, Started) else (event,)


class EmptyDeltas(Sabotaged):
    """Delivers pieces that say nothing."""

    def event(self, event: Event) -> Iterable[Event]:
        return (Text(""), event) if isinstance(event, Text) else (event,)


class StartsLate(Sabotaged):
    """Says that the answer begins when it is over."""

    def event(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Started):
            return ()
        return (Started("conformance-1", "answer-1"), event) if isinstance(event, Ended) else (event,)


class DifferentInOnePiece(Sabotaged):
    """Answers otherwise where it is not streamed."""

    def decode(self, body: bytes) -> Decoded:
        decoded = super().decode(body)
        changed = [Text(event.delta.rstrip()) if isinstance(event, Text) else event for event in decoded.events]
        return Decoded([event for event in changed if not isinstance(event, Text) or event.delta], decoded.raw)


class TakesAnythingForAnAnswer(Sabotaged):
    """Makes an empty answer of a body that is none."""

    def decode(self, body: bytes) -> Decoded:
        try:
            return super().decode(body)
        except BackbayError:
            return Decoded([Ended(Finish.STOP, "stop")])


class LetsTheDecoderRaise(Sabotaged):
    """Lets an exception of its own out where a body is odd."""

    def decode(self, body: bytes) -> Decoded:
        body.decode()
        if b"choices" not in body:
            raise KeyError("choices")
        return super().decode(body)
