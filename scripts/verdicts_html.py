"""The page of verdicts in HTML: one matrix, backend by capability. It needs no other file, no script and no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from verdicts_md import DECLARED, FOUND, MARKS, Entry, differences, groups, words

_TITLE = "Backends, and the verdict on each"
_CLASSES = {"kept": "k", "refused": "r", "broken": "b", "expected failure": "e", "not covered": "n"}
_FACTS = ("Version", "Tried", "With core")

_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1b1f24; --quiet: #57606a; --line: #d8dee4; --head: #f3f5f7; --hover: #f3f7fd;
  --good: #0f5323; --good-ground: #ddf6e3; --some-ground: #eefaf1; --bad: #a40e26; --bad-ground: #ffdcd7;
  --warn: #6f4400; --warn-ground: #fff0c2; --mark: #0550ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --text: #e6edf3; --quiet: #9aa5b1; --line: #2b323b; --head: #171d25; --hover: #172030;
    --good: #8be8ab; --good-ground: #12331f; --some-ground: #0f2318; --bad: #ffb9b1; --bad-ground: #5a181d;
    --warn: #f5d06f; --warn-ground: #40300a; --mark: #79b8ff;
  }
}
* { box-sizing: border-box; }
html { background: var(--ground); }
body { margin: 0; padding: 1.6rem 1.25rem 3rem; min-width: max-content; color: var(--text);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.text { position: sticky; left: 1.25rem; width: calc(100vw - 3.5rem); max-width: 96rem; }
h1 { font-size: 1.55rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .5rem; }
p { margin: .3rem 0; max-width: 52rem; }
a { color: var(--mark); text-decoration: none; } a:hover { text-decoration: underline; }
.legends { display: flex; flex-wrap: wrap; gap: .3rem 2.6rem; margin: .9rem 0 1.3rem; }
.legends dl { display: grid; grid-template-columns: max-content auto; gap: .18rem .7rem; margin: 0; font-size: .84rem; }
.legends dt { font-weight: 600; text-align: center; min-width: 3.2rem; padding: 0 .35rem; border-radius: .25rem; }
.legends dd { margin: 0; color: var(--quiet); }
table { border-collapse: separate; border-spacing: 0; font-size: 12px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 3px; border-bottom: 1px solid var(--line); text-align: center; white-space: nowrap; }
.matrix td { min-width: 46px; }
.matrix thead th { position: sticky; z-index: 2; background: var(--head); font-weight: 500; }
.matrix thead tr:first-child th { top: 0; height: 1.75rem; font-weight: 650; border-bottom: 0; padding-bottom: 0; }
.matrix thead tr + tr th { top: 1.75rem; vertical-align: bottom; height: 8.6rem; padding-bottom: .45rem; }
.up { writing-mode: vertical-rl; transform: rotate(180deg); display: inline-block; }
.matrix tbody th, .matrix thead th.corner { position: sticky; left: 0; text-align: left; padding: 4px .9rem 4px .4rem;
  border-right: 1px solid var(--line); }
.matrix tbody th { z-index: 1; background: var(--ground); font-weight: 600; }
.matrix thead th.corner { z-index: 3; vertical-align: bottom; padding-bottom: .45rem; }
.matrix tbody th span { font-weight: 400; color: var(--quiet); padding-left: .35rem; }
.begins { border-left: 1px solid var(--line); }
.fact { text-align: left; color: var(--quiet); padding: 0 .5rem; }
thead .fact { vertical-align: bottom; padding-bottom: .45rem; }
.fact.bad { color: var(--bad); font-weight: 600; }
tbody tr { scroll-margin-top: 12rem; }
tbody tr:target th { box-shadow: inset 3px 0 var(--mark); }
tbody tr:hover th, tbody tr:hover td.r, tbody tr:hover td.n, tbody tr:hover td.fact { background: var(--hover); }
.k { color: var(--good); background: var(--good-ground); } .k.some { background: var(--some-ground); }
.r { color: var(--quiet); }
.b { color: var(--bad); background: var(--bad-ground); font-weight: 700; }
.e { color: var(--warn); background: var(--warn-ground); font-weight: 600; }
.n { color: var(--quiet); font-style: italic; }
.read { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.plain th, .plain td { text-align: left; white-space: normal; vertical-align: top; padding: .3rem 1.4rem .3rem 0; }
.plain thead th { color: var(--quiet); font-weight: 600; }
code { font: .95em ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; }
@media (max-width: 50rem) { .matrix tbody th span { display: none; } }
@media print {
  @page { size: landscape; } body { padding: 0; font-size: 8pt; min-width: 0; } .text { position: static; width: auto; }
  .matrix thead th, .matrix tbody th { position: static; } .matrix td { min-width: 0; } table { font-size: 6.5pt; }
  th, td { padding: .1rem .15rem; } tr { break-inside: avoid; }
}
"""


