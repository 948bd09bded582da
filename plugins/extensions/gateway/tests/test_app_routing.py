"""Who is asked, in which order, who is left out, and who said so."""

from __future__ import annotations

import pytest

from backbay.errors import ConnectError, ServerError
from backbay.testing import Reply
from backbay_gateway.config import Routing
from backbay_gateway.routing.breaker import Breaker


def chat(text: str) -> Reply:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return Reply.json(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    )


ASK = {"model": "any", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def two(gateway, vendor):
    def start(first, second, *, strategy="fallback", targets=None, routing=None, **more):
        servers = vendor(first), vendor(second)
        upstreams = [
            {"vendor": "acme", "name": name, "base_url": server.url, **more.get(name, {})}
            for name, server in zip(("one", "two"), servers, strict=True)
        ]
        aliases = [{"name": "any", "strategy": strategy, "targets": targets or ["one:m", "two:m"]}]
        found = {"retries": 0, "health_interval": 3600, **(routing or {})}
        return gateway(upstreams=upstreams, aliases=aliases, routing=found), *servers

    return start


@pytest.mark.parametrize("status", [429, 500, 503, 401])
@pytest.mark.parametrize("transcode", [False, True])
def test_the_next_one_is_asked_where_the_one_before_fails(two, status, transcode) -> None:
    bad = Reply.json({"error": {"message": "no"}}, status=status)
    running, first, second = two(bad, chat("two"), one={"transcode": transcode}, two={"transcode": not transcode})
    answer = running.ask("/v1/chat/completions", ASK)
    assert answer.json["choices"][0]["message"]["content"] == "two"
    assert answer.headers["x-backbay-served-by"] == "two:m"
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_a_wrong_request_is_the_clients_own_and_nobody_else_is_asked(two) -> None:
    running, _, second = two(Reply.json({"error": {"message": "bad temperature"}}, status=400), chat("two"))
    answer = running.ask("/v1/chat/completions", ASK)
    assert answer.status == 400
    assert "bad temperature" in answer.error["message"]
    assert second.requests == []


def test_nobody_else_is_asked_once_the_client_has_a_byte(two) -> None:
    begun = Reply(headers={"content-type": "text/event-stream"}, steps=[b'data: {"a":1}\n\n'], end="cut")
    running, _, second = two(begun, chat("two"))
    answer = running.ask("/v1/chat/completions", {**ASK, "stream": True})
    assert not answer.whole
    assert second.requests == []


def test_an_answer_in_one_piece_that_breaks_off_is_asked_for_elsewhere(two) -> None:
    running, _, _ = two(
        Reply(headers={"content-type": "application/json"}, steps=[b'{"half":'], end="cut"), chat("two")
    )
    assert running.ask("/v1/chat/completions", ASK).headers["x-backbay-served-by"] == "two:m"


def test_when_all_fail_the_client_gets_one_error_and_is_told_not_to_repeat_it(two) -> None:
    bad = Reply.json({"error": {"message": "no"}}, status=500)
    running, first, second = two(bad, bad, routing={"retries": 1})
    answer = running.ask("/v1/chat/completions", ASK)
    assert answer.status == 502
    assert answer.headers["x-should-retry"] == "false"
    assert [len([each for each in server.requests if each.method == "POST"]) for server in (first, second)] == [2, 2]


def test_weights_are_kept_by_chance(two) -> None:
    targets = [{"model": "one:m", "weight": 9}, {"model": "two:m", "weight": 1}]
    running, first, second = two(chat("one"), chat("two"), strategy="weighted", targets=targets)
    for _ in range(60):
        assert running.ask("/v1/chat/completions", ASK).status == 200
    assert len(first.requests) + len(second.requests) == 60
    assert 0 < len(second.requests) < 25


def test_the_least_busy_one_is_asked(two) -> None:
    running, first, _ = two(chat("one"), chat("two"), strategy="least_busy")
    running.server.gateway.snapshot.upstreams["one"].busy = 5
    assert running.ask("/v1/chat/completions", ASK).headers["x-backbay-served-by"] == "two:m"
    assert first.requests == []


def test_the_one_that_can_do_what_is_asked_is_chosen(two) -> None:
    lacking = {"options": {"capabilities": {"image_input": "unsupported"}}}
    running, first, _ = two(chat("one"), chat("two"), strategy="capability", one=lacking)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = {"model": "any", "messages": [{"role": "user", "content": [image]}]}
    assert running.ask("/v1/chat/completions", body).headers["x-backbay-served-by"] == "two:m"
    assert first.requests == []
    assert running.ask("/v1/chat/completions", ASK).headers["x-backbay-served-by"] == "one:m"


def test_one_that_fails_again_and_again_is_left_out_then_tried_and_taken_back(two) -> None:
    bad = Reply.json({"error": {"message": "no"}}, status=500)
    routing = {"breaker_failures": 2, "breaker_rest": 0.4}
    running, first, _ = two([bad, bad, chat("one")], chat("two"), routing=routing)
    served = [running.ask("/v1/chat/completions", ASK).headers["x-backbay-served-by"] for _ in range(4)]
    assert served == ["two:m"] * 4
    assert len(first.requests) == 2
    breaker = running.server.gateway.snapshot.upstreams["one"].breaker
    running.until(lambda: breaker.state == "half_open")
    assert running.ask("/v1/chat/completions", ASK).headers["x-backbay-served-by"] == "one:m"
    running.until(lambda: breaker.state == "closed")


def test_where_all_are_left_out_the_client_is_told_when_to_come_back(one) -> None:
    tables = {"routing": {"breaker_failures": 1, "breaker_rest": 60, "retries": 0}}
    running, vendor = one(Reply.json({}, status=500), tables=tables)
    question = {"model": "acme:m", "messages": []}
    assert running.ask("/v1/chat/completions", question).status == 502
    answer = running.ask("/v1/chat/completions", question)
    assert answer.status == 503
    assert 55 <= int(answer.headers["retry-after"]) <= 60
    assert len(vendor.requests) == 1


def test_a_health_check_takes_back_one_that_could_not_be_reached(gateway, vendor) -> None:
    server = vendor(lambda received: Reply.json({"data": []}) if received.method == "GET" else chat("x"))
    routing = {"retries": 0, "breaker_failures": 1, "breaker_rest": 60, "health_interval": 1}
    running = gateway(upstreams=[{"vendor": "acme", "base_url": server.url}], routing=routing)
    upstream = running.server.gateway.snapshot.upstreams["acme"]
    running.soon(upstream.breaker.failed, ConnectError("gone", attempts=1))
    assert upstream.breaker.state == "open"
    running.until(lambda: upstream.breaker.state == "closed", 4.0)


def test_models_of_an_upstream_that_is_down_are_not_listed(two) -> None:
    models = Reply.json({"data": [{"id": "m"}]})
    running, _, _ = two(models, models)
    running.server.gateway.snapshot.upstreams["one"].reachable = False
    assert [each["id"] for each in running.ask("/v1/models").json["data"]] == ["any", "two:m"]


def test_a_key_gets_at_what_it_may_use_and_at_nothing_else(two) -> None:
    from backbay_gateway.keys import KeyRequest

    running, first, _ = two(chat("one"), chat("two"))
    new = running.call(running.server.gateway.keys.create(KeyRequest(models=["two:*"])))
    assert running.ask("/v1/chat/completions", ASK, key=new.text).headers["x-backbay-served-by"] == "two:m"
    answer = running.ask("/v1/chat/completions", {**ASK, "model": "one:m"}, key=new.text)
    assert answer.status == 403
    assert first.requests == []


def test_a_budget_in_money_is_kept_by_the_configured_prices(two) -> None:
    from backbay_gateway.keys import KeyLimits, KeyRequest

    prices = {"prices": {"m": {"input": 1_000_000, "output": 1_000_000}}}
    running, _, _ = two(chat("one"), chat("two"), one=prices, two=prices)
    request = KeyRequest(limits=KeyLimits(budget_cost=100.0))
    new = running.call(running.server.gateway.keys.create(request))
    answers = [running.ask("/v1/chat/completions", {**ASK, "max_tokens": 1}, key=new.text).status for _ in range(60)]
    assert answers[0] == 200
    assert answers[-1] == 429
    assert 20 <= answers.count(200) <= 50  # two tokens each, of money 1 a token


def test_what_was_used_is_in_the_ledger_exactly(two) -> None:
    from sqlalchemy import create_engine, text

    running, _, _ = two(chat("one"), chat("two"))
    for _ in range(5):
        running.ask("/v1/chat/completions", ASK)
    running.ask("/v1/chat/completions", {**ASK, "model": "no:such"})
    running.call(running.server.gateway.keys.sync())
    engine = create_engine(f"sqlite:///{running.server.gateway.keys.name}")
    with engine.connect() as connection:
        rows = connection.execute(text("select * from gateway_ledger")).mappings().all()
    engine.dispose()
    assert len(rows) == 5
    assert {row["served_by"] for row in rows} == {"one:m"}


def test_a_breaker_opens_doubles_its_rest_and_closes() -> None:
    now = [0.0]
    breaker = Breaker(Routing(breaker_failures=2, breaker_rest=1, breaker_longest_rest=3), lambda: now[0])
    error = ServerError("no")
    breaker.failed(error)
    assert breaker.lets_through
    breaker.failed(error)
    assert not breaker.lets_through
    for rest in (1.0, 2.0, 3.0, 3.0):
        assert breaker.remaining == rest
        now[0] += rest
        assert breaker.state == "half_open"
        assert breaker.lets_through
        breaker.begin()
        assert not breaker.lets_through, "one alone may try"
        breaker.failed(error)
    now[0] += 3
    breaker.begin()
    breaker.gave_up()
    assert breaker.lets_through
    breaker.begin()
    breaker.succeeded()
    assert breaker.state == "closed"


def test_a_rate_limit_says_nothing_against_an_upstream(one) -> None:
    tables = {"routing": {"breaker_failures": 1, "retries": 0}}
    running, _ = one(
        Reply.json({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "7"}), tables=tables
    )
    question = {"model": "acme:m", "messages": []}
    for _ in range(2):
        answer = running.ask("/v1/chat/completions", question)
        assert answer.status == 429
        assert answer.headers["retry-after"] == "7"
    assert running.server.gateway.snapshot.upstreams["acme"].breaker.state == "closed"
    assert answer.error["message"]
