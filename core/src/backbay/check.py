"""What a request asks for against what the backend has, and where things may stand in a conversation. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .capabilities import Capabilities, Capability
from .errors import InvalidRequestError
from .messages import Message
from .request import Request

_PART_NEEDS = {
    "image": Capability.IMAGE_INPUT,
    "audio": Capability.AUDIO_INPUT,
    "file": Capability.FILE_INPUT,
}


def check_messages(messages: Sequence[Message]) -> None:
    """Check what may stand where.

    Raises:
        InvalidRequestError: Names the message's index: images, sound or files with a system or tool turn, tool calls
            with any but an assistant's, a tool result without the call that it answers.
    """
    for index, message in enumerate(messages):
        if message.role in ("system", "tool"):
            for part in message.parts():
                if part.type != "text":
                    raise _misplaced(index, f"a {message.role} message cannot have {part.type} parts")
        if message.tool_calls and message.role != "assistant":
            raise _misplaced(index, f"a {message.role} message cannot have tool_calls; only an assistant's can")
        if message.tool_call_id is not None and message.role != "tool":
            raise _misplaced(index, f"a {message.role} message cannot have tool_call_id; only a tool's can")
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
    for capability, what in _needed_by_messages(request):
        capabilities.require(capability, backend=backend, model=request.model, what=what)
    dropped = []
    for option, capability in _needed_by_options(request):
        if not capabilities.allows(capability):
            if request.on_unsupported == "error":
                capabilities.require(capability, backend=backend, model=request.model, what=option)
            dropped.append(option)
    if not dropped:
        return request, ()
    if "tools" in dropped:
        dropped += [name for name in ("tool_choice", "parallel_tool_calls") if getattr(request, name) is not None]
    unset = {name: Request.model_fields[name].default for name in dropped}
    return request.model_copy(update=unset), tuple(dict.fromkeys(dropped))


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
    if request.tools:
        yield "tools", Capability.TOOLS
    if request.tool_choice not in (None, "auto", "none"):
        yield "tool_choice", Capability.FORCED_TOOL_CHOICE
    if request.parallel_tool_calls is not None:
        yield "parallel_tool_calls", Capability.PARALLEL_TOOL_CALLS
    if request.response_format is not None:
        schema = request.response_format.schema_ is not None
        yield "response_format", Capability.STRUCTURED_OUTPUT if schema else Capability.JSON_MODE
    for option in ("temperature", "top_p", "max_tokens", "seed", "reasoning"):
        if getattr(request, option) is not None:
            yield option, Capability(option)
    if request.stop:
        yield "stop", Capability.STOP
