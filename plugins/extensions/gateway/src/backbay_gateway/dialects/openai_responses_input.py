"""Input items of a client's request as our messages, and envelopes opened on the way.

Source: OpenAI's API reference, Create a model response (read 2026-11-21), and the types of its own client, version
3.52. Items of an assistant that follow one another (reasoning, messages, calls) are one message of ours. Annotations,
log probabilities and the ``phase`` of an assistant's text are left out: they are of an answer that is past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backbay.messages import Message, TextPart, ThinkingPart, ToolCall

from .carrying import build, refuse_uncarried, type_of, uncarried
from .envelopes import Envelopes
from .openai_fields import Fields, wrong
from .openai_responses_parts import parts_of

_NOT_CARRIED = frozenset(
    "item_reference computer_call computer_call_output file_search_call web_search_call image_generation_call "
    "code_interpreter_call local_shell_call local_shell_call_output shell_call shell_call_output apply_patch_call "
    "apply_patch_call_output mcp_list_tools mcp_approval_request mcp_approval_response mcp_call custom_tool_call "
    "custom_tool_call_output tool_search_call tool_search_output additional_tools compaction compaction_trigger "
    "configuration_update program program_output".split()
)
"""Items that the reference has, and that our messages have no place for. What a vendor's tools did comes back to a
client of this dialect as reasoning, and goes back to the vendor as that."""

_MESSAGE = {"type", "role", "content", "id", "status", "phase"}
_ASSISTANT = ("output_text", "input_text", "refusal")
_USER = ("input_text", "input_image", "input_file", "input_audio")


class _Turn:
    """An assistant's turn, while its items come."""

    def __init__(self) -> None:
        self.said: list[TextPart | ThinkingPart] = []
        self.calls: list[ToolCall] = []
        self.kept: dict[str, dict[str, Any]] = {}

    def message(self) -> Message | None:
        """Return the turn; ``None`` if nothing is in it."""
        if not self.said and not self.calls:
            return None
        calls = tuple(
            call.model_copy(update={"opaque": self.kept[call.id]}) if call.id in self.kept else call
            for call in self.calls
        )
        return Message(role="assistant", content=tuple(self.said) or None, tool_calls=calls or None)


class InputReader:
    """Reads the input of a request."""

    def __init__(self, envelopes: Envelopes) -> None:
        self._envelopes = envelopes

    def messages(self, fields: Fields) -> tuple[Message, ...]:
        """Return the conversation, with ``instructions`` first.

        Raises:
            InvalidRequestError: An item is wrong; the message names the field.
            UnsupportedError: An item has no place in our messages.
        """
        instructions, given = fields.text("instructions"), fields.any("input")
        first = [] if instructions is None else [Message(role="system", content=instructions)]
        if isinstance(given, str) and given:
            return (*first, Message(role="user", content=given))
        if not isinstance(given, list):
            raise wrong("input", "input must be a string that is not empty, or a list of items.", "invalid_type")
        found = (*first, *self._items(given))
        if len(found) == len(first):
            raise wrong("input", "input has nothing in it that can be sent; give at least one message.")
        return found

    def _items(self, items: Sequence[object]) -> Iterator[Message]:
        turn = _Turn()
        for n, item in enumerate(items):
            path = f"input[{n}]"
            if self._of_assistant(item, path, turn):
                continue
            ended, turn = turn.message(), _Turn()
            if ended is not None:
                yield ended
            yield _other(item, path)
        ended = turn.message()
        if ended is not None:
            yield ended

    def _of_assistant(self, item: object, path: str, turn: _Turn) -> bool:
        """Add an item to an assistant's turn; return whether it is of one."""
        kind = type_of(item)
        if kind == "reasoning":
            self._reasoning(item, path, turn)
        elif kind == "function_call":
            turn.calls.append(_call(item, path))
        elif kind in ("", "message") and isinstance(item, dict) and item.get("role") == "assistant":
            fields = Fields(item, path, _MESSAGE)
            turn.said += _assistant_text(fields)
        else:
            return False
        return True

    def _reasoning(self, item: object, path: str, turn: _Turn) -> None:
        fields = Fields(item, path, {"type", "id", "summary", "content", "encrypted_content", "status"})
        text = _joined(fields, "content", "reasoning_text") or _joined(fields, "summary", "summary_text")
        opened = self._envelopes.open(fields.text("encrypted_content"))
        if opened is not None and opened.call is not None:
            turn.kept.setdefault(opened.call, {}).update(opened.opaque)
        elif text or opened is not None:
            turn.said.append(ThinkingPart(text=text, opaque=opened.opaque if opened is not None else None))


def _other(item: object, path: str) -> Message:
    """Return an item of a user, of the system or of a tool as a message."""
    kind = type_of(item)
    if kind == "function_call_output":
        return _output(item, path)
    if kind in _NOT_CARRIED:
        hint = "Send the whole conversation, as nothing is kept here." if kind == "item_reference" else "Leave it out."
        raise uncarried(path, f"An item of type {kind!r} has no place outside the vendor's own API", hint)
    if kind not in ("", "message"):
        raise wrong(f"{path}.type", f"{path}.type is {kind[:50]!r}, which is not known.")
    fields = Fields(item, path, _MESSAGE)
    role = fields.choice("role", ("user", "system", "developer", "assistant"))
    content = fields.any("content")
    if role is None or content is None:
        lacking = fields.at("role" if role is None else "content")
        raise wrong(lacking, f"{lacking} is missing.", "missing_required_parameter")
    mine = role if role == "user" else "system"
    if isinstance(content, str):
        return Message(role=mine, content=content)  # type: ignore[arg-type]
    kinds = _USER if role == "user" else ("input_text",)
    return Message(role=mine, content=tuple(parts_of(fields, "content", kinds)))  # type: ignore[arg-type]


def _output(item: object, path: str) -> Message:
    fields = Fields(item, path, {"type", "call_id", "output", "id", "status", "caller", "name", "namespace"})
    refuse_uncarried(fields, ("namespace",))
    _direct(fields)
    output = fields.any("output")
    content = output if isinstance(output, str) else tuple(parts_of(fields, "output", _USER))
    return Message(role="tool", tool_call_id=fields.need_text("call_id"), content=content)


def _call(item: object, path: str) -> ToolCall:
    known = {"type", "call_id", "name", "arguments", "id", "status", "namespace", "caller", "async"}
    fields = Fields(item, path, known)
    refuse_uncarried(fields, ("namespace",))
    _direct(fields)
    arguments = fields.text("arguments")
    if arguments is None:
        raise wrong(fields.at("arguments"), f"{fields.at('arguments')} is missing.", "missing_required_parameter")
    return build(ToolCall, path, id=fields.need_text("call_id"), name=fields.need_text("name"), raw_arguments=arguments)


def _direct(fields: Fields) -> None:
    caller = fields.fields("caller", None)
    if caller is not None and caller.any("type") != "direct":
        raise uncarried(fields.at("caller"), "Only calls that the model itself made can be carried")


def _assistant_text(fields: Fields) -> list[TextPart]:
    content = fields.any("content")
    if isinstance(content, str):
        return [TextPart(text=content)]
    return [part for part in parts_of(fields, "content", _ASSISTANT) if isinstance(part, TextPart)]


def _joined(fields: Fields, name: str, kind: str) -> str:
    parts = fields.listed(name) or []
    found = []
    for n, part in enumerate(parts):
        inner = Fields(part, f"{fields.at(name)}[{n}]", {"type", "text"})
        inner.choice("type", (kind,))
        found.append(inner.text("text") or "")
    return "".join(found)
