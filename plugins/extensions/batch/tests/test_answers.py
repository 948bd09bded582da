"""Answers in OpenAI's form, and prices that another distribution knows."""

from __future__ import annotations

import sys
from decimal import Decimal
from types import ModuleType, SimpleNamespace

from backbay import Embeddings, Finish, Response, ToolCall, Usage
from backbay.testing import connect_fake
from backbay_batch.answers import chat_body, embeddings_body
from backbay_batch.prices import known_price


def test_the_vendors_own_body_is_given_as_it_is():
    raw = {"choices": [], "object": "chat.completion", "odd": 1}
    assert chat_body(Response(text="x", raw=raw), "m") == raw


def test_an_answer_of_another_wire_is_written_in_openais_form():
    call = ToolCall(id="c1", name="f", raw_arguments='{"a": 1}')
    response = Response(
        text="",
        thinking="hm",
        tool_calls=(call,),
        finish=Finish.STOP,
        usage=Usage(7, 3, cached=2, reasoning=1),
        model="m-1",
        id="i",
        raw={"content": []},
    )
    body = chat_body(response, "m")
    [choice] = body["choices"]
    assert (body["id"], body["model"], choice["finish_reason"]) == ("i", "m-1", "tool_calls")
    assert choice["message"]["content"] is None
    assert choice["message"]["reasoning_content"] == "hm"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert body["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


def test_counts_that_are_not_known_are_not_made_up():
    assert "usage" not in chat_body(Response(text="x", usage=Usage(7, None)), "m")
    assert "usage" not in embeddings_body(Embeddings(vectors=[[1.0]]), "m")
    assert embeddings_body(Embeddings(vectors=[[1.0]]), "m")["model"] == "m"


def _prices(monkeypatch, found):
    module = ModuleType("backbay_telemetry.cost")
    module.price = lambda vendor, model, usage: found
    monkeypatch.setitem(sys.modules, "backbay_telemetry", ModuleType("backbay_telemetry"))
    monkeypatch.setitem(sys.modules, "backbay_telemetry.cost", module)


def test_list_prices_are_taken_where_they_hold(monkeypatch):
    _prices(monkeypatch, SimpleNamespace(amount=Decimal("0.25"), currency="USD"))
    hosted = SimpleNamespace(spec=SimpleNamespace(name="acme", native=False), id="acme")
    price = known_price(hosted)
    assert price("m", Usage(1, 1)) == 0.25
    assert price(None, Usage(1, 1)) is None
    elsewhere = SimpleNamespace(spec=SimpleNamespace(name="acme", native=False), id="acme:http://127.0.0.1:1/v1")
    assert known_price(elsewhere) is None


def test_a_local_engine_has_no_list_price_and_without_the_other_distribution_there_is_none(monkeypatch):
    _prices(monkeypatch, None)
    native = SimpleNamespace(spec=SimpleNamespace(name="acme", native=True), id="acme")
    assert known_price(native) is None
    monkeypatch.setitem(sys.modules, "backbay_telemetry.cost", None)
    assert known_price(connect_fake("x")) is None
