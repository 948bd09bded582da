"""Dates in ``Retry-After``: in UTC whatever the machine's zone is, years of two digits, and the clock."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from backbay.http.codec import ErrorFacts
from backbay.http.statuses import response_error, retry_after

NOW = 1696004797.0  # 2023-09-29 16:26:37 UTC


@pytest.fixture
def tokyo(monkeypatch):
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its time zone")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    "date", ["Fri, 29 Sep 2023 16:26:57 GMT", "Friday, 29-Sep-23 16:26:57 GMT", "Fri Sep 29 16:26:57 2023"]
)
def test_m6_a_date_is_in_utc_whatever_the_machines_zone(tokyo, date):
    assert retry_after({"retry-after": date}, NOW) == 20.0


def test_m6_a_year_of_two_digits_is_at_most_50_years_ahead():
    at = datetime(2073, 9, 29, 16, 26, 37, tzinfo=UTC).timestamp()
    assert retry_after({"retry-after": "Friday, 29-Sep-73 16:26:37 GMT"}, NOW) == min(at - NOW, 1e9)
    assert retry_after({"retry-after": "Saturday, 29-Sep-74 16:26:37 GMT"}, NOW) is None


def test_m6_pauses_shorter_than_a_second_count_too():
    assert retry_after({"retry-after": "0.25"}, NOW) == 0.25
    assert retry_after({"retry-after": "1"}, NOW) == 1.0
    assert retry_after({"retry-after-ms": "1"}, NOW) == 0.001


def test_m6_a_date_is_compared_with_the_given_time_and_without_one_with_the_clock():
    def pause(moment, **given):
        headers = {"retry-after": format_datetime(moment, usegmt=True)}
        return response_error(429, headers, b"", ErrorFacts(), redact=str, **given).retry_after

    then = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=20)
    assert pause(then, now=NOW) == 20.0
    assert pause(then) is None
    assert 90 < pause(datetime.now(UTC) + timedelta(seconds=100)) <= 100
