"""An answer as it is kept: its events with their times, in JSON. A whole answer is kept as the events that make it."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from backbay import Ended, Event, Finish, Response, Started, Text, Thinking, ToolDelta, Usage, UsageSeen, fold
from backbay.response import Embeddings, JSONObject

KEPT = frozenset({Finish.STOP, Finish.TOOL_CALLS, Finish.LENGTH})
"""Ends of an answer that is kept. What was cancelled, filtered, or ended for reasons unknown is asked again."""

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Started, Text, Thinking, ToolDelta, UsageSeen, Ended)}


@dataclass(frozen=True, slots=True)
class Recording:
    """One whole answer.

    Attributes:
        events: As they came; of an answer that was not streamed, those that make it.
        times: Seconds from the request to each event; all 0 for an answer that was not streamed.
        dropped: What was left out of the request.
        raw: The vendor's whole body, of an answer that was not streamed; else ``None``.
    """

    events: Sequence[Event]
    times: Sequence[float]
    dropped: tuple[str, ...] = ()
    raw: JSONObject | None = None

    @property
    def response(self) -> Response:
        """The whole answer."""
        return replace(fold(self.events, raw=self.raw), dropped=self.dropped)

    async def replay(self, *, paced: bool) -> AsyncIterator[Event]:
        """Yield the events: at once, or each as long after the call as it was the first time."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for event, at in zip(self.events, self.times, strict=True):
            if paced and (left := start + at - loop.time()) > 0:
                await asyncio.sleep(left)
            yield event


def recorded(response: Response) -> Recording:
    """Return a recording of an answer that was not streamed."""
    events: list[Event] = [Started(response.model, response.id)]
    calls = 0
    for part in response.parts:
        if part.type == "text":
            events.append(Text(part.text))
        elif part.type == "thinking":
            events.append(Thinking(part.text, part.opaque))
        else:
            events.append(ToolDelta(calls, part.id, part.name, part.raw_arguments, part.opaque))
            calls += 1
    if response.usage is not None:
        events.append(UsageSeen(response.usage))
    finish = response.finish or Finish.OTHER
    events.append(Ended(finish, response.raw_finish, response.refusal, response.details or None))
    return Recording(events, [0.0] * len(events), response.dropped, response.raw)


def encoded(recording: Recording, response: Response) -> bytes | None:
    """Return a recording as bytes; ``None`` if it is not to be kept, or would not come out as ``response`` was.

    Not to be kept are an answer that did not end well, and a tool call with arguments that cannot be read: who asks
    again because of that wants another.
    """
    if response.finish not in KEPT or any(call.error is not None for call in response.tool_calls):
        return None
    document = {
        "events": [[at, type(event).__name__, asdict(event)] for event, at in _pairs(recording)],
        "dropped": list(recording.dropped),
        "raw": recording.raw,
    }
    try:
        body = _packed(document)
        found = decoded(body)
    except (TypeError, ValueError, RecursionError):
        return None  # Something in it is no JSON.
    same = replace(response, attempts=1, served_by=None)
    return body if found is not None and found.response == same else None


def decoded(body: bytes) -> Recording | None:
    """Return what ``encoded`` made into bytes; ``None`` if it cannot be read."""
    try:
        document = _unpacked(body)
        events = [_event(name, fields) for _, name, fields in document["events"]]
        times = [float(at) for at, _, _ in document["events"]]
        return Recording(events, times, tuple(document["dropped"]), document["raw"])
    except (ValueError, TypeError, KeyError, zlib.error, RecursionError):
        return None


def encoded_vectors(found: Embeddings) -> bytes | None:
    """Return vectors as bytes; ``None`` if they would not come out as they went in."""
    usage = None if found.usage is None else asdict(found.usage)
    try:
        body = _packed({"vectors": [list(vector) for vector in found.vectors], "model": found.model, "usage": usage})
    except (TypeError, ValueError):
        return None
    again = decoded_vectors(body)
    same = again is not None and [list(vector) for vector in found.vectors] == again.vectors
    return body if same else None


def decoded_vectors(body: bytes) -> Embeddings | None:
    """Return what ``encoded_vectors`` made into bytes; ``None`` if it cannot be read."""
    try:
        document = _unpacked(body)
        usage = None if document["usage"] is None else Usage(**document["usage"])
        return Embeddings(vectors=document["vectors"], model=document["model"], usage=usage, attempts=0)
    except (ValueError, TypeError, KeyError, zlib.error):
        return None


def _pairs(recording: Recording) -> list[tuple[Event, float]]:
    return list(zip(recording.events, (round(at, 4) for at in recording.times), strict=True))


def _event(name: str, fields: Mapping[str, Any]) -> Event:
    given = dict(fields)
    if name == "UsageSeen":
        given["usage"] = Usage(**given["usage"])
    elif name == "Ended":
        given["finish"] = Finish(given["finish"])
    event: Event = _KINDS[name](**given)
    return event


def _packed(document: Mapping[str, object]) -> bytes:
    return zlib.compress(json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii"), 1)


def _unpacked(body: bytes) -> dict[str, Any]:
    found = json.loads(zlib.decompress(body))
    if not isinstance(found, dict):
        raise TypeError("no entry")
    return found
