"""What an answer has besides text, thinking and calls: citations, sound, images, log probabilities, other choices.

Sources: OpenAI's reference (annotations, audio, logprobs), Perplexity's (citations, search_results, images), Groq's
(executed_tools), Z.ai's (web_search), vLLM's and SGLang's (stop_reason, matched_stop), Mistral's (reference parts);
recorded traffic.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

_KEPT = (
    "service_tier system_fingerprint timings prompt_filter_results search_results related_questions provider "
    "moderation cost time_info venice_parameters copilot_usage"
).split()
"""Fields of a chunk that are kept by the vendor's names; the newest holds."""

USUAL = frozenset("id object created model choices usage system_fingerprint service_tier obfuscation".split())
USUAL_CHOICE = frozenset("index delta message finish_reason logprobs text seed".split())
_USUAL_DELTA = frozenset("role content tool_calls reasoning reasoning_content reasoning_details refusal".split())
"""Fields that ``chat_chunks`` reads, or that say nothing: where there are no others, nothing is looked for."""

_TOOLS = ("executed_tools", "reasoning_steps")
_LISTED = {"annotations": "citations", "images": "images"}


class Details:
    """Collects ``Ended.details`` of one answer."""

    __slots__ = ("_choices", "_found", "_logprobs")

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._logprobs: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def read_chunk(self, chunk: Mapping[str, Any]) -> None:
        """Keep what stands beside the choices. For the first chunk, the last ones, and any with unusual fields."""
        for name in _KEPT:
            if chunk.get(name):
                self._found[name] = chunk[name]
        # Perplexity repeats the whole list with each chunk (recorded).
        if isinstance(chunk.get("citations"), list) and chunk["citations"]:
            self._found["citations"] = chunk["citations"]
        if isinstance(chunk.get("images"), list) and chunk["images"]:
            self._found["images"] = chunk["images"]
        if isinstance(chunk.get("web_search"), list) and chunk["web_search"]:
            self._found["server_tools"] = chunk["web_search"]

    def read_choice(self, choice: Mapping[str, Any]) -> None:
        """Keep what stands beside the delta, if any of it is unusual."""
        if choice.get("logprobs"):
            self._add_logprobs(choice["logprobs"])
        for name in ("content_filter_results", "native_finish_reason"):
            if choice.get(name):
                self._found[name] = choice[name]
        # The string that ended the answer; a number is the id of an end token, and says nothing.
        stop = choice.get("stop_reason") or choice.get("matched_stop")
        if isinstance(stop, str):
            self._found["stop_sequence"] = stop

    def read_delta(self, delta: Mapping[str, Any]) -> None:
        """Keep what stands in the delta, or in a whole answer's message."""
        if delta.keys() <= _USUAL_DELTA:
            return
        for name, ours in _LISTED.items():
            if isinstance(delta.get(name), list) and delta[name]:
                self._found.setdefault(ours, []).extend(delta[name])
        for name in _TOOLS:
            if isinstance(delta.get(name), list) and delta[name]:
                self._found.setdefault("server_tools", []).extend(delta[name])
        if isinstance(delta.get("audio"), dict):
            self._add_audio(delta["audio"])

    def add(self, name: str, value: object) -> None:
        """Add one more object to a list."""
        self._found.setdefault(name, []).append(value)

    def read_other(self, choice: Mapping[str, Any]) -> None:
        """Put together another choice than the first, as a whole answer would have it."""
        number = choice["index"]
        if not isinstance(number, int):
            return
        known = self._choices.setdefault(number, {"index": number, "message": {}})
        for name, value in choice.items():
            if name == "delta" and isinstance(value, dict):
                _grow(known["message"], value)
            elif name == "logprobs" and isinstance(value, dict):
                if not isinstance(known.get(name), dict):
                    known[name] = {}
                _grow(known[name], value)
            elif name not in ("delta", "message", "index") and value is not None:
                known[name] = value

    def whole(self) -> dict[str, Any] | None:
        """Return what was found, or ``None`` if nothing was."""
        if "citations" not in self._found and self._found.get("search_results"):
            self._found["citations"] = self._found["search_results"]
        # DeepSeek has those of the thinking in the same object (recorded); they are not of the answer.
        thought = self._logprobs.pop("reasoning_content", None)
        if thought:
            self._found["reasoning_logprobs"] = thought
        if self._logprobs:
            self._found["logprobs"] = self._logprobs
        if self._choices:
            self._found["choices"] = [self._choices[number] for number in sorted(self._choices)]
        return self._found or None

    def _add_logprobs(self, logprobs: object) -> None:
        if not isinstance(logprobs, dict):
            self._add_logprobs({"content": [logprobs]})
            return
        for name, value in logprobs.items():
            if isinstance(value, list) and isinstance(self._logprobs.get(name), list):
                self._logprobs[name].extend(value)
            elif isinstance(value, list):
                self._logprobs[name] = list(value)
            elif value is not None:
                self._logprobs[name] = value

    def _add_audio(self, audio: Mapping[str, Any]) -> None:
        if not any(audio.values()):
            return  # Snowflake sends zero values in place of nothing (recorded).
        kept = self._found.setdefault("audio", {})
        for name, value in audio.items():
            if name == "data" and isinstance(kept.get(name), str) and isinstance(value, str):
                kept[name] = _joined_base64(kept[name], value)
            elif name == "transcript" and isinstance(kept.get(name), str) and isinstance(value, str):
                kept[name] += value
            else:
                kept[name] = value


def _joined_base64(first: str, second: str) -> str:
    """Return two base64 texts as one; padding may stand only at its end."""
    if not first.endswith("="):
        return first + second
    try:
        joined = base64.b64decode(first, validate=True) + base64.b64decode(second, validate=True)
    except ValueError:
        return first + second
    return base64.b64encode(joined).decode("ascii")


def _grow(known: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta to what is known: texts are continued, lists of numbered objects merged, all else replaced."""
    for name, value in delta.items():
        before = known.get(name)
        if isinstance(before, str) and isinstance(value, str) and name not in ("role", "id", "type"):
            known[name] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            _grow(before, value)
        elif isinstance(value, list):
            listed = known[name] = before if isinstance(before, list) else []
            for item in value:
                _grow_list(listed, item)
        elif value is not None or name not in known:
            known[name] = dict(value) if isinstance(value, dict) else value


def _grow_list(listed: list[Any], item: object) -> None:
    number = item.get("index") if isinstance(item, dict) else None
    same = [
        known for known in listed if number is not None and isinstance(known, dict) and known.get("index") == number
    ]
    if same and isinstance(item, dict):
        _grow(same[0], item)
    else:
        listed.append(dict(item) if isinstance(item, dict) else item)
