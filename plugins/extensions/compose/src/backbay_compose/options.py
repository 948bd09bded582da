"""Options of a generation: one vocabulary, its precedence, and what becomes of it in core's words."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backbay.errors import InvalidRequestError, UnknownOptionError
from backbay.request import OPTION_NAMES


class ModelOption:
    """Keys of options that mean the same everywhere, and are spelled differently by vendors.

    Besides these, core's own options (``"temperature"``, ``"top_p"``, ``"max_tokens"``, ...) go by their names, and
    anything else goes to the vendor as it is.
    """

    TOOLS: Final = "@@@tools@@@"
    """Tools that may be called: a list or a mapping of ``ModelTool`` or functions. Used with ``tool_calls=True``."""
    MAX_NEW_TOKENS: Final = "@@@max_new_tokens@@@"
    """Tokens of the answer at most."""
    SYSTEM_PROMPT: Final = "@@@system_prompt@@@"
    """What the model is told before the conversation."""
    TEMPERATURE: Final = "temperature"
    """Sampling temperature, 0 or more."""
    CONTEXT_WINDOW: Final = "@@@context_window@@@"
    """Tokens of prompt and answer together, where a vendor lets a request say so (Ollama's ``num_ctx``)."""
    THINKING: Final = "@@@thinking@@@"
    """Whether, or how much, to think: a bool, an effort, or a budget in tokens."""
    SEED: Final = "@@@seed@@@"
    """For repeatable sampling, where the vendor has it."""
    STREAM: Final = "@@@stream@@@"
    """Whether the answer is asked for as a stream; ``True`` unless said otherwise."""
    STREAM_TIMEOUT: Final = "@@@stream_timeout@@@"
    """Seconds without anything from the vendor, before the first event and after it; ``None`` leaves the backend's."""
    STOP_SEQUENCES: Final = "@@@stop_sequences@@@"
    """Strings that end the answer."""
    LOGITS: Final = "@@@logits@@@"
    """Log probabilities of the answer's tokens: how many alternatives of each, 0 for none; see ``Response.details``."""


_CORE = {
    ModelOption.MAX_NEW_TOKENS: "max_tokens",
    ModelOption.SYSTEM_PROMPT: "system",
    ModelOption.THINKING: "reasoning",
    ModelOption.SEED: "seed",
    ModelOption.STOP_SEQUENCES: "stop",
}
# Other keys of ours have a meaning beyond one option, and are taken one by one.

_OWN = frozenset(value for name, value in vars(ModelOption).items() if name.isupper() and value.startswith("@@@"))

_SPELLINGS = {
    "max_tokens": ("max_completion_tokens", "max_output_tokens", "maxOutputTokens", "max_new_tokens", "num_predict"),
    "stop": ("stop_sequences", "stopSequences"),
    "reasoning": ("reasoning_effort", "thinking", "think"),
    "system": ("system_prompt",),
    "seed": ("random_seed",),
}
# By core's name: what vendors call it. Sources: the wires of this project's own codecs.


@dataclass(frozen=True, slots=True)
class Settled:
    """Options as a call takes them.

    Attributes:
        call: Options by core's names, ``extra`` among them.
        tools: What was given as ``TOOLS``, or ``None``.
        stream: Whether the answer is asked for as a stream.
        context_window: As given, or ``None``.
        logits: As given, or ``None``.
        conflicts: Options that were given in two spellings, and which counted.
    """

    call: dict[str, Any] = field(default_factory=dict)
    tools: object = None
    stream: bool = True
    context_window: int | None = None
    logits: int | None = None
    conflicts: tuple[str, ...] = ()


def settle(base: Mapping[str, object], over: Mapping[str, object] | None) -> Settled:
    """Return the options of a call, which win over those of the composer.

    Args:
        base: The composer's options.
        over: The call's; ``None`` for none. A value of ``None`` takes back one of ``base``.

    Raises:
        InvalidRequestError: ``model`` is among them, or a value is wrong.
        UnknownOptionError: A key looks like one of ``ModelOption``, and is none.
    """
    if over is not None and not isinstance(over, Mapping):
        raise InvalidRequestError(f"model_options is a {type(over).__name__}; give a mapping.")
    names, conflicts = _merged(_unified(base), _unified(over or {}))
    window = _whole(names, "CONTEXT_WINDOW", ModelOption.CONTEXT_WINDOW, 1)
    logits = _whole(names, "LOGITS", ModelOption.LOGITS, 0)
    tools = names.pop(ModelOption.TOOLS, None)
    stream = names.pop(ModelOption.STREAM, True)
    if not isinstance(stream, bool):
        raise InvalidRequestError(f"ModelOption.STREAM is {stream!r}; give True or False.")
    call: dict[str, Any] = {}
    extra: dict[str, object] = {}
    timeout = names.pop(ModelOption.STREAM_TIMEOUT, None)
    for name, value in names.items():
        (call if name in OPTION_NAMES else extra)[name] = value
    if timeout is not None:
        _set_timeout(call, timeout)
    if extra:
        call["extra"] = {**(call.get("extra") or {}), **extra}
    return Settled(call, tools, stream, window, logits, tuple(conflicts))


def _unified(given: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Return options by one name each, and what was given twice."""
    vendor = given.get("extra")
    for name in [*given, *(vendor if isinstance(vendor, Mapping) else ())]:
        _check_name(name)
    found = dict(given)
    conflicts: list[str] = []

    def leave_out(others: Iterable[str], counts: str) -> None:
        left_out = [other for other in others if found.pop(other, None) is not None]
        conflicts.extend(f"{other}: {counts} was given too, and counts" for other in left_out)

    for own, core in _CORE.items():
        if own in found:
            leave_out((core, *_SPELLINGS.get(core, ())), f"the unified option {core}")
            found[core] = found.pop(own)
    for core, spellings in _SPELLINGS.items():
        if core in found:
            leave_out(spellings, core)
    return found, conflicts


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise InvalidRequestError(f"The option {name!r} is a {type(name).__name__}; names are strings.")
    if name.startswith("@@@") and name not in _OWN:
        near = difflib.get_close_matches(name, _OWN, n=1)
        hint = f"Did you mean {near[0]}?" if near else "ModelOption has all that there are."
        raise UnknownOptionError(f"There is no unified option {name!r}.", hint=hint)
    if name == "model":
        raise InvalidRequestError(
            "model is no option: a composer asks one model.",
            hint="Make a Composer for the other one, over connect() or with_options(model=...).",
        )


def _merged(
    base: tuple[dict[str, object], list[str]], over: tuple[dict[str, object], list[str]]
) -> tuple[dict[str, object], list[str]]:
    under = dict(base[0])
    # A call's own spelling of an option takes the place of the composer's, however that spelled it.
    for core, spellings in _SPELLINGS.items():
        if any(name in over[0] for name in (core, *spellings)):
            for name in (core, *spellings):
                under.pop(name, None)
    extra = _both(under.get("extra"), over[0].get("extra"))
    found = {**under, **over[0]}
    if extra is not None:
        found["extra"] = extra
    return {name: value for name, value in found.items() if value is not None}, [*base[1], *over[1]]


def _both(under: object, over: object) -> dict[str, object] | None:
    """Return two mappings of vendor fields as one; only ``chat_template_kwargs`` is merged inside."""
    if not isinstance(under, Mapping) or not isinstance(over, Mapping):
        return None
    found = {**under, **over}
    inner = under.get("chat_template_kwargs"), over.get("chat_template_kwargs")
    if isinstance(inner[0], Mapping) and isinstance(inner[1], Mapping):
        found["chat_template_kwargs"] = {**inner[0], **inner[1]}
    return found


def _whole(names: dict[str, object], shown: str, name: str, least: int) -> int | None:
    """Take out an option that is a whole number."""
    value = names.pop(name, None)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= least):
        return value
    raise InvalidRequestError(f"ModelOption.{shown} is {value!r}; give a whole number, {least} or more, or None.")


def _set_timeout(call: dict[str, Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InvalidRequestError(f"ModelOption.STREAM_TIMEOUT is {value!r}; give seconds above 0, or None.")
    limits = call.get("limits")
    given = dict(limits) if isinstance(limits, Mapping) else {}
    if limits is not None and not isinstance(limits, Mapping):
        given = {name: getattr(limits, name) for name in ("total", "first_event", "idle")}
    call["limits"] = {"first_event": float(value), "idle": float(value), **{k: v for k, v in given.items() if v}}
