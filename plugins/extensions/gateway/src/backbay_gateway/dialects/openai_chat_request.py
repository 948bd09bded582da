"""Chat-completions requests as asks: every field that OpenAI documents, and what becomes of it. No other is read.

Source: OpenAI's reference, Create chat completion, as openai-python 3.52 has it (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay.response import JSONObject

from .base import Ask
from .carrying import model_of
from .openai_chat_messages import read_messages
from .openai_chat_tools import read_choice, read_format, read_tools
from .openai_fields import Fields, refuse_forbidden, unsupported, wrong

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

CARRIED = (
    "model messages stream stream_options temperature top_p max_tokens max_completion_tokens stop seed tools "
    "tool_choice parallel_tool_calls response_format reasoning_effort n"
).split()
"""Fields that our own types carry."""

VENDOR_FIELDS = (
    "frequency_penalty presence_penalty logit_bias logprobs top_logprobs verbosity prediction modalities audio "
    "web_search_options moderation"
).split()
"""Fields that change the answer and that only backends of this wire understand. They go by ``extra``; a value that is
the documented default is left out, so that any backend can serve it."""

HINTS = "user safety_identifier metadata prompt_cache_key prompt_cache_options prompt_cache_retention".split()
"""Fields that change nothing in the answer: names of end users, labels of what is stored, where a cache may be found.
They are read and left out: the gateway stores nothing, and whose requests these are is its own to say."""

REFUSED = {
    "functions": "It is the form before tools; use tools.",
    "function_call": "It is the form before tool_choice; use tool_choice.",
}
"""Fields that are refused, whatever they say."""

KNOWN = frozenset((*CARRIED, *VENDOR_FIELDS, *HINTS, *REFUSED, "store", "service_tier"))


def read_chat(body: JSONObject) -> Ask:
    """Return what a chat-completions request asks for.

    Raises:
        InvalidRequestError: A field is missing, unknown, of a wrong type, or out of range; the message names it.
        UnsupportedError: A field is right, and nothing of ours can carry it.
    """
    fields = Fields(body, "", KNOWN)
    for name, instead in REFUSED.items():
        if name in fields:
            raise unsupported(name, f"{name} is not taken.", instead)
    read_policy(fields)
    stream, usage = read_stream(fields)
    options = read_sampling(fields)
    tools = read_tools(fields)
    choice, tools = read_choice(fields, tools)
    options["max_tokens"] = _max_tokens(fields)
    options["reasoning"] = fields.choice("reasoning_effort", EFFORTS)
    options["response_format"] = read_format(fields)
    options["extra"] = _vendor_fields(fields) or None
    if tools:
        _refuse_twins([tool.name for tool in tools])
        options["tools"], options["tool_choice"] = tools, choice
        options["parallel_tool_calls"] = fields.flag("parallel_tool_calls")
    return Ask(
        model=model_of(fields),
        messages=read_messages(fields.any("messages")),
        options={name: value for name, value in options.items() if value is not None},
        stream=stream,
        usage=usage,
        raw=body,
    )


def refuse_vendor_fields(ask: Ask, wire: str | None) -> None:
    """Refuse fields of an ask that a backend would not understand, or would silently leave out.

    Args:
        ask: What ``read_chat`` returned.
        wire: The wire that the backend speaks; ``None`` if it is none of core's.

    Raises:
        UnsupportedError: There is one; the message names it.
    """
    extra = ask.options.get("extra")
    if wire != "openai_chat" and isinstance(extra, Mapping) and extra:
        name = next(iter(extra))
        raise unsupported(str(name), f"{name} is only for backends that speak OpenAI's chat completions; leave it out.")


def read_policy(fields: Fields) -> None:
    """Read the fields that are about money, storage, and who asks. None of them goes to a backend.

    Raises:
        UnsupportedError: Another service tier than the usual one, which has another price; or that the answer be
            stored, which could not be got back from here.
    """
    if fields.flag("store"):
        raise unsupported("store", "store is true, and the gateway stores no answers; leave it out.")
    tier = fields.choice("service_tier", ("auto", "default", "flex", "scale", "priority", "fast"))
    if tier not in (None, "auto", "default"):
        raise unsupported("service_tier", f"service_tier {tier!r} has another price; use 'auto', or leave it out.")
    for name in ("user", "safety_identifier", "prompt_cache_key"):
        fields.text(name)
    for label, value in (fields.mapping("metadata") or {}).items():
        if not isinstance(value, str):
            raise wrong(f"metadata.{label[:64]}", "metadata has a value that is no string.", "invalid_type")
    fields.fields("prompt_cache_options", ("mode", "ttl"))
    fields.choice("prompt_cache_retention", ("in_memory", "in-memory", "24h"))


def read_stream(fields: Fields) -> tuple[bool, bool]:
    """Return whether the answer is to be streamed, and whether the stream tells its usage.

    Raises:
        InvalidRequestError: There are options of a stream, and no stream is asked for.
        UnsupportedError: The stream is to be padded against observers; nothing here does that.
    """
    stream = bool(fields.flag("stream"))
    options = fields.fields("stream_options", ("include_usage", "include_obfuscation"))
    if options is None:
        return stream, not stream
    if not stream:
        raise wrong("stream_options", "stream_options goes only with stream true; leave it out.")
    if options.flag("include_obfuscation"):
        raise unsupported(options.at("include_obfuscation"), "Streams are not padded here; leave it out.")
    return stream, bool(options.flag("include_usage"))


def read_sampling(fields: Fields) -> dict[str, Any]:
    """Return the options of sampling that chats and legacy completions have alike; ``None`` is not given.

    Raises:
        UnsupportedError: More than one answer is asked for.
    """
    if fields.whole("n", 1) not in (None, 1):
        raise unsupported("n", "One request has one answer here.", "Send the request once for each answer.")
    return {
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
        "seed": fields.whole("seed", -(1 << 63), (1 << 63) - 1),
        "stop": _stop(fields),
    }


def read_penalties(fields: Fields) -> dict[str, Any]:
    """Return the vendor's fields that chats and legacy completions have alike, without those at their default."""
    found: dict[str, Any] = {}
    for name in ("frequency_penalty", "presence_penalty"):
        value = fields.number(name, -2, 2)
        if value:
            found[name] = value
    bias = fields.mapping("logit_bias")
    if bias:
        for token in bias:
            Fields(bias, "logit_bias", None).number(token, -100, 100)
        found["logit_bias"] = bias
    return found


