"""Recorded exchanges in place of an emulator: a folder of JSON files, by which the suite answers as the vendor does.

    class TestConformance(BackendConformance):
        spec = backbay_acme.spec
        exchanges = Path(__file__).parent / "exchanges"

``plain.json`` has the exchange of the scenario ``plain``, which is the pattern of all others:

    {
        "request": {"model": "conformance-1", "stream": false, "messages": [{"role": "user", "text": "Say pong."}]},
        "whole": {"id": "answer-1", "model": "conformance-1", "text": "{{text}}", "done": "stop",
                  "usage": {"input": "{{input}}", "output": "{{output}}"}},
        "stream": [{"id": "answer-1", "model": "conformance-1"}, {"text": "{{text}}"},
                   {"done": "stop", "usage": {"input": "{{input}}", "output": "{{output}}"}}]
    }

``whole`` is the body of the answer, a JSON value or text; ``stream`` is the streamed body, a list of events. An event
is text, as it stands on the wire (``"event: text\\ndata: {\\"text\\": \\"{{text}}\\"}\\n\\n"``), or a JSON value; that
becomes ``data: ...`` and a blank line on ``text/event-stream``, a line on any other type. The suite fills the holes:
``{{text}}`` is the text (the event that has it is repeated for each piece of it); ``{{input}}``, ``{{output}}``,
``{{cached}}`` and ``{{reasoning}}`` are the counts of tokens that the vendor tells. A string that is one hole becomes
the value itself. A field whose count an answer lacks is left out; in an event that is text, the count is ``null``. So
``plain.json`` also gives every other answer that is text and ends by itself.

``request`` is the body that asks, the same for both forms of answer but for the fields that ``wire.json`` names. Where
the text of a message stands in it by itself, requests with other texts have the same form.

``<scenario>.json`` is for a scenario that ``plain.json`` does not cover, with the same fields: ``whole`` and ``stream``
for another answer (its counts as holes too), ``request`` for another form of request. Further requests that laws make
(``after_text_and_tool``, ``two_systems`` and others) have files with a ``request`` alone. Which files there must be
depends on what the spec declares: the suite names the first that is missing, with what it asks. Any other file is a
conversation of your own: ``messages`` (and ``options``) as ``complete`` takes them, and the ``request`` they become.

An answer that the spec does not declare, such as a tool call, is given as far as ``plain.json`` has a place for it. A
wire that wants its model's thinking back needs an emulator class.

``wire.json`` has the rest. In it, pointers are JSON pointers into a request's body:

    path                the path of a request, after the base URL; {{model}} may stand in it
    stream_path         the path that asks for a stream, if that is another one
    model, stream       pointers to the model and to what asks for a stream (true), where the body has them
    options             an object: pointers for temperature, top_p, max_tokens, stop and seed, those that there are
    not_compared        pointers to what may differ from the recorded request
    stream_type         content type of a streamed body; text/event-stream if it is not given
    events_that_finish  how many events at the end of a stream say that the answer is finished; 1 if it is not given
    error, error_event  the body of an error, and the event of one in a stream, with {{message}} in it
    models              a model list: a list in it has one item, with {{id}}, which is repeated
    embeddings          vectors: likewise, with {{vector}} and, where the wire has it, {{index}}
    extra, owned, refuses_in_a_field, image_urls, system_turns    as ``Vendor`` has them; extra is [name, value]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from backbay import BackbayError, Finish
from backbay.request import Options
from backbay.spec import BackendSpec
from backbay.testing import Received, Reply

from .complete import check_complete
from .forms import Form, canonical, conversations, form_of, nearest, without
from .holes import JSON, filled, filled_text, holes, leaves, repeated
from .problems import SetUpError
from .recorded import PLAIN, WIRE, read_folder
from .scenarios import SCENARIOS, Answer, Scenario
from .vendor import COUNTS, Asked, Vendor

_SETTINGS = ("refuses_in_a_field", "image_urls", "system_turns", "owned")


class Recorded(Vendor):
    """Emulates a wire by recorded exchanges.

    Args:
        folder: Where they are; the module's docstring says what must be there.
        spec: The plugin's spec, which decides what is wanted.
        where: Who names the folder, for errors.

    Raises:
        SetUpError: A file is missing or wrong; the message says which, where in it, and what to write.
    """

    def __init__(self, folder: Path, spec: BackendSpec, where: str) -> None:
        self.folder = folder
        self.wire = spec.wires[0]
        self._files = read_folder(folder, where)
        self.wire_file: Mapping[str, Any] = self._files[WIRE]
        for name in _SETTINGS:
            if name in self.wire_file:
                setattr(self, name, self.wire_file[name])
        if "extra" in self.wire_file:
            extra = cast("list[Any]", self.wire_file["extra"])
            self.extra = (extra[0], extra[1])
        self.conversations: Mapping[str, Scenario] = conversations(
            system_turns=self.system_turns, image_urls=self.image_urls
        )
        self.tells = frozenset(holes(self._files[PLAIN]["whole"]) & COUNTS)
        self._forms = [self._form(name) for name, content in self._files.items() if "request" in content]
        check_complete(self, spec)

    def whole(self, answer: Answer) -> bytes:
        """Return the answer as one body."""
        return _bytes(self._exchange(answer)["whole"], {"text": "".join(answer.text), **_counts(answer)})

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the answer as a streamed body, an event each."""
        events: list[bytes] = []
        for event in cast("list[JSON]", self._exchange(answer)["stream"]):
            pieces = answer.text if "text" in holes(event) else ("",)
            events += [self._event(event, {"text": piece, **_counts(answer)}) for piece in pieces]
        return events

    def error(self, status: int, message: str) -> bytes:
        """Return the vendor's usual body of an error."""
        return _bytes(self.wire_file["error"], {"message": message, "status": status})

    def error_event(self, message: str) -> bytes:
        """Return the event of an error inside a stream."""
        return self._event(self.wire_file["error_event"], {"message": message})

    def models(self, ids: Sequence[str]) -> bytes:
        """Return a model list; an empty object where the backend needs none."""
        return _bytes(repeated(self.wire_file.get("models", {}), [{"id": one} for one in ids], "id"), {})

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return vectors, the last one first where the wire has a place for their number."""
        body = self.wire_file.get("embeddings", {})
        rows: list[dict[str, JSON]] = [{"vector": [*vector], "index": number} for number, vector in enumerate(vectors)]
        return _bytes(repeated(body, rows[::-1] if "index" in holes(body) else rows, "vector"), {})

    def read(self, request: Received) -> Asked:
        """Return what a request asked: what the recorded request of its form asks, with its own texts and options."""
        stream, model = self._streams(request)
        body = request.json
        if not isinstance(body, dict):
            raise ValueError("its body is no JSON object")
        found = leaves(body)
        form, turns = nearest(self._forms, without(body, [*self._varying, f"/{self.extra[0]}"]))
        pointers = self.wire_file.get("options", {})
        options = {name: found.get(pointers[name]) for name in pointers if name != "stop"}
        kind = form.request.response_format
        return Asked(
            model=model if model is not None else cast("str | None", found.get(self.wire_file.get("model", ""))),
            stream=stream,
            turns=turns,
            tools=tuple(tool.name for tool in form.request.tools),
            tool_choice=form.request.tool_choice,
            stop=_stops(found, pointers.get("stop")),
            schema=None if kind is None else kind.schema_,
            body=body,
            **cast("dict[str, Any]", options),
        )

    def reply(self, request: Received, answer: Answer) -> Reply:
        """Return the answer in the form that the request asks for, whatever else it asks."""
        if self._streams(request)[0]:
            return self.streamed(answer)
        return Reply(headers={"content-type": "application/json"}, steps=[self.whole(answer)])

    @property
    def stream_type(self) -> str:
        """Content type of a streamed body."""
        return str(self.wire_file.get("stream_type", "text/event-stream"))

    @property
    def events_that_finish(self) -> int:
        """How many events at the end say that the answer is finished."""
        return int(self.wire_file.get("events_that_finish", 1))

    def has_form_of(self, scenario: Scenario) -> bool:
        """Whether a recorded request has the form of this one."""
        request = canonical(scenario.messages, scenario.options)
        return any(form.fits(request) for form in self._forms)

    def has_answer(self, answer: Answer) -> bool:
        """Whether an answer is recorded, or like that of ``plain``."""
        like_plain = not (answer.thinking or answer.calls or answer.refusal) and answer.finish is Finish.STOP
        return like_plain or self._exchange(answer) is not self._files[PLAIN]

    @property
    def _varying(self) -> list[str]:
        named = [self.wire_file[name] for name in ("model", "stream") if name in self.wire_file]
        return [*named, *self.wire_file.get("options", {}).values(), *self.wire_file.get("not_compared", [])]

    def _streams(self, request: Received) -> tuple[bool, str | None]:
        """Return whether a request wants a stream, and the model in its path, if that is where it stands."""
        for field in ("stream_path", "path"):
            template = re.escape(self.wire_file.get(field, "")).replace(r"\{\{model\}\}", "(?P<model>[^/]+?)")
            match = re.search(f"/{template.removeprefix('/')}$", request.path) if template else None
            if match and request.method == "POST":
                pointer = self.wire_file.get("stream")
                asked = pointer is not None and leaves(request.json).get(pointer) is True
                return asked or field == "stream_path", match.groupdict().get("model")
        raise ValueError(f"{WIRE}.json says that requests are POST {self.wire_file['path']}")

    def _form(self, name: str) -> Form:
        content: Mapping[str, Any] = self._files[name]
        known = SCENARIOS.get(name, self.conversations.get(name))
        messages = known.messages if known else content["messages"]
        options = known.options if known else cast("Options", content.get("options", {}))
        try:
            request = canonical(messages, options)
        except BackbayError as failure:
            raise SetUpError(f"{self.folder / name}.json: messages or options: {failure}") from None
        return form_of(f"{name}.json", request, without(content["request"], self._varying))

    def _exchange(self, answer: Answer) -> Mapping[str, JSON]:
        """Return the exchange with this answer, or with this one but for its counts, or else the plain one."""
        recorded = [(SCENARIOS[name].answer, found) for name, found in self._files.items() if "whole" in found]
        exact = [found for one, found in recorded if one == answer]
        wanted = _uncounted(answer)
        # A wire without a place for thinking has the same answer without it.
        like = [
            found
            for ours in (wanted, replace(wanted, thinking=()))
            for one, found in recorded
            if _uncounted(one) == ours
        ]
        counted = [found for found in like if self.tells <= holes(found["whole"])]
        return next(iter([*exact, *counted]), self._files[PLAIN])

    def _event(self, event: JSON, given: Mapping[str, JSON]) -> bytes:
        if isinstance(event, str):
            return filled_text(event, given).encode()
        line = json.dumps(filled(event, given), ensure_ascii=False)
        return (f"data: {line}\n\n" if self.stream_type == "text/event-stream" else f"{line}\n").encode()


def _stops(found: Mapping[str, JSON], pointer: str | None) -> tuple[str, ...]:
    """Return the stop sequences at a pointer: one string, or a list of them."""
    if pointer is None:
        return ()
    return tuple(str(leaf) for at, leaf in found.items() if (at == pointer and leaf) or at.startswith(f"{pointer}/"))


def _counts(answer: Answer) -> dict[str, JSON]:
    counts = answer.usage or (None, None)
    return {"input": counts[0], "output": counts[1], "cached": answer.cached, "reasoning": answer.reasoning}


def _uncounted(answer: Answer) -> Answer:
    return replace(answer, usage=None, cached=None, reasoning=None, signature=None, dialect=None)


def _bytes(body: JSON, given: Mapping[str, JSON]) -> bytes:
    text = filled_text(body, given) if isinstance(body, str) else json.dumps(filled(body, given), ensure_ascii=False)
    return text.encode()
