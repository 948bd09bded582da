"""Raw text: what a call that continues a text, and is no conversation, may ask for. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from .capabilities import Capabilities, Capability, Support
from .errors import InvalidRequestError
from .request import Request

NO_PLACE = ("tools", "tool_choice", "parallel_tool_calls", "system", "reasoning")
"""Options of a conversation, which a text that is continued as it is has no place for."""

_EMPTY: tuple[object, ...] = (None, (), [])


def check_raw_call(prompt: object, options: Mapping[str, object]) -> None:
    """Check the arguments of a call that continues a text.

    Args:
        prompt: The text.
        options: The call's options, the backend's defaults among them.

    Raises:
        InvalidRequestError: The prompt is no string, or an option is one of ``NO_PLACE``; the message names them all.
    """
    if not isinstance(prompt, str):
        raise InvalidRequestError(
            f"The prompt of complete_raw is a {type(prompt).__name__}; give a string.",
            hint="Make one call for each prompt; a conversation is for complete().",
        )
    _refuse([name for name in NO_PLACE if options.get(name) not in _EMPTY])


def check_raw_request(request: Request) -> None:
    """Check that a request, which a hook may have replaced, still is nothing but a text to continue.

    Raises:
        InvalidRequestError: It has an option of ``NO_PLACE``, or other messages than one of a user's that is text.
    """
    _refuse([name for name in NO_PLACE if getattr(request, name, None) not in _EMPTY])
    first = request.messages[0]
    if len(request.messages) > 1 or first.role != "user" or not isinstance(first.content, str) or first.images:
        raise InvalidRequestError(
            "A request that continues a text has one user message, whose content is a string and nothing else.",
            hint="A before_request hook made it another one; let the hook leave such requests alone.",
        )


def raw_prompt(request: Request) -> str:
    """Return the text to continue, as it was given; the request is one that ``check_raw_request`` took."""
    content = request.messages[0].content
    assert isinstance(content, str)
    return content


def for_need(capabilities: Capabilities, need: Capability) -> Capabilities:
    """Return what counts for a call that needs ``need``: who continues texts need not answer conversations as well."""
    if need is not Capability.COMPLETE_RAW or capabilities.allows(Capability.GENERATE):
        return capabilities
    return capabilities.with_({Capability.GENERATE: Support.FULL})


def _refuse(named: list[str]) -> None:
    if named:
        raise InvalidRequestError(
            f"A text that is continued as it is has no place for {', '.join(named)}.",
            hint="Leave that out, or None in its place where it is a default; complete() has a conversation.",
        )
