"""Which backend reads which server, on which wire; and what each of these servers cannot, with the reason.

``cannot`` names tests of test_users.py, ``breaks`` laws of the conformance suite, or one case of either. Both are
expected failures: one that works after all fails, so that the lists, and the tables of docs/servers.md, stay true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .servers import LLAMA, SERVE, VLLM_SERVE, Server


@dataclass(frozen=True)
class Peer:
    """A server, read by a backend on a wire.

    Attributes:
        server: The server.
        backend: The backend's name.
        wire: The wire.
        config: Further arguments of ``connect``.
        cannot: Why a test of what users do fails, by its name without ``test_``.
        breaks: Why a law of the conformance suite fails.
    """

    server: Server
    backend: str
    wire: str
    config: Mapping[str, Any] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)
    breaks: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.server.name}-{self.backend}-{self.wire}".replace(" ", "-")


_FIT = "test_an_answer_of_a_schema_fits_it"
_WORKS = "test_a_capability_works_if_it_is_declared_and_is_refused_if_not"
_FACET = "test_a_facet_works_if_it_is_declared_and_is_refused_if_not"
_LENGTH = "test_max_tokens_ends_an_answer_with_the_finish_length"
_CALLED = "test_a_tool_is_called_with_arguments_that_fit"
_STOPPED = "test_a_stop_sequence_ends_an_answer_and_is_not_in_it"
_LEFT_OUT = "test_with_leave_a_missing_option_is_left_out_and_recorded"


def _cases(law: str, case: str, reason: str) -> Mapping[str, str]:
    """Return both cases of a law, streamed and not."""
    return {f"{law}[{case}-complete]": reason, f"{law}[{case}-stream]": reason}


_NO_STOP = "it generates the whole answer, unless it is streamed, although the client has hung up"
_NO_SCHEMA = "it takes no notice of the field that this wire has for a schema"
_LONG_ENOUGH = "it says that an answer is completed where max_output_tokens cut it"
_NO_EYES = _cases(_WORKS, "image_input", "the model has no eyes, and the server says so")

_LLAMA = {
    "a_model_that_is_not_there_is_an_error": "it has one model, and answers with it whatever name is asked for",
    "one_tool_can_be_required_by_its_name": "it takes a name for 'required': any of the tools may be called",
    "leaving_an_answer_frees_its_slot[cancel]": _NO_STOP,
}
_NAMED = "one_tool_can_be_required_by_its_name"
# On the chat wire Backbay offers the named tool alone.
_LLAMA_CHAT = {what: why for what, why in _LLAMA.items() if what != _NAMED}
_LLAMA_RESPONSES = {
    **_LLAMA,
    "both_ways_name_the_model": "its stream names the model in its last event alone",
    "the_length_limit_ends_the_answer": _LONG_ENOUGH,
}
_TEXT = "it gives this model's tool calls as text, since it has no parser for them"
_SERVE = {
    "a_tool_is_called": _TEXT,
    "a_tool_call_streams_in_deltas_and_its_result_is_answered": _TEXT,
    "some_tool_can_be_required": "it takes no notice of tool_choice",
    "one_tool_can_be_required_by_its_name": "it takes no notice of tool_choice",
    "a_json_schema_is_kept": _NO_SCHEMA,
    "a_prompt_that_is_too_long_is_a_context_length_error": "it goes on past what the model was trained on",
    "a_model_that_is_not_there_is_an_error": "it has one model; any other name is a 400 without a code",
    "a_wrong_key_is_an_authentication_error": "it has no keys",
    "a_server_that_was_started_with_a_key_wants_it": "it has no keys",
    "leaving_an_answer_frees_its_slot[cancel]": _NO_STOP,
    "the_model_list_names_a_model": "its list has the models of its download folder, not the one that it serves",
    "the_model_list_has_the_context_window": "its list does not have the model that it serves",
}
_SERVE_LAWS = {
    _CALLED: _TEXT,
    _FIT: _NO_SCHEMA,
    f"{_FACET}[list_models]": _SERVE["the_model_list_names_a_model"],
    f"{_FACET}[embeddings]": "it does not embed",
}

_VLLM = {
    "a_prompt_that_is_too_long_is_a_context_length_error": "its error has no code for that, and says it in words alone",
}
_VLLM_FACETS = {f"{_FACET}[embeddings]": "it embeds with models that were made for that alone"}

_TRIED_AGAIN = {"retries": 3}  # llama.cpp hangs up after each streamed answer: see docs/servers.md
_FEW = {"defaults": {"max_tokens": 300}}  # the wire's default is more than vLLM was started for

PEERS = (
    Peer(LLAMA, "llamacpp", "openai_chat", config=_TRIED_AGAIN, cannot=_LLAMA_CHAT),
    Peer(
        LLAMA,
        "llamacpp",
        "openai_responses",
        config=_TRIED_AGAIN,
        cannot=_LLAMA_RESPONSES,
        breaks={_LENGTH: _LONG_ENOUGH},
    ),
    Peer(LLAMA, "llamacpp", "anthropic_messages", config=_TRIED_AGAIN, cannot=_LLAMA),
    Peer(
        LLAMA,
        "openai",
        "openai_responses",
        config=_TRIED_AGAIN,
        cannot={**_LLAMA_RESPONSES, "a_json_schema_is_kept": _NO_SCHEMA},
        breaks={**_NO_EYES, _FIT: _NO_SCHEMA, _LENGTH: _LONG_ENOUGH},
    ),
    Peer(
        LLAMA,
        "anthropic",
        "anthropic_messages",
        config=_TRIED_AGAIN,
        cannot={**_LLAMA, "a_json_schema_is_kept": _NO_SCHEMA},
        breaks={**_NO_EYES, _FIT: _NO_SCHEMA},
    ),
    Peer(
        SERVE,
        "openai-compatible",
        "openai_chat",
        cannot={
            **_SERVE,
            "a_stop_sequence_ends_the_answer_and_is_not_in_it": "it leaves the stop sequence in the answer",
            "log_probabilities_are_given_where_they_are_asked_for": "it gives none",
        },
        breaks={**_SERVE_LAWS, _STOPPED: "it leaves the stop sequence in the answer"},
    ),
    Peer(
        SERVE,
        "openai-compatible",
        "openai_responses",
        cannot={
            **_SERVE,
            "the_length_limit_ends_the_answer": _LONG_ENOUGH,
            "tokens_of_a_prompt_are_counted": "it does not count",
        },
        breaks={**_SERVE_LAWS, _LENGTH: _LONG_ENOUGH},
    ),
    Peer(VLLM_SERVE, "vllm", "openai_chat", breaks=_VLLM_FACETS),
    Peer(VLLM_SERVE, "vllm", "openai_responses", cannot=_VLLM, breaks=_VLLM_FACETS),
    Peer(
        VLLM_SERVE,
        "vllm",
        "anthropic_messages",
        config=_FEW,
        cannot=_VLLM,
        breaks=_cases(
            _LEFT_OUT, "max_tokens", "what Backbay sends where the wire must have a number is too much for it"
        ),
    ),
    Peer(
        VLLM_SERVE,
        "openai",
        "openai_responses",
        cannot={**_VLLM, "tokens_of_a_prompt_are_counted": "it does not count on this wire"},
        breaks={**_NO_EYES, **_VLLM_FACETS},
    ),
)
"""Every one."""


def here() -> tuple[Peer, ...]:
    """Return those whose servers can be started here."""
    return tuple(peer for peer in PEERS if peer.server.there())
