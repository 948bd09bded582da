"""What a vendor's own record of a model says beyond what every vendor says: prices, capabilities, what it is for.

Records are recognised by their shape and not by the vendor, since gateways repeat the shapes of others. Sources:
recorded model lists of the vendors that each line names, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from .facts import CAPABILITIES, price

_FLAGS = {
    "tools": (
        "capabilities.function_calling",  # Mistral
        "model_spec.capabilities.supportsFunctionCalling",  # Venice
        "capabilities.supports.tool_calls",  # GitHub Copilot
    ),
    "image_input": (
        "capabilities.vision",
        "model_spec.capabilities.supportsVision",
        "capabilities.supports.vision",
        "capabilities.image_input.supported",  # Anthropic
    ),
    "audio_input": ("capabilities.audio", "model_spec.capabilities.supportsAudioInput"),
    "file_input": ("capabilities.pdf_input.supported",),
    "structured_output": (
        "model_spec.capabilities.supportsResponseSchema",
        "capabilities.supports.structured_outputs",
        "capabilities.structured_outputs.supported",
    ),
    "reasoning": (
        "model_spec.capabilities.supportsReasoning",
        "capabilities.thinking.supported",
        "thinking",  # Google
    ),
    "streaming": ("capabilities.supports.streaming",),
    "parallel_tool_calls": ("capabilities.supports.parallel_tool_calls",),
}
"""Paths to a yes or no, by capability."""

_PATHS = {f"{CAPABILITIES}{name}": [tuple(path.split(".")) for path in paths] for name, paths in _FLAGS.items()}
_HOLDERS = frozenset(path[0] for paths in _PATHS.values() for path in paths)

_PARAMETERS = {"tools": "tools", "structured_outputs": "structured_output", "reasoning": "reasoning", "seed": "seed"}
_PARAMETERS |= {"temperature": "temperature", "top_p": "top_p", "stop": "stop", "max_tokens": "max_tokens"}
_PARAMETERS = {parameter: f"{CAPABILITIES}{name}" for parameter, name in _PARAMETERS.items()}
"""Of OpenRouter's ``supported_parameters``: capabilities by parameter."""

_INPUTS = {kind: f"{CAPABILITIES}{kind}_input" for kind in ("image", "audio", "file")}
"""Of ``input_modalities`` (OpenRouter, Hugging Face, Groq)."""

_USES = {"chat": "chat", "text": "chat", "embedding": "embedding", "embeddings": "embedding", "rerank": "rerank"}
_USES |= {"image": "image", "tts": "speech", "asr": "transcription", "transcription": "transcription"}
_USES |= {"video": "video", "audio": "speech", "moderation": "moderation", "completion": "completion"}
_METHODS = {"generateContent": "chat", "embedContent": "embedding", "predict": "image", "predictLongRunning": "video"}

_MILLION = 1e6


def read(record: Mapping[str, object]) -> dict[str, object]:
    """Return what a vendor's record of a model says, by the names of ``facts``."""
    found: dict[str, object] = {"description": at(record, "description") or at(record, "model_spec.description")}
    found |= _prices(record)
    found |= _capabilities(record)
    found["model_use"] = _use(record)
    return found


def at(record: object, path: str) -> object:
    """Return what stands at a path of keys, ``"a.b"``; ``None`` if nothing does."""
    return _at(record, tuple(path.split(".")))


def _at(record: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def _prices(record: Mapping[str, object]) -> dict[str, object]:
    pricing = record.get("pricing")
    venice = at(record, "model_spec.pricing")
    if isinstance(venice, dict):
        names = {"input_price": "input.usd", "output_price": "output.usd", "cached_price": "cache_input.usd"}
        return {name: price(at(venice, path)) for name, path in names.items()}
    if not isinstance(pricing, dict):
        return {}
    if pricing.get("unit") == "usd_per_1m_tokens":  # Perplexity
        names = {"input_price": "input", "output_price": "output", "cached_price": "cache_read"}
        return {name: price(pricing.get(key)) for name, key in names.items()}
    # OpenRouter: dollars for one token, as text; -1 means that it depends.
    names = {"input_price": "prompt", "output_price": "completion", "cached_price": "input_cache_read"}
    return {
        name: price(pricing.get(key), times=_MILLION)
        for name, key in names.items()
        if isinstance(pricing.get(key), str)
    }


def _capabilities(record: Mapping[str, object]) -> dict[str, str]:
    found = {}
    if not _HOLDERS.isdisjoint(record):
        for name, paths in _PATHS.items():
            stated = next((flag for path in paths if isinstance(flag := _at(record, path), bool)), None)
            if stated is not None:
                found[name] = _support(yes=stated)
    parameters = record.get("supported_parameters")
    if isinstance(parameters, list) and parameters:
        found |= {capability: _support(yes=name in parameters) for name, capability in _PARAMETERS.items()}
    inputs = record.get("input_modalities") or at(record, "architecture.input_modalities")
    if isinstance(inputs, list) and inputs:
        found |= {capability: _support(yes=kind in inputs) for kind, capability in _INPUTS.items()}
    return found


def _use(record: Mapping[str, object]) -> str | None:
    for path in ("type", "capabilities.type"):
        kind = at(record, path)
        if isinstance(kind, str) and kind in _USES:
            return _USES[kind]
    methods = record.get("supportedGenerationMethods")
    if isinstance(methods, list):
        return next((use for method, use in _METHODS.items() if method in methods), None)
    outputs = record.get("output_modalities") or at(record, "architecture.output_modalities")
    if isinstance(outputs, list) and len(outputs) == 1 and isinstance(outputs[0], str):
        return _USES.get(outputs[0])
    return None


def _support(*, yes: bool) -> str:
    return "full" if yes else "unsupported"
