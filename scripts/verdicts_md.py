"""The page of verdicts in Markdown: what each backend declares, and what the suite found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backbay.capabilities import Capability, Support
from backbay.spec import BackendSpec


@dataclass(frozen=True)
class Entry:
    """A backend on the page.

    Attributes:
        spec: Its spec.
        verdict: Its verdict, as it ships it.
        path: Its folder, relative to the root of the repository.
    """

    spec: BackendSpec
    verdict: Mapping[str, Any]
    path: str

    def cell(self, capability: str) -> tuple[str, str]:
        """Return what is declared of a capability, and the verdict; of one that is newer than the verdict, nothing."""
        row = self.verdict["capabilities"].get(capability, {"declared": "unknown", "verdict": "not covered"})
        return WORDS[Support(row["declared"])], row["verdict"]

    def laws(self) -> str:
        """Return how many laws are kept, in words."""
        counts = self.verdict["counts"]
        said = f"{counts['kept']} of {counts['laws']}"
        for verdict, meant in _COUNTED:
            if counts.get(verdict):
                said += f", {counts[verdict]} {meant}"
        return said

    def speaks(self) -> str:
        """Return its wires, or that it has none."""
        return ", ".join(self.spec.wires) or "in this process"


WORDS = {
    Support.FULL: "yes",
    Support.VERSIONED: "some",
    Support.NOT_IMPLEMENTED: "not yet",
    Support.UNSUPPORTED: "no",
    Support.UNKNOWN: "?",
}
"""How the page says each support value."""

MARKS = {"kept": "✓", "refused": "", "broken": "✗", "expected failure": "!", "not covered": "·"}
"""How the page marks each verdict. What is refused as declared has the word alone: there is nothing to look at."""

DECLARED = (
    ("yes", "it works"),
    ("some", "some models or server versions can; the vendor decides at the call"),
    ("not yet", "the vendor can, the plugin does not"),
    ("no", "the vendor cannot"),
    ("?", "nobody has said; what is an option of a call is tried, what is a method of its own is refused"),
)

FOUND = (
    ("kept", "every law that needs it is kept"),
    ("refused", "as declared, a call that needs it was refused before any byte was sent"),
    ("broken", "a law about it is broken"),
    ("expected failure", "a law about it is broken, and the plugin says so and why"),
    ("not covered", "no law was about it"),
)

_COUNTED = (("broken", "broken"), ("expected_failure", "expected to fail"), ("provisional_broken", "count later"))

_GROUPS = {
    "Answers": "generate streaming system_prompt structured_output json_mode reasoning usage",
    "Tools": "tools parallel_tool_calls forced_tool_choice streamed_tool_calls hosted_tools",
    "Input": "image_input audio_input file_input cache_control",
    "Options": "temperature top_p max_tokens stop seed",
    "Methods": "list_models health embeddings rerank count_tokens execute complete_raw batches",
}

_HEAD = """# Backends, and the verdict on each

What each backend of this repository declares, and what the conformance suite found: offline, on real sockets, without a
key. It says that the plugin speaks its wire as it declares; not what a vendor's models are worth. This page is made by
`python scripts/verdicts.py`. [The same as one table](verdicts.html). [What the suite is](conformance.md).
"""


def groups() -> dict[str, list[str]]:
    """Return every capability, by the heading that it stands under."""
    known = {str(capability) for capability in Capability}
    found = {heading: [name for name in names.split() if name in known] for heading, names in _GROUPS.items()}
    listed = {name for names in found.values() for name in names}
    rest = [str(capability) for capability in Capability if capability not in listed]
    return {**found, "Further": rest} if rest else found


def words(name: str) -> str:
    """Return the name of a capability for people."""
    return name.replace("_", " ")


def page(entries: Sequence[Entry]) -> str:
    """Return the page."""
    legend = [f"- **{word}**: {means}." for word, means in DECLARED]
    marks = [f"- **{MARKS[verdict] or 'no mark'}**: {means}." for verdict, means in FOUND]
    parts = [_HEAD, "What is declared:\n", "\n".join(legend) + "\n", "What was found:\n", "\n".join(marks) + "\n"]
    parts += [
        "## Backends\n",
        _table(["backend", "for", "speaks", "key", "laws kept", "version", "tried"], _facts(entries)),
    ]
    for heading, names in groups().items():
        rows = [[_link(entry), *(" ".join(_marked(*entry.cell(name))) for name in names)] for entry in entries]
        parts += [f"## {heading}\n", _table(["backend", *map(words, names)], rows)]
    return "\n".join([*parts, *_expected(entries), *_models(entries)])


def differences(entry: Entry) -> list[tuple[str, str]]:
    """Return the models that differ from the rest of their backend: the prefix of their names, and in what."""
    return [
        (rule.prefix, ", ".join(f"{words(name)}: {WORDS[Support(value)]}" for name, value in rule.capabilities.items()))
        for rule in entry.spec.models
    ]


def _facts(entries: Iterable[Entry]) -> list[list[str]]:
    return [
        [
            _link(entry),
            entry.spec.label or entry.spec.name,
            entry.speaks(),
            "yes" if entry.spec.requires_credential else "no",
            entry.laws(),
            entry.verdict["plugin"]["version"],
            f"{entry.verdict['date'][:10]}, core {entry.verdict['core']['version']}",
        ]
        for entry in entries
    ]


def _expected(entries: Iterable[Entry]) -> list[str]:
    rows = [
        [entry.spec.name, f"`{law}`", reason.replace("|", "\\|")]
        for entry in entries
        for law, reason in entry.verdict["expected_failures"].items()
    ]
    said = "Laws that a backend is known to break, and why.\n"
    return ["## Expected failures\n", said, _table(["backend", "law", "why"], rows)] if rows else []


def _models(entries: Iterable[Entry]) -> list[str]:
    rows = [[entry.spec.name, f"`{prefix}`", what] for entry in entries for prefix, what in differences(entry)]
    said = "Some models differ from the rest of their backend: those with this name, or whose name begins with it.\n"
    return ["## Models\n", said, _table(["backend", "model", "differs in"], rows)] if rows else []


def _marked(declared: str, verdict: str) -> list[str]:
    return [part for part in (declared, MARKS[verdict]) if part]


def _link(entry: Entry) -> str:
    return f"[{entry.spec.name}](../{entry.path}/README.md)"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("|" + "|".join(f" {cell} " if cell else " " for cell in line) + "|\n" for line in lines)
