"""Write what every backend here declares: ``python scripts/backends.py``; with ``--check`` say what is not up to date.

Three files come from the specs of ``plugins/backends``, which are read from the sources and need not be installed: the
page ``docs/backends.md``; the list that the command line has for ``backbay backends --available``; and the table of
names in ``backbay/known.py``, for the hint that an unknown name gets.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from backbay.capabilities import Support
from backbay.spec import BackendSpec, Identity
from workspace import ROOT, Distribution, distributions, table

PAGE = ROOT / "docs" / "backends.md"
LIST = ROOT / "plugins" / "extensions" / "cli" / "src" / "backbay_cli" / "available.json"
NAMES = ROOT / "core" / "src" / "backbay" / "known.py"

_HEAD = """# Backends

Every backend of this repository: how it is installed, where it sends what to, which key it reads, what it declares, and
where each of these facts is from. This page is made by `python scripts/backends.py` from what the plugins declare.
[What the conformance suite found](verdicts.md) is on a page of its own. `backbay backends --available` lists those that
are not installed; `backbay detect` finds local engines that are running.
"""

_SUPPORT = {
    Support.FULL: "can",
    Support.VERSIONED: "some models or versions can",
    Support.NOT_IMPLEMENTED: "the vendor can, the plugin not yet",
    Support.UNSUPPORTED: "cannot",
}
"""How the page says each support value; of the rest nobody has said anything."""

_NAMES = re.compile(r"(?<=MappingProxyType\(\n    \{\n).*?(?=    \}\n\))", re.DOTALL)


class Entry:
    """A backend and the distribution that has it."""

    def __init__(self, member: Distribution, name: str, target: str) -> None:
        module, _, attribute = target.partition(":")
        try:
            spec = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as failure:
            raise SystemExit(f"{member.path} registers {target}, and that cannot be read: {failure}.") from None
        if not isinstance(spec, BackendSpec) or spec.name != name:
            raise SystemExit(f"{member.path} registers {target} as {name!r}, and that is no spec of this name.")
        self.member = member
        self.spec: BackendSpec = spec

    @property
    def key(self) -> str:
        """The variables of its key, in Markdown."""
        if not self.spec.credential_env:
            return "signed in" if self.spec.authorizer else "none"
        listed = " or ".join(f"`{name}`" for name in self.spec.credential_env)
        return listed if self.spec.requires_credential else f"{listed}, optional"

    @property
    def address(self) -> str:
        """Its base URL, in Markdown."""
        return f"`{self.spec.default_base_url}`" if self.spec.default_base_url else "given by the caller"


def entries() -> list[Entry]:
    """Return every backend that is here, by name."""
    members = distributions()
    sys.path[:0] = [str(member.folder / "src") for member in members]
    found = []
    for member in members:
        registered = table(table(dict(member.project), "entry-points"), "backbay.backends")
        if member.kind == "backends":
            found += [Entry(member, name, str(target)) for name, target in registered.items()]
    return sorted(found, key=lambda entry: entry.spec.name)


def page(found: Sequence[Entry]) -> str:
    """Return the page."""
    hosted = [entry for entry in found if entry.spec.speaks_http and not entry.spec.native]
    engines = [entry for entry in found if entry.spec.speaks_http and entry.spec.native]
    inside = [entry for entry in found if not entry.spec.speaks_http]
    parts = [_HEAD]
    for heading, some in (("Vendors", hosted), ("Local engines", engines), ("In this process", inside)):
        parts += [f"## {heading}\n", _overview(some)] if some else []
    return "\n".join([*parts, *(_section(entry) for entry in found)])


def _overview(found: Iterable[Entry]) -> str:
    lines = ["| backend | for | install | wires | key | base URL |", "|---|---|---|---|---|---|"]
    for entry in found:
        spec = entry.spec
        cells = [
            f"[{spec.name}](#{spec.name})",
            _plain(spec.label or spec.name),
            f"`{entry.member.name}`",
            ", ".join(f"`{wire}`" for wire in spec.wires) or "none",
            entry.key if spec.speaks_http else "none",
            entry.address if spec.speaks_http else "none",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _section(entry: Entry) -> str:
    spec = entry.spec
    readme = f"[{_plain(spec.label or spec.name)}](../{entry.member.path}/README.md)"
    lines = [
        f"## {spec.name}",
        "",
        f'{readme}: `pip install {entry.member.name}`, `backbay.connect("{spec.name}:MODEL")`.',
    ]
    lines.append("")
    if spec.speaks_http:
        lines.append(f"- base URL: {entry.address}")
        variables = [*spec.base_url_env, *spec.host_env]
        lines += [f"- address from: {' or '.join(f'`{name}`' for name in variables)}"] if variables else []
        lines.append(f"- key from: {entry.key}")
        lines.append(f"- wires: {', '.join(f'`{wire}`' for wire in spec.wires)}")
    lines += [f"- {line}" for line in _capabilities(spec)]
    lines += [f"- is known by: {_identity(mark)}" for mark in spec.identity]
    lines += [f"- source of {_plain(what)}: {_plain(where)}" for what, where in spec.sources.items()]
    return "\n".join(lines) + "\n"


def _capabilities(spec: BackendSpec) -> Iterable[str]:
    for support, said in _SUPPORT.items():
        if some := _of(spec, support):
            yield f"{said}: {_words(some)}"
    for wire in spec.wires[1:]:
        other = spec.on_wire(wire)
        changed = [
            f"{_words([capability])}: {_SUPPORT.get(support, 'not known')}"
            for capability, support in other.capabilities.items()
            if support is not spec.capabilities[capability]
        ]
        if changed:
            yield f"on the wire `{wire}`: {'; '.join(changed)}"


def _of(spec: BackendSpec, support: Support) -> list[str]:
    return [str(capability) for capability, value in spec.capabilities.items() if value is support]


def _words(capabilities: Iterable[str]) -> str:
    return ", ".join(capability.replace("_", " ") for capability in capabilities)


def _identity(mark: Identity) -> str:
    ports = f", usually on port {', '.join(map(str, mark.ports))}" if mark.ports else ""
    lacks = f" and not {', '.join(f'`{key}`' for key in mark.lacks)}" if mark.lacks else ""
    return f"`GET {mark.path}` has {', '.join(f'`{shown}`' for shown in mark.shows)}{lacks}{ports}"


def _plain(text: str) -> str:
    """Return a text as one line of Markdown, for a cell as well."""
    return re.sub(r"([|<*])", r"\\\1", " ".join(text.split()))


def available(found: Iterable[Entry]) -> str:
    """Return the list for the command line, as JSON."""
    listed = [
        {
            "name": entry.spec.name,
            "label": entry.spec.label or entry.spec.name,
            "distribution": entry.member.name,
            "wires": list(entry.spec.wires),
            "native": entry.spec.native,
            "base_url": entry.spec.default_base_url,
            "requires_credential": entry.spec.requires_credential and entry.spec.speaks_http,
            "credential_env": list(entry.spec.credential_env),
            "capabilities": {str(support): _of(entry.spec, support) for support in _SUPPORT},
            "sources": dict(entry.spec.sources),
        }
        for entry in found
    ]
    return json.dumps({"edition": 1, "backends": listed}, indent=1, ensure_ascii=True) + "\n"


def known(found: Iterable[Entry]) -> str:
    """Return the module of known names."""
    text = NAMES.read_text(encoding="utf-8")
    rows = "".join(f'        "{entry.spec.name}": "{entry.member.name}",\n' for entry in found)
    written, count = _NAMES.subn(lambda _: rows, text)
    if count != 1:
        raise SystemExit(f"{_relative(NAMES)} has no table to fill in.")
    return written


def texts() -> dict[Path, str]:
    """Return what each file should have."""
    found = entries()
    return {PAGE: page(found), LIST: available(found), NAMES: known(found)}


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def main() -> int:
    """Write or check the files; return the exit code."""
    wanted = texts()
    stale = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8").replace("\r\n", "\n") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{_relative(path)} is not up to date: run `python scripts/backends.py`.", file=sys.stderr)
        return int(bool(stale))
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8", newline="\n")
        print(f"written: {_relative(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
