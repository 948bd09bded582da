"""Requests of the messages dialect as messages and options.

Source: Anthropic's API reference, Create a Message and Count tokens (read 2026-11-21), and the types of its own client,
version 2.12, for which fields there are.

Three API versions are known. ``2023-01-01`` differs from ``2023-06-01`` in streams of the older text completions alone;
``2026-10-21`` refuses temperature, top_p, top_k, documents with assistants, and citations in users' text. Source:
Anthropic's "Versions" and "Migrating to API version 2026-10-21" (read 2026-11-21).

What changes no answer is taken and left out: ``metadata`` (whom an abuse is reported on), ``service_tier`` ``auto`` and
``standard_only``, ``speed`` ``standard``, ``eager_input_streaming``, a cache mark on a tool call. ``top_k`` goes as
``extra``, which backends without it refuse themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from backbay.messages import AnyTool, HostedTool, Message, ResponseFormat, ToolSpec

from .anthropic_blocks import cache_of
from .anthropic_turns import NEWER, Turns, marked
from .carrying import build, model_of, need_object, refuse_uncarried, strings, uncarried
from .openai_fields import Fields, wrong

EFFORTS = ("low", "medium", "high", "xhigh", "max")
DEFAULT_EFFORT = "high"
"""How hard models think that are asked to decide that themselves. Source: Anthropic's guide to effort."""

_UNCARRIED = frozenset(
    "container context_management compaction diagnostics inference_geo mcp_servers user_profile_id workspace_id "
    "thread fallbacks fallback_credit_token billing_policy betas".split()
)
_PROMPT = frozenset(
    "model messages system tools tool_choice thinking output_config output_format cache_control speed".split()
)
_SAMPLING = ("temperature", "top_p", "top_k")
_ANSWER = frozenset("max_tokens stop_sequences stream metadata service_tier temperature top_p top_k".split())
_PROMPT_FIELDS = _PROMPT | _UNCARRIED
_ANSWER_FIELDS = _PROMPT_FIELDS | _ANSWER

_TOOL = {"type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming"}
_TOOL_UNCARRIED = ("allowed_callers", "defer_loading", "input_examples")
_TYPED_TOOL = re.compile(
    r"(?:web_search|web_fetch|code_execution|bash|text_editor|computer|memory|tool_search_tool_(?:bm25|regex))_\d{8}"
)
_LEAST_BUDGET = 1024


def prompt_fields(body: object) -> Fields:
    """Return a body of ``/messages/count_tokens``, of which no field is unknown."""
    fields = Fields(body, "", _PROMPT_FIELDS)
    refuse_uncarried(fields, _UNCARRIED)
    return fields


def answer_fields(body: object, version: str) -> Fields:
    """Return a body of ``/messages``, of which no field is unknown."""
    fields = Fields(body, "", _ANSWER_FIELDS)
    refuse_uncarried(fields, _UNCARRIED)
    for name in _SAMPLING if version == NEWER else ():
        if name in fields:
            # As the vendor words it, so that whoever searches for the words finds its guide.
            raise wrong(name, f"{name}: Extra inputs are not permitted in version {NEWER} of the API.")
    return fields


def messages_of(fields: Fields, turns: Turns) -> tuple[Message, ...]:
    """Return the conversation, the system prompt first, and a cache mark of the whole on its last part."""
    found = turns.messages(fields)
    if fields.any("system") is not None:
        found.insert(0, turns.system(fields.any("system")))
    cache = cache_of(fields)
    if cache is not None:
        found[-1] = marked(found[-1], cache)
    return tuple(found)


def prompt_options(fields: Fields) -> dict[str, Any]:
    """Return the options that are part of the prompt: tools, thinking, the form of the answer."""
    fields.choice("speed", ("standard", "fast"))
    if fields.any("speed") == "fast":
        raise uncarried("speed", "Only the standard speed can be carried")
    options: dict[str, Any] = {}
    listed = fields.listed("tools")
    if listed:
        options["tools"] = [_tool(tool, f"tools.{n}") for n, tool in enumerate(listed)]
    options |= _tool_choice(fields)
    return options | _thinking_and_form(fields)


def answer_options(fields: Fields) -> dict[str, Any]:
    """Return the options that are about the answer alone."""
    most = fields.whole("max_tokens", 0)
    if most is None:
        raise wrong("max_tokens", "max_tokens is missing; say how long.", "missing_required_parameter")
    if most == 0:
        raise uncarried("max_tokens", "0 fills a vendor's cache and generates nothing", "Ask for 1 token or more.")
    about = fields.fields("metadata", {"user_id"})
    if about is not None:
        about.text("user_id")
    fields.choice("service_tier", ("auto", "standard_only"))
    given: dict[str, Any] = {
        "max_tokens": most,
        "temperature": fields.number("temperature", 0, 1),
        "top_p": fields.number("top_p", 0, 1),
        "stop": strings(fields, "stop_sequences") or None,
    }
    top_k = fields.whole("top_k", 0)
    if top_k is not None:
        given["extra"] = {"top_k": top_k}
    return {name: value for name, value in given.items() if value is not None}


