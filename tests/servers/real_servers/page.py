"""The tables of docs/servers.md: ``python -m real_servers.page``, in the folder of this package, writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .peers import PEERS, Peer

PAGE = Path(__file__).resolve().parents[3] / "docs" / "servers.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def tables() -> str:
    """Return a table of the peers, and one of what their servers cannot."""
    lines = ["| server | version | wire | read by |", "|---|---|---|---|"]
    lines += [f"| {peer.server.name} | {peer.server.version} | `{peer.wire}` | `{peer.backend}` |" for peer in PEERS]
    lines += ["", "| server | read by, on | what fails | why |", "|---|---|---|---|"]
    lines += list(_rows())
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[str]:
    wires: dict[tuple[str, str, str], list[str]] = {}
    for peer in PEERS:
        for what, why in _failing(peer):
            wires.setdefault((peer.server.name, what, why), []).append(f"`{peer.backend}`: `{peer.wire}`")
    for (server, what, why), spoken in wires.items():
        everywhere = len(set(spoken)) == sum(peer.server.name == server for peer in PEERS)
        where = "every one, on every wire" if everywhere else ", ".join(dict.fromkeys(spoken))
        yield f"| {server} | {where} | {what} | {why} |"


def _failing(peer: Peer) -> Iterator[tuple[str, str]]:
    for name, why in peer.cannot.items():
        yield _words(name), why
    for law, why in peer.breaks.items():
        yield f"law: {_words(law.removeprefix('test_'))}", why


def _words(name: str) -> str:
    """Return the name of a test as a claim; its case stays as it is, but for how it was asked."""
    claim, _, case = name.rstrip("]").partition("[")
    case = case.removesuffix("-complete").removesuffix("-stream")
    return claim.replace("_", " ") + (f" [{case}]" if case else "")


def written() -> str:
    """Return the tables as the page has them."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    """Write the tables into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{tables()}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
