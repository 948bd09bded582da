"""Requests of the responses dialect as options.

Source: OpenAI's API reference, Create a model response (read 2026-11-21), and the types of its own client, version
3.52, for which fields there are.

Nothing is kept here: ``store`` may be false or absent, and ``previous_response_id`` and ``conversation`` are refused.
What changes no answer is taken and left out: ``metadata`` (which comes back), ``user``, ``safety_identifier``, what is
said of the prompt cache, ``service_tier`` ``auto`` and ``default``, ``reasoning.summary`` (what a model thought is
always told), ``include`` of encrypted reasoning (likewise).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from backbay.messages import AnyTool, HostedTool, ResponseFormat, ToolSpec
from backbay.request import Effort

from .carrying import build, need_object, refuse_uncarried, strings, type_of, uncarried
from .openai_fields import Fields, wrong

_UNCARRIED = frozenset("access_programs background context_management image max_tool_calls moderation prompt".split())
_STATE = ("previous_response_id", "conversation")
_KNOWN = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls temperature top_p max_output_tokens text reasoning "
    "include store stream stream_options truncation metadata user safety_identifier prompt_cache_key "
    "prompt_cache_options prompt_cache_retention service_tier top_logprobs".split()
)
_FIELDS = _KNOWN | _UNCARRIED | frozenset(_STATE)
_COUNTED = frozenset(
    "model input instructions tools tool_choice parallel_tool_calls text reasoning truncation personality".split()
) | frozenset(_STATE)
# Of a request that only counts. Source: the types of OpenAI's own client, version 3.52.

_TOOL = {"type", "name", "description", "parameters", "strict", "defer_loading", "async"}
_TOOL_UNCARRIED = ("allowed_callers", "output_schema")
_HOSTED = ("web_search", "web_search_preview", "web_search_preview_2025_03_11", "web_search_2025_08_26")
_HOSTED_REFUSED = frozenset(
    "file_search computer computer_use_preview mcp code_interpreter image_generation local_shell shell custom "
    "apply_patch namespace tool_search programmatic_tool_calling".split()
)
"""Tools that reach into the gateway's own account at the vendor, into other servers, or that our events have no form
for."""

_INCLUDED = "reasoning.encrypted_content"


def fields_of(body: object) -> Fields:
    """Return a body of ``/responses``, of which no field is unknown, and none asks for what is kept.

    Raises:
        InvalidRequestError: A field is unknown.
        UnsupportedError: One cannot be carried.
    """
    fields = Fields(body, "", _FIELDS)
    _refuse_state(fields)
    if fields.flag("store"):
        raise uncarried("store", "No answer is kept here", "Say store=false, and send the whole conversation as input.")
    if fields.any("background") is not False:
        refuse_uncarried(fields, ("background",))
    refuse_uncarried(fields, sorted(_UNCARRIED - {"background"}))
    _check_left_out(fields)
    return fields


def counted_fields(body: object) -> Fields:
    """Return a body of ``/responses/input_tokens``, of which no field is unknown, and none asks for what is kept.

    Raises:
        InvalidRequestError: A field is unknown.
        UnsupportedError: One cannot be carried.
    """
    fields = Fields(body, "", _COUNTED)
    _refuse_state(fields)
    refuse_uncarried(fields, ("personality",))
    _refuse_truncation(fields)
    return fields


def options_of(fields: Fields) -> dict[str, Any]:
    """Return the options that a request asks for."""
    options: dict[str, Any] = {
        "max_tokens": fields.whole("max_output_tokens", 1),
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
        "parallel_tool_calls": fields.flag("parallel_tool_calls"),
        "reasoning": _reasoning(fields),
        "response_format": _format(fields),
    }
    tools = [_tool(tool, f"tools[{n}]") for n, tool in enumerate(fields.listed("tools") or ())]
    options["tool_choice"], tools = _choice(fields, tools)
    options["tools"] = tools or None
    return {name: value for name, value in options.items() if value is not None}


def _refuse_state(fields: Fields) -> None:
    for name in _STATE:
        if name in fields:
            raise uncarried(name, "No answer is kept here", "Send the whole conversation as input.")


def _refuse_truncation(fields: Fields) -> None:
    if fields.choice("truncation", ("auto", "disabled")) == "auto":
        raise uncarried("truncation", "Conversations are never cut here", "Say 'disabled', or leave it out.")


def _check_left_out(fields: Fields) -> None:
    """Check the fields that change no answer, and refuse those of their values that would."""
    for name in ("user", "safety_identifier", "prompt_cache_key"):
        fields.text(name)
    fields.choice("prompt_cache_retention", ("in_memory", "in-memory", "24h"))
    fields.fields("prompt_cache_options", {"mode", "ttl", "comparison_response_id"})
    fields.fields("stream_options", {"include_obfuscation"})
    for name, value in (fields.mapping("metadata") or {}).items():
        if not isinstance(value, str):
            raise wrong(f"metadata.{name[:64]}", f"metadata.{name[:64]} must be a string.", "invalid_type")
    _refuse_truncation(fields)
    tier = fields.choice("service_tier", ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"))
    if tier not in (None, "auto", "default"):
        raise uncarried("service_tier", "Other tiers than 'auto' and 'default' are one vendor's")
    if fields.whole("top_logprobs", 0, 20):
        raise uncarried("top_logprobs", "Log probabilities are not carried on this wire", "Use chat completions.")
    for n, name in enumerate(strings(fields, "include")):
        if name != _INCLUDED:
            raise uncarried(f"include[{n}]", f"Only {_INCLUDED} can be included")


def _tool(tool: object, path: str) -> AnyTool:
    kind = type_of(tool)
    if kind in _HOSTED:
        return build(HostedTool, path, definition=tool)
    if kind in _HOSTED_REFUSED:
        raise uncarried(path, f"A tool of type {kind!r} cannot be carried", "Give functions, or web_search.")
    fields = Fields(tool, path, {*_TOOL, *_TOOL_UNCARRIED})
    if fields.choice("type", ("function",)) is None:
        raise wrong(f"{path}.type", f"{path}.type is missing; it is 'function'.", "missing_required_parameter")
    refuse_uncarried(fields, _TOOL_UNCARRIED)
    for name in ("defer_loading", "async"):
        if fields.flag(name):
            raise uncarried(fields.at(name), "Tools are all given at once, and called by the client, here")
    given = {"parameters": fields.mapping("parameters")} if "parameters" in fields else {}
    return build(
        ToolSpec,
        path,
        name=fields.need_text("name"),
        description=fields.text("description") or "",
        strict=fields.flag("strict"),
        **given,
    )


def _choice(fields: Fields, tools: list[AnyTool]) -> tuple[str | None, list[AnyTool]]:
    """Return the choice of a tool, and the tools that may be chosen at all."""
    value = fields.any("tool_choice")
    if not isinstance(value, Mapping):
        return fields.choice("tool_choice", ("none", "auto", "required")), tools
    kind = type_of(value)
    if kind == "function":
        return Fields(value, "tool_choice", {"type", "name"}).need_text("name"), tools
    if kind == "allowed_tools":
        allowed = Fields(value, "tool_choice", {"type", "mode", "tools"})
        mode = allowed.choice("mode", ("auto", "required")) or "auto"
        names = {str(one.get("name") or one.get("type")) for one in allowed.listed("tools") or () if type_of(one)}
        return mode, [tool for tool in tools if tool.name in names]
    if kind in _HOSTED:
        return kind, tools
    raise uncarried("tool_choice", f"A choice of type {kind[:50]!r} cannot be carried", "Choose a function.")


def _reasoning(fields: Fields) -> str | None:
    wanted = fields.fields("reasoning", {"effort", "summary", "generate_summary", "context", "mode"})
    if wanted is None:
        return None
    for name in ("summary", "generate_summary"):
        wanted.choice(name, ("auto", "concise", "detailed"))
    for name, usual in (("context", "auto"), ("mode", "standard")):
        if wanted.text(name) not in (None, usual):
            raise uncarried(wanted.at(name), f"Only {usual!r} can be carried")
    return wanted.choice("effort", get_args(Effort))


def _format(fields: Fields) -> ResponseFormat | None:
    text = fields.fields("text", {"format", "verbosity"})
    if text is None:
        return None
    if text.choice("verbosity", ("low", "medium", "high")) in ("low", "high"):
        raise uncarried(text.at("verbosity"), "How much is said is for the prompt to say")
    form = text.fields("format", {"type", "name", "schema", "strict", "description"})
    kind = None if form is None else form.choice("type", ("text", "json_object", "json_schema"))
    if form is None or kind == "text":
        return None
    if kind is None:
        raise wrong(form.at("type"), f"{form.at('type')} is missing.", "missing_required_parameter")
    if kind == "json_object":
        return ResponseFormat()
    return build(
        ResponseFormat,
        form.path,
        schema_=need_object(form, "schema"),
        name=form.need_text("name"),
        description=form.text("description"),
        strict=form.flag("strict"),
    )
