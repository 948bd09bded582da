"""The style of the report's page: light and dark, on paper and on a screen, without a file besides it."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --raised: #f6f8fa;
  --good: #116329; --good-ground: #dafbe1; --bad: #a40e26; --bad-ground: #ffebe9;
  --warn: #7a4a00; --warn-ground: #fff3d1; --none: #57606a; --none-ground: #eaeef2; --mark: #0550ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --text: #e6edf3; --quiet: #9aa5b1; --line: #343b44; --raised: #161b22;
    --good: #7ee2a0; --good-ground: #10301c; --bad: #ffb1a8; --bad-ground: #48161a;
    --warn: #f2cc60; --warn-ground: #3a2a06; --none: #b1bac4; --none-ground: #262c34; --mark: #79b8ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; text-wrap: balance; }
h2 { font-size: 1.35rem; margin: 3rem 0 .6rem; padding-top: 1rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
a { color: var(--mark); }
p { margin: .3rem 0; max-width: 46rem; }
.quiet { color: var(--quiet); font-size: .92rem; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; }
caption { text-align: left; color: var(--quiet); padding: 0 0 .5rem; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .42rem .7rem .42rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--quiet); font-weight: 600; font-size: .85rem; }
tbody th { font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 0; }
.scroll { overflow-x: auto; }
.columns { columns: 2 24rem; column-gap: 2.5rem; }
.columns table { break-inside: avoid; }
.columns tr { break-inside: avoid; }
.verdict { display: inline-block; padding: .05rem .5rem; border-radius: .8rem; font-size: .82rem; font-weight: 600;
  white-space: nowrap; color: var(--none); background: var(--none-ground); }
.kept, .proven, .refused { color: var(--good); background: var(--good-ground); }
.broken, .failed { color: var(--bad); background: var(--bad-ground); }
.expected, .provisional { color: var(--warn); background: var(--warn-ground); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: .8rem 0;
  font-size: .94rem; }
.facts dt { color: var(--quiet); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.claim { font-weight: 600; } .claim::first-letter { text-transform: uppercase; }
.broken-law { border: 1px solid var(--line); border-left: .3rem solid var(--bad); border-radius: .3rem;
  padding: .8rem 1rem; margin: .9rem 0; }
.broken-law.is-expected { border-left-color: var(--warn); }
.broken-law h4 { margin: 0 0 .2rem; font-size: 1rem; } .broken-law h4::first-letter { text-transform: uppercase; }
details { margin: .4rem 0; } summary { cursor: pointer; }
code, pre { font: .86rem/1.45 ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; }
pre { margin: .35rem 0 .7rem; padding: .6rem .8rem; background: var(--raised); border: 1px solid var(--line);
  border-radius: .3rem; white-space: pre-wrap; overflow-wrap: anywhere; }
td code { overflow-wrap: anywhere; }
@media (max-width: 40rem) { .facts { grid-template-columns: 1fr; } .facts dd { margin-bottom: .4rem; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .broken-law, tr { break-inside: avoid; } h2 { break-before: page; } h2.first { break-before: auto; }
  .verdict { border: 1px solid currentColor; } a { color: inherit; text-decoration: none; }
}
"""
"""What stands in the page's ``style`` element."""
