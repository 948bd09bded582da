"""Writes docs/oracle.md from the findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from recorded_traffic.corpus import exchanges
from recorded_traffic.routes import ROUTES

from .asking import SDKS, Finding, findings, versions
from .rules import RULES, explanation

HEAD = """\
# A second opinion: the vendors' own SDKs

Each recorded exchange is served from the loopback to the SDK that its vendor, or the wire's inventor, publishes, and to
Backbay through `connect(...)`. The SDK is called as its documentation shows, with its own accumulator of streams where
it has one; where that fails, its single chunks are read. Compared are text, thinking, refusals, tool calls and their
ids, the vendor's finish reason, token counts, model, id and signatures; vectors, models, rankings and counts; of errors
whether there is one, its class, status and code. A fact that an SDK has no field for is not compared. Token counts are
compared in Backbay's arithmetic: Anthropic and Amazon document cached tokens beside the input, Google documents
thoughts beside the output.

Every difference is explained by a rule below; one that is not fails the test. Made by `tox run -e oracle -- --page`.
"""


def page() -> str:
    """Return the whole page, from the exchanges, the SDKs and the backends that are here."""
    found = findings()
    lines = [HEAD, *_versions(), "", *_pairs(found), "", *_rules(found), "", *_left_out(found), ""]
    return "\n".join(lines)


def without_versions(text: str) -> str:
    """Return a page without the versions of the SDKs, which may be newer elsewhere."""
    before, _, rest = text.partition("## SDKs\n")
    return before + rest.partition("## By API\n")[2]


def _versions() -> Iterator[str]:
    yield from ("## SDKs", "", "| SDK | version |", "|---|---|")
    yield from (f"| {name} | {version} |" for name, version in versions().items())


def _pairs(found: Sequence[Finding]) -> Iterator[str]:
    yield from ("## By API", "")
    yield "An exchange that differs counts once under each of those who are right about a difference of it. A failure"
    yield "is an exception of the SDK, or of its accumulator, that is no error of the vendor's."
    yield ""
    yield "| SDK | API | exchanges | equal | Backbay is right | the SDK is right | both are | SDK failures |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    grouped: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for sdk in SDKS:
        for finding in found:
            if finding.sdk == sdk.NAME:
                grouped[finding.sdk, finding.pair].append(finding)
    for (sdk_name, pair), group in grouped.items():
        yield _row(sdk_name, pair, group)
    yield _row("all", "", found)


def _row(sdk: str, pair: str, group: Sequence[Finding]) -> str:
    counts: Counter[str] = Counter()
    for finding in group:
        rules = [explanation(difference) for difference in finding.differences]
        counts.update({"unexplained" if rule is None else rule.right for rule in rules})
        counts["failures"] += any(each.fact in ("failed", "accumulator") for each in finding.differences)
        counts["equal"] += not finding.differences
    columns = [len(group), *(counts[name] for name in ("equal", "Backbay", "SDK", "both", "failures"))]
    return f"| {sdk} | {pair} | " + " | ".join(map(str, columns)) + " |"


def _rules(found: Sequence[Finding]) -> Iterator[str]:
    yield from ("## Who is right, and why", "")
    yield "| kind | SDK | facts | exchanges | right | why |"
    yield "|---|---|---|---:|---|---|"
    exchanges_of: dict[str, list[str]] = defaultdict(list)
    for rule in RULES:
        hits = [each for finding in found for each in finding.differences if explanation(each) is rule]
        exchanges_of[rule.name] = sorted({each.exchange for each in hits})
        facts = ", ".join(sorted({each.fact for each in hits}))
        sdks = ", ".join(sorted({each.sdk for each in hits}))
        count = len(exchanges_of[rule.name])
        yield f"| {rule.name} | {sdks} | {facts} | {count} | {rule.right} | {rule.why} |"
    yield from ("", "## Which exchanges", "")
    for name, listed in exchanges_of.items():
        yield f"- {name}: {', '.join(f'`{each}`' for each in listed)}"


def _left_out(found: Iterable[Finding]) -> Iterator[str]:
    yield from ("## Not compared", "", "| API | exchanges | reason |", "|---|---:|---|")
    compared = {finding.exchange.id for finding in found}
    counts: Counter[tuple[str, str]] = Counter()
    for exchange in exchanges():
        if exchange.id not in compared:
            routed = (exchange.vendor, exchange.api) in ROUTES
            reason = "none of these SDKs reads them" if routed else "no backend reads the API"
            counts[f"{exchange.vendor}/{exchange.api}", reason] += 1
    yield from (f"| {pair} | {count} | {reason} |" for (pair, reason), count in sorted(counts.items()))
