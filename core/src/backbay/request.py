"""A request: what a call's arguments become, checked, before a backend sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError, field_validator, model_validator

from .coerce import as_messages, as_response_format, as_tools
from .errors import InvalidRequestError, UnknownOptionError
from .limits import Limits, LimitsInput, as_limits
from .messages import AnyTool, Frozen, HostedTool, Message, MessagesInput, ResponseFormat, ToolSpec, describe

N = TypeVar("N", int, float)

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
OnUnsupported = Literal["error", "warn"]


class Request(Frozen):
    """One request, complete and checked. ``None`` means: leave it to the vendor.

    Attributes:
        model: The model's name, as the vendor knows it; ``None`` only where the backend has one of its own.
        messages: The conversation, oldest first.
        tools: Tools that the model may call, and tools that the vendor runs.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or a tool's name.
        parallel_tool_calls: Whether one answer may have several calls.
        temperature: Sampling temperature, 0 or more; 0 is sent as 0.
        top_p: Nucleus sampling, above 0 to 1.
        max_tokens: Tokens of the answer at most.
        stop: Strings that end the answer.
        seed: For repeatable sampling, where the vendor has it.
        response_format: The form of the answer's text.
        reasoning: How much to think, as an effort or as a budget in tokens.
        limits: Limits on the call's time.
        on_unsupported: ``"error"`` refuses what the backend lacks; ``"warn"`` leaves it out and lists it in
            ``Response.dropped``.
        extra: Fields for this vendor only, sent as they are.
    """

    model: str | None = None
    messages: tuple[Message, ...]
    tools: tuple[AnyTool, ...] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    response_format: ResponseFormat | None = None
    reasoning: Effort | int | None = None
    limits: Limits = Limits()
    on_unsupported: OnUnsupported = "error"
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def own_tools(self) -> tuple[ToolSpec, ...]:
        """The tools that the caller runs."""
        return tuple(tool for tool in self.tools if isinstance(tool, ToolSpec))

    @property
    def hosted_tools(self) -> tuple[HostedTool, ...]:
        """The tools that the vendor runs."""
        return tuple(tool for tool in self.tools if isinstance(tool, HostedTool))

    @field_validator("temperature")
    @classmethod
    def _temperature(cls, value: float | None) -> float | None:
        return _bounded("temperature", value, 0, 1000)

    @field_validator("top_p")
    @classmethod
    def _top_p(cls, value: float | None) -> float | None:
        return _bounded("top_p", value, 0, 1)

    @field_validator("max_tokens")
    @classmethod
    def _max_tokens(cls, value: int | None) -> int | None:
        return _bounded("max_tokens", value, 1, 1 << 53)

    @model_validator(mode="after")
    def _consistent(self) -> Request:
        if self.tool_choice not in (None, "auto", "none", "required"):
            if self.tool_choice not in [tool.name for tool in self.tools]:
                raise ValueError(f"tool_choice {self.tool_choice!r} is none of auto, none, required or a given tool")
        elif self.tool_choice == "required" and not self.tools:
            raise ValueError("tool_choice is 'required' and there are no tools")
        names = [tool.name for tool in self.own_tools]
        if len(set(names)) != len(names):
            raise ValueError("two tools have one name")
        if isinstance(self.reasoning, int) and self.reasoning < 0:
            raise ValueError("a reasoning budget is a number of tokens, 0 or more")
        return self


class Options(TypedDict, total=False):
    """The keyword arguments of ``complete`` and ``stream``; each as in ``Request``, and in friendlier forms too."""

    model: str | None
    tools: Sequence[AnyTool | Mapping[str, object]] | None
    tool_choice: str | Mapping[str, object] | None
    parallel_tool_calls: bool | None
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    stop: str | Sequence[str] | None
    seed: int | None
    response_format: Mapping[str, object] | type[BaseModel] | ResponseFormat | None
    reasoning: Effort | int | bool | None
    limits: LimitsInput
    on_unsupported: OnUnsupported
    extra: Mapping[str, object] | None
    system: str | None


OPTION_NAMES = frozenset(Options.__annotations__)


def build_request(messages: MessagesInput, options: Mapping[str, Any], *, limits: Limits, model: str | None) -> Request:
    """Turn a call's arguments into a ``Request``.

    Args:
        messages: A prompt, a message, or several.
        options: As in ``Options``; ``None`` means not given.
        limits: The backend's limits, which hold where the call sets none.
        model: The backend's model, where the call names none.

    Raises:
        UnknownOptionError: An option does not exist; the nearest name is in the message.
        InvalidRequestError: A value is wrong; the message says which and why.
    """
    check_names(options)
    given = {name: value for name, value in options.items() if value is not None}
    fields: dict[str, Any] = {"model": given.pop("model", None) or model}
    fields["messages"] = as_messages(messages, system=given.pop("system", None))
    fields["limits"] = as_limits(given.pop("limits", None)).over(limits)
    if "tools" in given:
        fields["tools"] = as_tools(given.pop("tools"))
    if "response_format" in given:
        fields["response_format"] = as_response_format(given.pop("response_format"))
    if "tool_choice" in given:
        fields["tool_choice"] = _tool_choice(given.pop("tool_choice"))
    if "reasoning" in given:
        fields["reasoning"] = _reasoning(given.pop("reasoning"))
    if isinstance(given.get("stop"), str):
        given["stop"] = (given["stop"],)
    try:
        return Request(**fields, **given)
    except ValidationError as failure:
        raise InvalidRequestError(describe(failure)) from None


def check_names(options: Mapping[str, object]) -> None:
    """Raise ``UnknownOptionError`` if an option does not exist."""
    for name in options:
        if name not in OPTION_NAMES:
            import difflib

            near = difflib.get_close_matches(name, OPTION_NAMES, n=1)
            hint = f"Did you mean {near[0]}?" if near else "A field that only this vendor has goes into extra={...}."
            raise UnknownOptionError(f"There is no option {name!r}.", hint=hint)


def _tool_choice(value: object) -> object:
    if isinstance(value, Mapping):
        named = value.get("function", value)
        return named.get("name", value) if isinstance(named, Mapping) else value
    return value


def _reasoning(value: object) -> object:
    if isinstance(value, bool):
        return "medium" if value else "none"
    return value


def _bounded(name: str, value: N | None, low: float, high: float) -> N | None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}")
    return value
