"""The page: every figure of every goal, client by client, and all that fall short."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .clients import CLIENTS
from .figures import read_all
from .goals import GOALS
from .places import PAGE, RESULTS

Results = Mapping[tuple[str, str], Mapping[str, Any]]

HEAD = """# Reliability

What comes of faults, as figures: goals that were set beforehand, what Backbay reaches, and beside it the official
openai and anthropic SDKs under the same harness (`benchmarks/reliability`). The page is made from the results that are
kept there, by `python benchmarks/reliability/page.py`; how each figure is measured stands at the head of its goal's
file in `benchmarks/reliability/goals`. The single faults, test by test, are in [faults.md](faults.md).

All of it is measured again by

    tox run -e reliability
    tox run -e reliability-peers

and a single goal by the command beside it. The SDKs are used as their documentation says. They have no limit on a whole
call: where one is needed, they get `timeout`, the nearest that they have. **Bold** is short of its goal; n/a
means that it is not measured for that client.
"""

FOOT = """
G13 to G16 (a gateway, batches) are not here: they belong to other distributions.
"""


def page(results: Results) -> str:
    """Return the page as it should be."""
    return "".join([HEAD, "\n", *_short(results), "\n", *_tables(results), *_measured(results), FOOT])


def _tables(results: Results) -> Iterator[str]:
    yield "## Figures\n\n| goal | required | Backbay | openai SDK | anthropic SDK | again by |\n|--|--|--|--|--|--|\n"
    for goal, about in GOALS.items():
        command = f"`python benchmarks/reliability/run.py {goal}`"
        yield f"| **{goal}** {about.title} | | | | | {command} |\n"
        for name, required in _rows(goal, results):
            cells = [_cell(results.get((goal, client)), name) for client in CLIENTS]
            yield f"| {name} | {required} | {' | '.join(cells)} | |\n"


def _rows(goal: str, results: Results) -> Sequence[tuple[str, str]]:
    rows: dict[str, str] = {}
    for client in CLIENTS:
        for figure in results.get((goal, client), {}).get("figures", ()):
            # Of how many stands in each cell; what is asked of all is the same.
            required = figure["required"]
            of_all = required and f"{required}" == f"{required.split(' of ')[0]} of {required.split(' of ')[0]}"
            rows.setdefault(figure["name"], "all" if of_all else required)
    return list(rows.items())


def _cell(result: Mapping[str, Any] | None, name: str) -> str:
    figure = next((each for each in (result or {}).get("figures", ()) if each["name"] == name), None)
    if figure is None:
        return "n/a"
    shown = figure["reached"].replace("|", "\\|")
    return f"**{shown}**" if figure["holds"] is False else shown


def _short(results: Results) -> Iterator[str]:
    yield "## Short of its goal\n\n"
    found = [
        f"- {goal}, {figure['name']}: {figure['reached']}; the goal is {figure['required']}.{_why(figure)}\n"
        for goal in GOALS
        for figure in results.get((goal, "backbay"), {}).get("figures", ())
        if figure["holds"] is False or (figure["required"] and figure["holds"] is None)
    ]
    missing = [goal for goal in GOALS if (goal, "backbay") not in results]
    yield from found or ["Of what was measured, nothing of Backbay's is short of its goal.\n"]
    if missing:
        yield f"\nNot measured yet: {', '.join(missing)}.\n"


def _why(figure: Mapping[str, Any]) -> str:
    detail = figure["detail"]
    cases = detail.get("cases") or detail.get("odd") or detail.get("wrong") or detail.get("kinds")
    return f" {cases}." if cases and len(str(cases)) < 300 else ""


def _measured(results: Results) -> Iterator[str]:
    yield "\n## Measured\n\n| goal | client | on | seconds | load before | part of the work | versions |\n"
    yield "|--|--|--|--:|--:|--:|--|\n"
    for (goal, client), one in sorted(results.items(), key=lambda item: (list(GOALS).index(item[0][0]), item[0][1])):
        versions = ", ".join(f"{name} {version}" for name, version in one["versions"].items() if name in _TOLD[client])
        yield (
            f"| {goal} | {CLIENTS[client]} | {one['date']} | {one['seconds']:.0f} | {one['load']} | {one['scale']:g} "
            f"| {versions} |\n"
        )
    machines = dict.fromkeys(one["machine"] for one in results.values())
    yield "".join(f"\nOn {machine}.\n" for machine in machines)


_TOLD = {
    "backbay": ("CPython", "backbay", "httpx2", "h11", "httptools"),
    "openai": ("CPython", "openai", "httpx2"),
    "anthropic": ("CPython", "anthropic", "httpx2"),
}
"""Whose versions are told, by client."""


def main() -> int:
    """Write the page, or check it."""
    made = page(read_all(RESULTS))
    if "--check" in sys.argv[1:]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made:
            return 0
        sys.stderr.write("docs/reliability.md is out of date; run `python benchmarks/reliability/page.py`.\n")
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0