def page(entries: Sequence[Entry]) -> str:
    """Return the page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_TITLE}</title><style>{_STYLE}</style></head><body>",
        f'<header class="text"><h1>{_TITLE}</h1>{_introduction(entries)}{_legends()}</header>',
        f"<main>{_matrix(entries)}",
        f'<div class="text">{_expected(entries)}{_models(entries)}</div></main></body></html>\n',
    ]
    return "\n".join(parts)


def _introduction(entries: Sequence[Entry]) -> str:
    kept = sum(entry.verdict["verdict"] == "kept" for entry in entries)
    return (
        f"<p>{kept} of {len(entries)} backends keep the contract. Each declares what it can do; the "
        '<a href="conformance.md">conformance suite</a> holds it to that: offline, on real sockets, without a key. It '
        "says that the plugin speaks its wire as it declares; not what a vendor&#x27;s models are worth.</p>"
    )


def _legends() -> str:
    declared = "".join(f"<dt>{escape(word)}</dt><dd>{escape(means)}</dd>" for word, means in DECLARED)
    found = "".join(
        f'<dt class="{_CLASSES[verdict]}">{MARKS[verdict] or "no"}</dt><dd>{escape(verdict)}: {escape(means)}</dd>'
        for verdict, means in FOUND
    )
    return f'<div class="legends"><dl aria-label="Declared">{declared}</dl><dl aria-label="Found">{found}</dl></div>'


def _matrix(entries: Sequence[Entry]) -> str:
    first, second = [], []
    for heading, names in groups().items():
        first.append(f'<th class="begins" colspan="{len(names)}" scope="colgroup">{escape(heading)}</th>')
        second += [
            f'<th{_begins(number)} scope="col"><span class="up">{escape(words(name))}</span></th>'
            for number, name in enumerate(names)
        ]
    facts = "".join(f'<th class="fact{_first(one)}" scope="col">{one}</th>' for one in _FACTS)
    rows = "\n".join(_row(entry) for entry in entries)
    return (
        '<table class="matrix"><thead>'
        f'<tr><th class="corner"></th><th></th>{"".join(first)}<th class="begins" colspan="{len(_FACTS)}"></th></tr>'
        f'<tr><th class="corner" scope="col">Backend</th><th class="fact" scope="col">Laws kept</th>'
        f"{''.join(second)}{facts}</tr></thead>"
        f"<tbody>\n{rows}\n</tbody></table>"
    )


def _row(entry: Entry) -> str:
    name, label = escape(entry.spec.name), escape(entry.spec.label or "")
    said = f"{entry.spec.label or entry.spec.name}; speaks {entry.speaks()}"
    said += "; needs a key" if entry.spec.requires_credential else "; needs no key"
    label = f"<span>{label}</span>" if label.lower() != name else ""
    cells = [_cell(entry, capability, number) for names in groups().values() for number, capability in enumerate(names)]
    bad = " bad" if entry.verdict["verdict"] != "kept" else ""
    facts = (entry.verdict["plugin"]["version"], entry.verdict["date"][:10], entry.verdict["core"]["version"])
    told = "".join(
        f'<td class="fact{_first(one)}">{escape(fact)}</td>' for one, fact in zip(_FACTS, facts, strict=True)
    )
    head = f'<th scope="row" title="{escape(said)}"><a href="../{entry.path}/README.md">{name}</a>{label}</th>'
    laws = f'<td class="fact{bad}">{escape(entry.laws())}</td>'
    return f'<tr id="{name}">{head}{laws}{"".join(cells)}{told}</tr>'


def _cell(entry: Entry, capability: str, number: int) -> str:
    declared, verdict = entry.cell(capability)
    kind = _CLASSES[verdict] + (" some" if declared == "some" else "") + ("" if number else " begins")
    mark = f"&nbsp;{MARKS[verdict]}" if MARKS[verdict] else ""
    title = f"{entry.spec.name}, {words(capability)}: declared {declared}, {verdict}"
    return (
        f'<td class="{kind}" title="{escape(title)}">{escape(declared)}<span aria-hidden="true">{mark}</span>'
        f'<span class="read"> {verdict}</span></td>'
    )


def _expected(entries: Sequence[Entry]) -> str:
    rows = [
        (entry.spec.name, f"<code>{escape(law)}</code>", escape(reason))
        for entry in entries
        for law, reason in entry.verdict["expected_failures"].items()
    ]
    return _plain("Expected failures", "Laws that a backend is known to break.", ("Backend", "Law", "Why"), rows)


def _models(entries: Sequence[Entry]) -> str:
    rows = [
        (entry.spec.name, f"<code>{escape(prefix)}</code>", escape(what))
        for entry in entries
        for prefix, what in differences(entry)
    ]
    said = "Some models differ from the rest of their backend: those with this name, or whose name begins with it."
    return _plain("Models", said, ("Backend", "Model", "Differs in"), rows)


def _plain(heading: str, said: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<h2>{heading}</h2><p>{said}</p><table class="plain"><thead><tr>{head}</tr></thead><tbody>\n{body}\n'
        "</tbody></table>"
    )


def _begins(number: int) -> str:
    return "" if number else ' class="begins"'


def _first(fact: str) -> str:
    return " begins" if fact == _FACTS[0] else ""
