"""Looks through a built site: every link and anchor leads somewhere within it, and nothing is loaded from elsewhere.

``python scripts/docs_links.py site``. mkdocs checks the links that its pages are written with; this checks those
that came out, so that a page made of docstrings, a table in HTML and a menu are looked at too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
}
"""Attributes whose address a browser fetches without being asked."""


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif (tag, name) in _LOADED:
                self.loaded.append(value)
            elif tag == "a" and name == "href":
                self.links.append(value)


def problems(site: Path) -> Iterator[str]:
    """Yield what is wrong with a site, a line each."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its addresses are from the root of whatever serves it
        shown = path.relative_to(site.resolve()).as_posix()
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{shown}: loads {address}"
            elif address and not _target(path, address).exists():
                yield f"{shown}: loads {address}, which is not there"
        for address in page.links:
            if problem := _leads_nowhere(path, address, pages):
                yield f"{shown}: {address}: {problem}"


def _target(path: Path, address: str) -> Path:
    return (path.parent / unquote(urlsplit(address).path)).resolve()


def _leads_nowhere(path: Path, address: str, pages: Mapping[Path, Page]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = _target(path, address) if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "there is no such page"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"there is no anchor {anchor!r}"
    return None


def main() -> None:
    """Read the command line, look through a site, and say what is wrong."""
    site = Path(sys.argv[1])
    if not (site / "index.html").exists():
        raise SystemExit(f"{site} is no built site; build it with: mkdocs build --strict")
    found = list(problems(site))
    print(*found, sep="\n")
    if found:
        raise SystemExit(f"{len(found)} problems.")
    print("Every link leads somewhere, and nothing comes from elsewhere.")


if __name__ == "__main__":
    main()
