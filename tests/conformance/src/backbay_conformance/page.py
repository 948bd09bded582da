"""The report as one HTML page: it needs no other file, no script and no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from .page_style import STYLE
from .provisional import VERDICT

_SHOWN_CASES = 4


def page(document: Mapping[str, Any]) -> str:
    """Return the page of a report.

    Args:
        document: What ``report.document`` returned, or the JSON that was written of it.
    """
    backends = document["backends"]
    names = ", ".join(dict.fromkeys(backend["label"] or backend["name"] for backend in backends)) or "nothing"
    title = f"Conformance of {names}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<header><h1>{escape(title)}</h1>{_overview(document)}</header><main>",
        _contents(backends) if len(backends) > 1 else "",
        *(_backend(backend, number) for number, backend in enumerate(backends)),
        "</main></body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _overview(document: Mapping[str, Any]) -> str:
    facts = [
        ("Suite", f"{document['suite']['name']} {document['suite']['version']}"),
        ("Core", f"{document['core']['name']} {document['core']['version']}, Python {document['python']}"),
        ("Date", document["date"].replace("T", " ").replace("Z", " UTC")),
        ("Duration", f"{document['seconds']:.1f} s"),
    ]
    said = {"kept": "Every law is kept.", "broken": "The contract is not kept."}[document["verdict"]]
    if not document["backends"]:
        said = "Nothing was tried."
    return f"<p>{_badge(document['verdict'])} {said}</p>{_facts(facts)}"


def _contents(backends: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f'<tr><th scope="row"><a href="#backend-{number}">{escape(backend["label"] or backend["name"])}</a></th>'
        f"<td>{_badge(backend['verdict'])}</td><td>{_counts(backend)}</td></tr>"
        for number, backend in enumerate(backends)
    ]
    return _table("The backends that were tried", ("Backend", "Verdict", "Laws"), rows)


def _backend(backend: Mapping[str, Any], number: int) -> str:
    plugin = backend["plugin"]
    spec = {name: _said(value) for name, value in backend["spec"].items() if value not in (None, [], "")}
    facts = [
        ("Plugin", f"{plugin['name']} {plugin['version']}" if plugin else "registered by the program"),
        *((name[:1].upper() + name[1:], value) for name, value in spec.items()),
        ("Tried as", backend["test"]),
    ]
    heading = f'<h2 id="backend-{number}"{" class=first" if number == 0 else ""}>'
    parts = [
        f"<section>{heading}{escape(backend['label'] or backend['name'])} {_badge(backend['verdict'])}</h2>",
        f"<p>{_counts(backend)}</p>{_facts(facts)}",
        *(
            f'<div class="broken-law"><h4>It could not be tried</h4><p>{escape(one)}</p></div>'
            for one in backend["problems"]
        ),
        _failures(backend["laws"], "broken", "Broken laws"),
        _failures(backend["laws"], "expected failure", "Laws that are expected to fail"),
        _failures(backend["laws"], VERDICT, "New laws that are broken, and will count from the next minor release"),
        _matrix(backend["capabilities"]),
        _laws(backend["laws"]),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _failures(laws: Sequence[Mapping[str, Any]], verdict: str, heading: str) -> str:
    found = [law for law in laws if any(case["verdict"] == verdict for case in law["cases"])]
    if not found:
        return ""
    return f"<h3>{heading}</h3>" + "\n".join(_failure(law, verdict) for law in found)


def _failure(law: Mapping[str, Any], verdict: str) -> str:
    cases = [case for case in law["cases"] if case["verdict"] == verdict]
    shown = "".join(_case(case, first=position == 0) for position, case in enumerate(cases[:_SHOWN_CASES]))
    rest = ", ".join(case["case"] for case in cases[_SHOWN_CASES:])
    kind = "" if verdict == "broken" else " is-expected"
    how_many = f"{len(cases)} of {len(law['cases'])} cases" if len(law["cases"]) > 1 else ""
    return (
        f'<article class="broken-law{kind}"><h4>{escape(law["claim"])}</h4><p>{_prose(law["why"])}</p>'
        f'<p class="quiet"><code>{escape(law["name"])}</code> {how_many}</p>{shown}'
        + (f'<p class="quiet">Also: {escape(rest)}</p>' if rest else "")
        + "</article>"
    )


def _case(case: Mapping[str, Any], *, first: bool) -> str:
    evidence = case["evidence"] or {"message": "", "exchanges": []}
    reason = f"<p>Reason: {escape(case['reason'])}</p>" if case["reason"] else ""
    name = escape(case["case"] or "what was seen")
    inner = "".join(_exchange(one) for one in evidence["exchanges"])
    return (
        f"<details{' open' if first else ''}><summary>{name}</summary>{reason}"
        f"<pre>{escape(evidence['message'])}</pre>{inner}</details>"
    )


def _exchange(one: Mapping[str, Any]) -> str:
    request, answer = one["request"], one["answer"]
    asked = f"{escape(request['line'])}\n{_headers(request)}\n{escape(request['body'])}"
    text = f'<p class="quiet">Request</p><pre>{asked}</pre>'
    if answer is not None:
        head = f"{answer['status']}, in {answer['pieces']} pieces"
        text += f'<p class="quiet">Answer</p><pre>{head}\n{_headers(answer)}\n{escape(answer["body"])}</pre>'
    return text


def _headers(part: Mapping[str, Any]) -> str:
    return "".join(f"{escape(name)}: {escape(str(value))}\n" for name, value in part["headers"].items())


def _matrix(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    cells = [
        f'<tr><th scope="row">{escape(_words(row["capability"]))}</th><td>{escape(_words(row["declared"]))}</td>'
        f"<td>{_badge(row['verdict'])}</td></tr>"
        for row in rows
    ]
    note = (
        "Proven: every law that needs it is kept. Refused: it is not declared, and a call that needs it is turned away "
        "before any byte is sent. Not covered: no law of this run was about it."
    )
    half = (len(cells) + 1) // 2
    tables = "".join(
        _table(None, ("Capability", "Declared", "Verdict"), part, label="Capabilities")
        for part in (cells[:half], cells[half:])
    )
    return f'<h3>Capabilities</h3><p class="quiet">{note}</p><div class="columns">{tables}</div>'


def _laws(laws: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for group in dict.fromkeys(law["group"] for law in laws):
        rows = [_law(law) for law in laws if law["group"] == group]
        heads = ("Law", "Verdict", "Cases", "Seconds")
        parts.append(f"<h3>Laws: {escape(_words(group))}</h3>" + _table(None, heads, rows, label=_words(group)))
    return "\n".join(parts)


def _law(law: Mapping[str, Any]) -> str:
    return (
        f'<tr><td><div class="claim">{escape(law["claim"])}</div><div class="quiet">{_prose(law["why"])}</div></td>'
        f'<td>{_badge(law["verdict"])}</td><td class="number">{len(law["cases"])}</td>'
        f'<td class="number">{law["seconds"]:.2f}</td></tr>'
    )


def _table(caption: str | None, heads: Iterable[str], rows: Iterable[str], label: str = "") -> str:
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    aria = f' aria-label="{escape(label)}"' if label else ""
    numbers = {"Cases", "Seconds"}
    head = "".join(f'<th scope="col"{" class=number" if one in numbers else ""}>{one}</th>' for one in heads)
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll"><table{aria}>{named}{body}</table></div>'


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return (
        f'<dl class="facts">{"".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)}</dl>'
    )


def _counts(backend: Mapping[str, Any]) -> str:
    counts = backend["counts"]
    said = [f"{counts['kept']} of {counts['laws']} laws kept", f"{counts['broken']} broken"]
    if counts["expected_failure"]:
        said.append(f"{counts['expected_failure']} expected to fail")
    if counts.get("provisional_broken"):
        said.append(f"{counts['provisional_broken']} broken that will count later")
    return ", ".join(said) + "."


def _badge(verdict: str) -> str:
    return f'<span class="verdict {verdict.replace(":", "").split(" ", maxsplit=1)[0]}">{escape(verdict)}</span>'


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _prose(text: str) -> str:
    """Return a docstring's text, with code where it says so."""
    return re.sub(r"``(.+?)``", r"<code>\1</code>", escape(text))


def _words(name: str) -> str:
    return name.replace("_", " ")