def _stop(fields: Fields) -> tuple[str, ...] | None:
    value = fields.any("stop")
    listed = [value] if isinstance(value, str) else fields.listed("stop") or []
    if not all(isinstance(each, str) and each for each in listed):
        raise wrong("stop", "stop must be a string, or a list of strings, and none of them empty.", "invalid_type")
    return tuple(listed) or None


def _max_tokens(fields: Fields) -> int | None:
    old, new = fields.whole("max_tokens", 1), fields.whole("max_completion_tokens", 1)
    if old is not None and new is not None:
        raise wrong("max_tokens", "max_tokens and max_completion_tokens say the same; give the second alone.")
    return old if new is None else new


def _refuse_twins(names: list[str]) -> None:
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise wrong("tools", f"Two tools have the name {twin[:64]!r}.")


def _vendor_fields(fields: Fields) -> dict[str, Any]:
    """Return the fields that only backends of this wire understand, without those at their default."""
    found = read_penalties(fields)
    if fields.flag("logprobs"):
        found["logprobs"] = True
    top = fields.whole("top_logprobs", 0, 20)
    if top is not None:
        if "logprobs" not in found:
            raise wrong("top_logprobs", "top_logprobs goes only with logprobs true.")
        found["top_logprobs"] = top
    if fields.choice("verbosity", ("low", "medium", "high")) not in (None, "medium"):
        found["verbosity"] = fields.any("verbosity")
    for name in ("prediction", "audio", "web_search_options", "moderation"):
        value = fields.mapping(name)
        if value is not None:
            refuse_forbidden(value, name, deep=True)
            found[name] = value
    modalities = fields.listed("modalities")
    if modalities not in (None, ["text"]):
        for each in modalities or ():
            Fields({"modalities": each}, "", None).choice("modalities", ("text", "audio"))
        found["modalities"] = modalities
    return found