def _tool(tool: object, path: str) -> AnyTool:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    if kind not in (None, "custom"):
        return _typed_tool(tool, path)
    fields = Fields(tool, path, {*_TOOL, *_TOOL_UNCARRIED})
    if fields.any("allowed_callers") != ["direct"]:
        refuse_uncarried(fields, ("allowed_callers",))
    if fields.flag("defer_loading"):
        raise uncarried(fields.at("defer_loading"), "Tools are all given at once here")
    refuse_uncarried(fields, ("input_examples",))
    fields.flag("eager_input_streaming")
    return build(
        ToolSpec,
        path,
        name=fields.need_text("name"),
        description=fields.text("description") or "",
        parameters=need_object(fields, "input_schema"),
        strict=fields.flag("strict"),
        cache=cache_of(fields),
    )


def _typed_tool(tool: object, path: str) -> HostedTool:
    """Return a tool of the vendor's own as it is; a backend that is another vendor's refuses it."""
    fields = Fields(tool, path, None)
    kind = fields.need_text("type")
    if not _TYPED_TOOL.fullmatch(kind):
        raise uncarried(
            fields.at("type"), f"A tool of type {kind[:50]!r} cannot be carried", "Give a tool with input_schema."
        )
    fields.need_text("name")
    return build(HostedTool, path, definition=tool)


def _tool_choice(fields: Fields) -> dict[str, Any]:
    choice = fields.fields("tool_choice", {"type", "name", "disable_parallel_tool_use"})
    if choice is None:
        return {}
    kind = choice.choice("type", ("auto", "any", "tool", "none"))
    if kind is None:
        raise wrong(choice.at("type"), f"{choice.at('type')} is missing; it may be auto, any, tool or none.")
    named = {"any": "required", "tool": choice.need_text("name") if kind == "tool" else None}
    single = choice.flag("disable_parallel_tool_use")
    options: dict[str, Any] = {"tool_choice": named.get(kind, kind)}
    return options if single is None else {**options, "parallel_tool_calls": not single}


def _thinking_and_form(fields: Fields) -> dict[str, Any]:
    config = fields.fields("output_config", {"effort", "format", "task_budget"})
    effort = None if config is None else config.choice("effort", EFFORTS)
    if config is not None:
        refuse_uncarried(config, ("task_budget",))
    options: dict[str, Any] = {}
    reasoning = _reasoning(fields, effort)
    if reasoning is not None:
        options["reasoning"] = reasoning
    forms = [form for form in (_form(config, "format"), _form(fields, "output_format")) if form is not None]
    if len(forms) > 1:
        raise wrong("output_format", "output_format and output_config.format say one thing; give the second alone.")
    return {**options, "response_format": forms[0]} if forms else options


def _reasoning(fields: Fields, effort: str | None) -> str | int | None:
    thinking = fields.fields("thinking", {"type", "budget_tokens", "display"})
    if thinking is None:
        return effort
    kind = thinking.choice("type", ("enabled", "disabled", "adaptive", "between_tools"))
    thinking.choice("display", ("summarized", "omitted"))
    if kind is None:
        raise wrong("thinking.type", "thinking.type is missing; it may be enabled, disabled or adaptive.")
    if kind == "between_tools":
        raise uncarried("thinking.type", "Thinking between tools alone cannot be asked for", "Say 'adaptive'.")
    if kind != "enabled":
        return "none" if kind == "disabled" else effort or DEFAULT_EFFORT
    budget = thinking.whole("budget_tokens", _LEAST_BUDGET)
    if budget is None:
        raise wrong("thinking.budget_tokens", f"thinking.budget_tokens is missing; it is {_LEAST_BUDGET} or more.")
    if effort is not None:
        raise uncarried(
            "output_config.effort", "A budget for thinking and an effort cannot both be carried", "Give one of them."
        )
    return budget


def _form(fields: Fields | None, name: str) -> ResponseFormat | None:
    form = None if fields is None else fields.fields(name, {"type", "schema"})
    if form is None:
        return None
    if form.choice("type", ("json_schema",)) is None:
        raise wrong(form.at("type"), f"{form.at('type')} is missing; it is 'json_schema'.")
    return build(ResponseFormat, form.path, schema_=need_object(form, "schema"))


def asked(body: object, turns: Turns, version: str) -> tuple[str, tuple[Message, ...], dict[str, Any], bool]:
    """Return the model, the messages, the options, and whether to stream, that a body of ``/messages`` asks for."""
    fields = answer_fields(body, version)
    options = {**prompt_options(fields), **answer_options(fields)}
    return model_of(fields), messages_of(fields, turns), options, bool(fields.flag("stream"))
