"""The pace, on a clock of the test's own."""

from __future__ import annotations

import math
import random

import pytest

from backbay import Usage
from backbay_batch import BatchSetupError, flat_price
from backbay_batch.budget import Budget
from backbay_batch.pacing import Pacer


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_the_window_begins_small_and_doubles_with_each_round_of_answers():
    pacer = Pacer(64, clock=Clock())
    sizes = []
    for _ in range(6):
        sizes.append(int(pacer.window))
        for _ in range(int(pacer.window)):
            pacer.answered(1000.0)
    assert sizes == [4, 8, 16, 32, 64, 64]


def test_a_sign_takes_a_fifth_off_the_window_once_for_all_calls_that_were_under_way():
    clock = Clock()
    pacer = Pacer(100, clock=clock)
    for _ in range(96):
        pacer.answered(1000.0)
    clock.now += 1
    for _ in range(20):
        pacer.slow_down(None, made_at=1000.5)
    assert pacer.window == 80
    clock.now += 10
    pacer.slow_down(None, made_at=clock.now - 1)
    assert pacer.window == 64


@pytest.mark.parametrize(("window", "after"), [(8.0, 9.0), (800.0, 840.0)])
def test_after_a_sign_a_round_of_answers_adds_a_twentieth_and_one_at_least(window, after):
    pacer = Pacer(10_000, clock=Clock())
    pacer.slow_down(None, 1000.0)
    pacer.window = window
    for _ in range(int(window)):
        pacer.answered(1000.0)
    assert pacer.window == pytest.approx(after, rel=0.03)


def test_calls_that_a_pause_held_back_are_spread_over_what_an_answer_takes():
    clock = Clock()
    pacer = Pacer(100, clock=clock)
    for _ in range(96):
        pacer.answered(clock.now - 4.0)
    pacer.slow_down(1.0, clock.now)
    clock.now += 1.0
    began, sent = clock.now, 0
    while sent < 80:
        wait = pacer.wait(sent, 1)
        if wait > 0:
            clock.now += wait
        else:
            pacer.sent(1)
            sent += 1
    assert pytest.approx(clock.now - began, rel=0.05) == 4.0 / 1.2


def test_the_window_never_falls_below_one_call():
    clock = Clock()
    pacer = Pacer(4, clock=clock)
    for _ in range(10):
        clock.now += 100
        pacer.slow_down(None, clock.now)
    assert pacer.window == 1
    clock.now += 100
    assert pacer.wait(0, 1) == 0


def test_all_calls_wait_for_as_long_as_the_vendor_asks():
    clock = Clock()
    pacer = Pacer(8, clock=clock)
    pacer.slow_down(7.0, clock.now)
    pacer.slow_down(2.0, clock.now)
    assert pacer.wait(0, 1) == pytest.approx(7)
    clock.now += 7
    assert pacer.wait(0, 1) == 0


def test_without_a_word_of_the_vendor_pauses_double_until_something_is_answered():
    clock = Clock()
    pacer = Pacer(8, clock=clock)
    pauses = []
    for _ in range(9):
        pacer.slow_down(None, clock.now)
        pauses.append(pacer.paused)
        clock.now += 100
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    pacer.answered(1000.0)
    pacer.slow_down(None, clock.now)
    assert pacer.paused == pytest.approx(0.5)


def test_calls_under_way_fill_the_window():
    assert Pacer(2, clock=Clock()).wait(2, 1) == math.inf


@pytest.mark.parametrize("rate", [1, 7, 60, 600, 10_000])
def test_no_minute_has_more_requests_than_were_allowed(rate):
    clock = Clock()
    pacer = Pacer(1000, per_minute=rate, clock=clock)
    made = []
    while clock.now < 1000 + 240 and len(made) < 30_000:
        seconds = pacer.wait(0, 1)
        if seconds:
            clock.now += seconds
            continue
        made.append(clock.now)
        pacer.sent(1)
    worst = 0
    first = 0
    for last, at in enumerate(made):
        while made[first] <= at - 60:
            first += 1
        worst = max(worst, last - first + 1)
    assert worst <= rate + 1
    assert len(made) >= min(30_000, 3 * rate)


def test_tokens_a_minute_are_held_by_what_the_vendor_counted():
    clock, dice = Clock(), random.Random(7)
    pacer = Pacer(1000, tokens_per_minute=6000, clock=clock)
    used = []
    for _ in range(400):
        while seconds := pacer.wait(0, 50):
            clock.now += seconds
        pacer.sent(50)
        truth = dice.randint(10, 200)
        pacer.ended(50, truth, 1)
        used.append((clock.now, truth))
    for at, _ in used:
        assert sum(tokens for then, tokens in used if at - 60 < then <= at) <= 6000 + 300


def test_calls_that_were_sent_more_than_once_count_as_often():
    clock = Clock()
    pacer = Pacer(1000, per_minute=60, clock=clock)
    pacer.sent(1)
    pacer.ended(1, None, 4)
    assert pacer.wait(0, 1) >= 3


def test_a_budget_sets_aside_what_calls_under_way_may_use():
    budget = Budget(max_tokens=100)
    assert budget.fits(10, 40)
    budget.set_aside(1, 10, 40)
    assert budget.fits(10, 40)
    budget.set_aside(2, 10, 40)
    assert not budget.fits(1, 0)
    budget.used(1, Usage(10, 2), None)
    assert budget.fits(10, 28)
    assert not budget.fits(10, 29)


def test_answers_without_a_limit_are_expected_to_be_as_long_as_those_before():
    budget = Budget()
    assert budget.expected(10, -1) == 266
    budget.used(1, Usage(10, 20), None)
    assert budget.expected(10, -1) == 31


def test_a_budget_in_money_goes_by_the_price():
    budget = Budget(max_cost=1.0, price=flat_price(1.0, 2.0), model="m")
    assert budget.fits(500_000, 250_000)
    assert not budget.fits(500_000, 250_001)
    assert budget.used(1, Usage(100_000, 100_000), "m") == pytest.approx(0.3)
    assert budget.cost == pytest.approx(0.3)


def test_a_limit_in_money_without_a_price_is_refused():
    with pytest.raises(BatchSetupError, match="price of m is not known"):
        Budget(max_cost=1.0, price=lambda model, usage: None, model="m")


def test_what_has_no_counts_is_counted_as_estimated_and_its_cost_stays_unknown():
    budget = Budget(price=flat_price(1, 1))
    budget.set_aside(1, 10, 40)
    assert budget.used(1, None, None) is None
    assert (budget.tokens, budget.cost, budget.unpriced) == (50, 0.0, 1)
