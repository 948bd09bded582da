"""How long a vendor asks to wait: ``retry-after-ms`` and the forms of ``Retry-After``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

LONGEST = 1e9
"""Seconds, about 32 years. A larger figure counts as this one, so that the result is always finite."""

# ASCII only: float() would also take "1e1", "1_0", "inf" and the digits of other scripts.
_NUMBER = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,400})?", re.ASCII)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
# The three forms of RFC 9110, section 5.6.7: IMF-fixdate, RFC 850, asctime.
_DATES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"{_DAY}, (?P<day>\d{{2}}) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>\d{{2}})-{_MONTH}-(?P<year>\d{{2}}) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a response asks to wait; above 0 and finite. Never raises.

    ``retry-after-ms`` (OpenAI, Azure; milliseconds) goes before ``Retry-After`` (RFC 9110, section 10.2.3: seconds, or
    a date in one of three forms; a decimal fraction is taken too, since vendors send it).

    Args:
        headers: The response's headers, by lower-case name.
        now: The present time, in seconds since 1970 UTC. Only a date is compared with it, and only if the response has
            no ``Date`` of its own: two times of one clock say how long, even where that clock is wrong.

    Returns:
        ``None`` if no header asks for a pause: there is none, it cannot be read, or it says 0, less than 0 or a date
        that is past. The caller then waits as it thinks best. A figure may be longer than anybody will wait.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds:
        return min(milliseconds / 1000.0, LONGEST)
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is None:
        until = _date(value, now)
        sent = _date(headers.get("date", ""), now)
        seconds = None if until is None else until - (now if sent is None else sent)
    return min(seconds, LONGEST) if seconds is not None and seconds > 0 else None


def _number(value: str) -> float | None:
    text = value.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _date(value: str, now: float) -> float | None:
    text = value.strip()
    for form in _DATES:
        match = form.fullmatch(text)
        if match is not None:
            break
    else:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _full_year(year, now)
    month = _MONTHS.index(match["month"]) + 1
    # A leap second, ":60", is allowed in the header, and not in datetime.
    second = min(int(match["second"]), 59)
    try:
        moment = datetime(year, month, int(match["day"]), int(match["hour"]), int(match["minute"]), second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def _full_year(two_digits: int, now: float) -> int:
    # RFC 9110, section 5.6.7: a year that seems to be more than 50 years ahead is one of the past.
    this_year = 1970 + int(now / 31_556_952)
    year = this_year - this_year % 100 + two_digits
    return year - 100 if year > this_year + 50 else year
