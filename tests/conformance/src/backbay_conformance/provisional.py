"""New laws count one minor release after they came: until then a backend that breaks one is told, and passes.

An author's suite must not turn red because of an upgrade within what ``backbay-conformance>=0.2,<0.4`` allows without a
release of warning. ``docs/conformance.md`` has the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

OPTION = "--backbay-strict"
VERDICT = "provisional: broken"
"""The verdict of a provisional law that is broken."""

_ATTRIBUTE = "backbay_provisional_since"
_MARKED = "backbay_provisional"  # an attribute of pytest's reports, which workers send along
_RELEASE = re.compile(r"(\d+)\.(\d+)(\.|$|[^\d.])")

F = TypeVar("F", bound=Callable[..., object])


def provisional(*, since: str) -> Callable[[F], F]:
    """Mark a law as new: it counts from the minor release after ``since``.

    Args:
        since: The minor release of the suite in which the law came, such as ``"0.2"``.

    Raises:
        ValueError: ``since`` is no such release.
    """
    if not re.fullmatch(r"\d+\.\d+", since):
        raise ValueError(f"since is {since!r}; name the minor release in which the law came, such as '0.2'.")

    def mark(law: F) -> F:
        setattr(law, _ATTRIBUTE, since)
        return law

    return mark


def since_of(law: object) -> str | None:
    """Return the release since which a law is provisional, or ``None`` for one that never was."""
    found = getattr(law, _ATTRIBUTE, None)
    return None if found is None else str(found)


def counts_from(since: str) -> str:
    """Return the first minor release in which a law of ``since`` counts."""
    major, minor = since.split(".")
    return f"{major}.{int(minor) + 1}"


def is_provisional(law: object, suite: str) -> bool:
    """Whether a law does not count yet in the release ``suite``. In one that cannot be read, every law counts."""
    since, release = since_of(law), _RELEASE.match(suite)
    if since is None or release is None:
        return False
    major, minor = since.split(".")
    return (int(release[1]), int(release[2])) <= (int(major), int(minor))


def is_held_back(item: pytest.Item) -> bool:
    """Whether the failure of a law is a warning in this run."""
    from .recording import version_of

    strict = bool(item.config.getoption(OPTION))
    return not strict and is_provisional(getattr(item, "function", None), version_of("backbay-conformance"))


def pardon(report: pytest.TestReport, law: object) -> None:
    """Turn the failure of a provisional law into a warning: it is shown, and does not fail the run."""
    since = since_of(law)
    if since is None or not report.failed:
        return
    said = f"new in {since}, counts from {counts_from(since)}: {_first_line(report)}"
    report.outcome = "skipped"
    report.longrepr = (str(report.fspath), (report.location[1] or 0) + 1, f"{VERDICT}: {said}")
    setattr(report, _MARKED, said)


def is_pardoned(report: object) -> bool:
    """Whether a report is of a provisional law that is broken."""
    return hasattr(report, _MARKED)


def write_summary(reporter: pytest.TerminalReporter) -> None:
    """Write a line for each provisional law that is broken, at the end of a run."""
    reports: Sequence[pytest.TestReport] = reporter.stats.get(VERDICT, [])
    if not reports:
        return
    reporter.section("laws that will count", yellow=True)
    for report in reports:
        reporter.write_line(f"{VERDICT}: {report.nodeid} ({getattr(report, _MARKED)})", yellow=True)
    reporter.write_line(f"They fail nothing yet; {OPTION} makes them count now.")


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longrepr or "").strip()
    return text.splitlines()[0] if text else "it failed"
