"""Tools, their choice, and the form of the answer, of chat-completions requests.

Source: OpenAI's reference, Create chat completion (read 2026-11-21).
"""

from __future__ import annotations

from pydantic import ValidationError

from backbay.errors import InvalidRequestError
from backbay.messages import ResponseFormat, ToolSpec, describe

from .openai_chat_messages import read_mark
from .openai_fields import Fields, unsupported, wrong

_WORDS = ("none", "auto", "required")


def read_tools(fields: Fields) -> tuple[ToolSpec, ...]:
    """Return the tools of a request.

    Raises:
        InvalidRequestError: One is wrong; names it.
        UnsupportedError: One is no function.
    """
    return tuple(_tool(each, f"tools[{index}]") for index, each in enumerate(fields.listed("tools") or ()))


def _tool(value: object, path: str) -> ToolSpec:
    tool = Fields(value, path, ("type", "function", "custom", "cache_control", "prompt_cache_breakpoint"))
    if tool.choice("type", ("function", "custom")) == "custom":
        raise unsupported(tool.at("type"), f"{path}: custom tools cannot be carried; use function tools.")
    # OpenAI passes over what it does not know in here (recorded), and agents' frameworks count on that.
    function = tool.need_fields("function", None)
    given = {
        "description": function.text("description"),
        "parameters": function.mapping("parameters"),
        "strict": function.flag("strict"),
        "cache": read_mark(tool),
    }
    try:
        return ToolSpec(
            name=function.need_text("name"),
            **{name: item for name, item in given.items() if item is not None},  # type: ignore[arg-type]
        )
    except ValidationError as failure:
        raise wrong(path, f"{path}: {describe(failure)}") from None


def read_choice(fields: Fields, tools: tuple[ToolSpec, ...]) -> tuple[str | None, tuple[ToolSpec, ...]]:
    """Return which tool must be called, and the tools that may be.

    Args:
        fields: The request.
        tools: Its tools.

    Raises:
        InvalidRequestError: The choice is wrong, or names a tool that is not there.
        UnsupportedError: It names a custom tool.
    """
    value = fields.any("tool_choice")
    if value is None:
        return None, tools
    if isinstance(value, str):
        word = fields.choice("tool_choice", _WORDS)
        if word == "required" and not tools:
            raise wrong("tool_choice", "tool_choice is 'required', and there are no tools.")
        return word, tools
    choice = Fields(value, "tool_choice", ("type", "function", "allowed_tools", "custom"))
    kind = choice.choice("type", ("function", "allowed_tools", "custom"))
    if kind == "custom":
        raise unsupported("tool_choice", "Custom tools cannot be carried; choose a function tool.")
    if kind == "allowed_tools":
        return _allowed(choice.need_fields("allowed_tools", ("mode", "tools")), tools)
    function = choice.need_fields("function", ("name",))
    return _named(function, tools).name, tools


def _named(function: Fields, tools: tuple[ToolSpec, ...]) -> ToolSpec:
    name = function.need_text("name")
    found = next((tool for tool in tools if tool.name == name), None)
    if found is None:
        raise wrong(function.at("name"), f"{function.at('name')} is {name[:64]!r}, and tools has none of that name.")
    return found


def _allowed(allowed: Fields, tools: tuple[ToolSpec, ...]) -> tuple[str | None, tuple[ToolSpec, ...]]:
    """Return the mode, and the tools that are allowed: a model that is not offered the others calls none of them."""
    mode = allowed.choice("mode", ("auto", "required"))
    listed = allowed.listed("tools")
    if not listed:
        raise wrong(allowed.at("tools"), f"{allowed.at('tools')} is empty; name at least one tool.")
    chosen = []
    for number, each in enumerate(listed):
        entry = Fields(each, f"{allowed.at('tools')}[{number}]", ("type", "function"))
        chosen.append(_named(entry.need_fields("function", ("name",)), tools))
    return mode, tuple(tool for tool in tools if tool in chosen)


def read_format(fields: Fields) -> ResponseFormat | None:
    """Return the form of the answer; ``None`` for text.

    Raises:
        InvalidRequestError: The format is wrong; names the field.
    """
    asked = fields.fields("response_format", ("type", "json_schema"))
    if asked is None:
        return None
    kind = asked.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise wrong(asked.at("type"), f"{asked.at('type')} is missing.", "missing_required_parameter")
    if kind != "json_schema":
        return None if kind == "text" else ResponseFormat()
    inner = asked.need_fields("json_schema", ("name", "schema", "description", "strict"))
    schema, name = inner.mapping("schema"), inner.need_text("name")
    if schema is None:
        raise wrong(inner.at("schema"), f"{inner.at('schema')} is missing; give a JSON Schema, or use 'json_object'.")
    if len(name) > 64 or not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
        raise wrong(inner.at("name"), f"{inner.at('name')} may have up to 64 letters, digits, '_' and '-'.")
    try:
        return ResponseFormat(
            schema_=schema, name=name, description=inner.text("description"), strict=inner.flag("strict")
        )
    except ValidationError as failure:
        raise InvalidRequestError(describe(failure)) from None
