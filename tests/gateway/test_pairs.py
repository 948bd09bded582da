"""All sixteen pairs of client and backend carry the canonical scenarios of the suite, streamed and whole."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from gateway_clients.pairs import KINDS, subject, turn_of

from backbay import BadRequestError, Message, ToolCall, UnsupportedError
from backbay.limits import NO_LIMITS
from backbay.request import build_request
from backbay.wires.anthropic_body import MAX_TOKENS
from backbay.wires.budgets import BUDGETS
from backbay_conformance.laws.answers import counts, told
from backbay_conformance.laws.asked import assert_asked
from backbay_conformance.laws.conversations import SIGNATURE
from backbay_conformance.scenarios import SCENARIOS
from backbay_conformance.vendor import COUNTS, MODEL

EACH = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)
PAIRS = pytest.mark.parametrize("pair", list(itertools.product(KINDS, KINDS)), ids="-to-".join)
HOW = pytest.mark.parametrize("how", ["complete", "stream"])


@HOW
@EACH
@PAIRS
def test_a_pair_carries_a_canonical_scenario(rig, run, pair, scenario, how):
    client, backend = pair
    rig.answers(scenario.answer)
    if scenario.options.get("stop") and "openai_responses" in (client, backend):
        # The responses wire has no stop sequences: its own client cannot ask, and for others the gateway refuses.
        with pytest.raises((UnsupportedError, BadRequestError), match="stop has no place on the responses wire"):
            run(rig.ask(client, backend, scenario, how))
        assert rig.asked(backend) == []
        return
    response = run(rig.ask(client, backend, scenario, how))
    wrapped = client == "anthropic_messages" != backend and how == "complete"
    assert_answer(rig, response, scenario.answer, client, backend, wrapped=wrapped)
    [asked] = rig.asked(backend)
    wanted = as_asked(client, backend, scenario)
    if backend == "native":
        assert [turn_of(message) for message in asked.messages] == [turn_of(message) for message in wanted.messages]
        for name in ("tools", "tool_choice", "model", "max_tokens", "stop", "response_format"):
            assert getattr(asked, name) == getattr(wanted, name), name
    else:
        assert_asked(asked, wanted, subject(rig, backend))


@HOW
@PAIRS
def test_what_a_vendor_signed_comes_back_to_it_byte_for_byte(rig, run, pair, how):
    """The client keeps nothing but its own wire's JSON; the gateway seals the signature into it, and opens it again."""
    client, backend = pair
    scenario = SCENARIOS["thinking"]
    answer = dataclasses.replace(scenario.answer, signature=SIGNATURE)
    rig.answers(answer)
    first = run(rig.ask(client, backend, scenario, how))
    stored = Message.model_validate_json(first.message.model_dump_json())
    turns = [Message(role="user", content=str(scenario.messages)), stored, Message(role="user", content="And 3 + 3?")]
    run(rig.ask(client, backend, dataclasses.replace(scenario, messages=turns), how))
    said = signatures(rig.asked(backend)[1], backend)
    signs = backend == "native" or rig.vendors[backend].resends_thinking
    # The chat wire has a place for an envelope in what it answers, and clients of its vendors do not send it back.
    assert said == ([SIGNATURE] if signs else [])


def signatures(asked, backend):
    """Return the signatures in a request."""
    if backend == "native":
        parts = [part for message in asked.messages for part in message.parts() if part.type == "thinking"]
        return [part.opaque["acme-inside"]["signature"] for part in parts if part.opaque]
    return [signature for turn in asked.turns for signature in turn.signatures]


def as_asked(client, backend, scenario):
    """Return what a backend is to be asked: what the scenario asks, but for what the wires must have in a number."""
    options = dict(scenario.options)
    if "anthropic_messages" in (client, backend) and "reasoning" in options:
        options["max_tokens"] = MAX_TOKENS + BUDGETS[options["reasoning"]]
    elif client == "anthropic_messages" != backend:
        options.setdefault("max_tokens", MAX_TOKENS)
        if options.get("parallel_tool_calls"):
            options["tool_choice"] = "auto"  # Its wire says one thing with the other.
    return build_request(scenario.messages, options, limits=NO_LIMITS, model=MODEL)


def assert_answer(rig, response, answer, client, backend, *, wrapped):
    """Compare what the client read with the canonical answer.

    ``wrapped``: the client's wire has JSON objects for arguments, so that what is none is wrapped in one.
    """
    fields = [kind == "native" or rig.vendors[kind].refuses_in_a_field for kind in (client, backend)]
    refused = "".join(answer.refusal)
    assert response.text == ("" if all(fields) else refused) + "".join(answer.text)
    assert response.refusal == (refused if refused and all(fields) else None)
    assert response.thinking == ("".join(answer.thinking) or None)
    assert [(call.id, call.name) for call in response.tool_calls] == [(call.id, call.name) for call in answer.calls]
    for call, expected in zip(response.tool_calls, answer.calls, strict=True):
        wanted = ToolCall(id=expected.id, name=expected.name, raw_arguments=expected.raw)
        if wrapped and wanted.error:
            assert call.arguments == {"INVALID_JSON": expected.raw}
        else:
            assert (call.arguments, bool(call.error)) == (wanted.arguments, bool(wanted.error))
    assert response.finish is answer.finish
    tells = [COUNTS if kind == "native" else rig.vendors[kind].tells for kind in (client, backend)]
    counted = told(answer, tells[0] & tells[1])
    if client == "anthropic_messages" != backend and answer.usage is None:
        counted = (0, 0, None, None)  # The wire's clients must have numbers.
    elif client == "openai_responses" != backend and answer.usage is not None:
        counted = tuple(count or 0 for count in counted)  # Likewise.
    assert counts(response) == counted
