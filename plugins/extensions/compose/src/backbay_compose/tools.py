"""Tools: Python functions that a model may ask to be called, and its calls bound to them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, get_type_hints

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from backbay.messages import ToolCall, ToolSpec, describe

from .errors import SpanError

_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class ModelTool:
    """A function with what a model must know of it. Its arguments are checked, and converted, as its annotations say.

    Args:
        func: The function, plain or async. Its parameters need annotations; its docstring (Google, NumPy or reST
            style) says what it and each parameter means.
        name: Its name for the model; ``None`` for the function's own.
        description: What it does; ``None`` for what the docstring says.

    Raises:
        SpanError: The function has parameters without a name or an annotation, or of a type without a JSON schema.
    """

    def __init__(self, func: Callable[..., object], *, name: str | None = None, description: str | None = None) -> None:
        if not callable(func):
            raise SpanError(f"A tool is made of a function, not of a {type(func).__name__}.")
        self.func = func
        self.name = name or str(getattr(func, "__name__", type(func).__name__))
        told = docstring_parser.parse(inspect.getdoc(func) or "")
        said = "\n\n".join(part for part in (told.short_description, told.long_description) if part)
        self.description = description if description is not None else said
        self._arguments = _arguments(self.name, func, {item.arg_name: item.description for item in told.params})

    @property
    def spec(self) -> ToolSpec:
        """The tool as a backend takes it."""
        schema = self._arguments.model_json_schema()
        schema.pop("title", None)
        return ToolSpec(name=self.name, description=self.description, parameters=schema)

    def check(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        """Return arguments as the function takes them.

        Raises:
            SpanError: One is missing, unknown, or of a wrong type.
        """
        try:
            checked = self._arguments.model_validate(dict(arguments))
        except ValidationError as failure:
            raise SpanError(f"The arguments of {self.name} are wrong: {describe(failure)}.") from None
        given = checked.model_fields_set
        fields = type(checked).model_fields
        return {field.alias or name: getattr(checked, name) for name, field in fields.items() if name in given}

    def named(self, name: str) -> ModelTool:
        """Return this tool under a name, which is what a model calls it by."""
        return self if name == self.name else ModelTool(self.func, name=name, description=self.description)

    def __reduce__(self) -> tuple[object, ...]:
        # A decorated function is found under its name as this tool, and not as the function that pickle looks for.
        module, name = getattr(self.func, "__module__", ""), getattr(self.func, "__qualname__", "")
        if getattr(sys.modules.get(module), name, None) is self:
            return _in_module, (module, name)
        return _anew, (self.func, self.name, self.description)

    def __repr__(self) -> str:
        return f"ModelTool({self.name})"


@dataclass(frozen=True, slots=True)
class ModelToolCall:
    """A call that a model wants made. Nothing makes it by itself.

    Attributes:
        name: The tool's name, as the model wrote it.
        func: The tool; ``None`` if none of that name was offered.
        args: The arguments, as the function takes them; as the model wrote them where there is an ``error``.
        tool_call_id: The call's id, which the result names.
        error: Why it cannot be made: no such tool, or arguments that are wrong. ``None`` if it can.
        raw_arguments: The arguments' text, as the model wrote it.
    """

    name: str
    func: ModelTool | None
    args: Mapping[str, Any]
    tool_call_id: str | None = None
    error: str | None = None
    raw_arguments: str = ""

    def call_func(self) -> object:
        """Call the tool; return what it returns (an awaitable, if it is async).

        Raises:
            SpanError: The call has an ``error``.
            Exception: Whatever the function raises.
        """
        if self.func is None or self.error is not None:
            raise SpanError(f"The call of {self.name} cannot be made: {self.error}")
        return self.func.func(**self.args)


def _in_module(module: str, name: str) -> object:
    return getattr(import_module(module), name)


def _anew(func: Callable[..., object], name: str, description: str) -> ModelTool:
    return ModelTool(func, name=name, description=description)


def tool(func: Callable[..., object]) -> ModelTool:
    """Make a function a tool; a decorator. As ``ModelTool``."""
    return ModelTool(func)


def as_tools(given: object) -> dict[str, ModelTool]:
    """Return tools by name, from a mapping or a sequence of tools and functions.

    Raises:
        SpanError: Something is neither; or two of a sequence have one name.
    """
    if isinstance(given, Mapping):
        return {
            name: each.named(name) if isinstance(each, ModelTool) else ModelTool(each, name=name)
            for name, each in given.items()
        }
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise SpanError(f"Tools are given as a list or a mapping, not as a {type(given).__name__}.")
    found: dict[str, ModelTool] = {}
    for each in given:
        made = each if isinstance(each, ModelTool) else ModelTool(each)
        if made.name in found:
            raise SpanError(f"Two tools have the name {made.name}.")
        found[made.name] = made
    return found


def bound(calls: Sequence[ToolCall], tools: Mapping[str, ModelTool]) -> tuple[ModelToolCall, ...]:
    """Return a model's calls bound to tools, in order: all of them, those too that cannot be made."""
    return tuple(_bound(call, tools) for call in calls)


def _bound(call: ToolCall, tools: Mapping[str, ModelTool]) -> ModelToolCall:
    made = tools.get(call.name)
    arguments: Mapping[str, Any] = call.arguments or {}
    error = call.error
    if made is None:
        offered = ", ".join(tools) or "none"
        error = f"there is no tool {call.name!r}; offered are: {offered}"
    elif error is None:
        try:
            arguments = made.check(arguments)
        except SpanError as failure:
            error = failure.message
        except Exception as failure:  # noqa: BLE001 (a validator of the program's own may raise anything)
            error = f"the arguments of {call.name} cannot be checked: {type(failure).__name__}: {failure}"
    return ModelToolCall(call.name, made, arguments, call.id, error, call.raw_arguments)


def _arguments(tool_name: str, func: Callable[..., object], told: Mapping[str, str | None]) -> type[BaseModel]:
    """Return a pydantic class of a function's parameters."""
    try:
        hints = get_type_hints(func, include_extras=True)
        parameters = inspect.signature(func).parameters.values()
    except (NameError, TypeError, ValueError) as failure:
        raise SpanError(f"The signature of the tool {tool_name} cannot be read: {failure}") from None
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters):
        if parameter.kind not in _KINDS:
            raise SpanError(f"The tool {tool_name} takes {parameter}; a model gives arguments by name only.")
        if parameter.name not in hints:
            raise SpanError(f"The parameter {parameter.name} of the tool {tool_name} has no annotation.")
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        # By alias, since a parameter may have a name that pydantic keeps for itself.
        info = Field(default, alias=parameter.name, description=told.get(parameter.name))
        fields[f"parameter_{number}"] = (hints[parameter.name], info)
    try:
        made: type[BaseModel] = create_model(
            tool_name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields
        )
        made.model_json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError) as failure:
        raise SpanError(f"A parameter of the tool {tool_name} has no JSON schema: {failure.message}") from None
    return made
