"""What a request asks for against what the backend has, and where things may stand in a conversation. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from .capabilities import Capabilities, Capability, Support
from .errors import InvalidRequestError
from .messages import AnyTool, Frozen, Message
from .request import Request

M = TypeVar("M", bound=Frozen)

HOSTED = "hosted tools"
CACHE = "cache marks"
"""What is left out that is no option of its own, as ``Response.dropped`` names it."""

OPTION_NEEDS = {name: Capability(name) for name in ("temperature", "top_p", "max_tokens", "seed", "reasoning", "stop")}
"""What an option needs that has a capability of its own name."""

_PART_NEEDS = {
    "image": Capability.IMAGE_INPUT,
    "audio": Capability.AUDIO_INPUT,
    "file": Capability.FILE_INPUT,
}


def check_messages(messages: Sequence[Message]) -> None:
    """Check what may stand where.

    Raises:
        InvalidRequestError: Names the message's index: anything but text with a system turn, thinking with a tool's,
            tool calls with any but an assistant's, a tool result without the call that it answers.
    """
    for index, message in enumerate(messages):
        if message.role in ("system", "tool"):
            for part in message.parts():
                # What a tool gives back may be a picture or a document, on the wires that have a place for it.
                if part.type == "thinking" or (part.type != "text" and message.role == "system"):
                    raise _misplaced(index, f"a {message.role} message cannot have {part.type} parts")
        if message.tool_calls and message.role != "assistant":
            raise _misplaced(index, f"a {message.role} message cannot have tool_calls; only an assistant's can")
        if message.tool_call_id is not None and message.role != "tool":
            raise _misplaced(index, f"a {message.role} message cannot have tool_call_id; only a tool's can")
        if message.is_error is not None and message.role != "tool":
            raise _misplaced(index, f"a {message.role} message cannot have is_error; only a tool's can")
        if message.role != "assistant" and message.content is None and not message.images:
            raise _misplaced(index, f"a {message.role} message needs content")


def _misplaced(index: int, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"messages[{index}]: {what}.")


def apply_capabilities(
    request: Request, capabilities: Capabilities, *, backend: str
) -> tuple[Request, tuple[str, ...]]:
    """Check that the backend has all that the request asks for.

    Returns:
        The request, and the names of the options that were left out. None are, unless the request says
        ``on_unsupported="warn"``.

    Raises:
        UnsupportedError: The backend lacks something. Parts of messages are never left out.
    """
    if request.reasoning in ("none", 0) and capabilities[Capability.REASONING] is Support.UNSUPPORTED:
        request = request.model_copy(update={"reasoning": None})  # There is nothing to switch off.
    for capability, what in _needed_by_messages(request):
        capabilities.require(capability, backend=backend, model=request.model, what=what)
    dropped: list[str] = []
    for option, capability in _needed_by_options(request):
        if not capabilities.allows(capability):
            if request.on_unsupported == "error":
                capabilities.require(capability, backend=backend, model=request.model, what=option)
            dropped.append(option)
    if not dropped:
        return request, ()
    if "tools" in dropped:
        dropped += [name for name in ("tool_choice", "parallel_tool_calls") if getattr(request, name) is not None]
    return _without(request, dropped), tuple(dict.fromkeys(dropped))


def _without(request: Request, dropped: Sequence[str]) -> Request:
    changes: dict[str, object] = {
        name: Request.model_fields[name].default for name in dropped if name in Request.model_fields
    }
    if "tools" in dropped:
        changes["tools"] = request.hosted_tools
    if HOSTED in dropped:
        changes["tools"] = () if "tools" in dropped else request.own_tools
    if CACHE in dropped:
        tools: Sequence[AnyTool] = changes.get("tools", request.tools)  # type: ignore[assignment]
        changes["tools"] = tuple(_unmarked(tool) for tool in tools)
        changes["messages"] = tuple(_without_marks(message) for message in request.messages)
    return request.model_copy(update=changes)


def _without_marks(message: Message) -> Message:
    if message.content is None or isinstance(message.content, str):
        return message
    return message.model_copy(update={"content": tuple(_unmarked(part) for part in message.content)})


def _unmarked(value: M) -> M:
    return value.model_copy(update={"cache": None}) if getattr(value, "cache", None) is not None else value


def _needed_by_messages(request: Request) -> Iterator[tuple[Capability, str]]:
    yield Capability.GENERATE, ""
    for index, message in enumerate(request.messages):
        if message.role == "system":
            yield Capability.SYSTEM_PROMPT, f"messages[{index}]"
        if message.images or not isinstance(message.content, str | None):
            for part in message.parts():
                if part.type in _PART_NEEDS:
                    yield _PART_NEEDS[part.type], f"messages[{index}]"


def _needed_by_options(request: Request) -> Iterator[tuple[str, Capability]]:
    if request.own_tools:
        yield "tools", Capability.TOOLS
    if request.hosted_tools:
        yield HOSTED, Capability.HOSTED_TOOLS
    if _marked(request):
        yield CACHE, Capability.CACHE_CONTROL
    if request.tool_choice not in (None, "auto", "none"):
        yield "tool_choice", Capability.FORCED_TOOL_CHOICE
    if request.parallel_tool_calls is not None:
        yield "parallel_tool_calls", Capability.PARALLEL_TOOL_CALLS
    if request.response_format is not None:
        schema = request.response_format.schema_ is not None
        yield "response_format", Capability.STRUCTURED_OUTPUT if schema else Capability.JSON_MODE
    for option, capability in OPTION_NEEDS.items():
        if getattr(request, option) not in (None, ()):
            yield option, capability


def _marked(request: Request) -> bool:
    """Whether the end of something to cache is marked anywhere."""
    if any(tool.cache is not None for tool in request.own_tools):
        return True
    listed = (message.content for message in request.messages if not isinstance(message.content, str | None))
    return any(getattr(part, "cache", None) is not None for content in listed for part in content)
