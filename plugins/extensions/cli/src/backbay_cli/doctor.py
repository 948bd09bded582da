"""``backbay doctor``: each plugin loaded apart, with the reason of each failure, and the environment by name."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer

from backbay import InvalidRequestError, inspect, provenance
from backbay.discovery import entries, hook_entry_points
from backbay.installed import BACKENDS, CORE, HOOKS
from backbay.selection import ALLOW_VARIABLE, PIN_VARIABLE

from . import environment, exits
from .environment import Variable
from .jsonable import print_json
from .options import JsonFlag
from .probing import LIMIT, Found, probe
from .safe_text import one_line
from .tables import show
from .terminal import folded, put
from .verdicts import Verdict, shipped
from .version import facts

_FILES = 5
"""Changed files of one distribution that are named."""
_BAD = ("broken", "incompatible")
_PROBED = ("ok", "shadowed")

ProbeLimit = Annotated[
    float, typer.Option("--limit", metavar="SECONDS", help="Seconds for each plugin to load.", show_default=True)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One plugin, after it was loaded in a process of its own.

    Attributes:
        kind: ``"backend"`` or ``"hooks"``.
        name: Its entry-point name.
        distribution: Who brings it; ``None`` if that is not known.
        version: Its version, or ``None``.
        location: Where it is installed, or ``None``.
        state: ``ok``, ``broken``, or what the registry says without loading it.
        reason: Why it is not ok, or ``None``.
        seconds: How long it took to load, or ``None`` if it was not loaded.
        record_hash: The SHA-256 of what its distribution's RECORD says of its files, or ``None``.
        direct_url: Where it was installed from, if not from an index.
        changed: Files of its distribution that are gone, or are not what RECORD says.
        effects: What loading it changed in the process around it: variables, signal handlers, threads and the like.
        facts: What its spec says of the environment.
        conformance: The verdict that a backend ships; ``None`` for hooks, for what comes with core, and for a copy that
            another one hides.
    """

    kind: str
    name: str
    distribution: str | None
    version: str | None
    location: str | None
    state: str
    reason: str | None
    seconds: float | None = None
    record_hash: str | None = None
    direct_url: str | None = None
    changed: Sequence[str] = ()
    effects: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    conformance: Verdict | None = None


def doctor(*, limit: ProbeLimit = LIMIT, json: JsonFlag = False) -> None:
    """Load each plugin apart, and say what is broken.

    Each plugin gets a process of its own, so that one that hangs, exits or crashes changes nothing. Also shown: the
    verdict of the conformance suite that a backend ships, versions, and what the environment has; keys by the name of
    their variable, never by value. The exit code is 1 if a plugin is broken or incompatible; a verdict changes nothing.
    """
    if not 0 < limit < float("inf"):
        raise InvalidRequestError("--limit takes seconds above 0.")
    plugins = diagnose(limit)
    read = environment.variables({item.name: item.facts for item in plugins if item.kind == "backend" and item.facts})
    notes = [*_notes(read), *_suspicions(plugins)]
    if json:
        print_json({"versions": facts(), "plugins": plugins, "environment": read, "notes": notes})
    else:
        _show(plugins, read, notes)
    raise typer.Exit(exits.FAILED if any(item.state in _BAD for item in plugins) else exits.OK)


def diagnose(limit: float) -> Sequence[Diagnosis]:
    """Load every installed plugin, as many at once as there are processors; return what each did, in order."""
    owners = {entry.distribution for group in (BACKENDS, HOOKS) for entry in entries(group) if entry.distribution}
    files: dict[tuple[str | None, str | None], tuple[str, ...]] = {
        (owner.name, owner.location): provenance.changed(owner) for owner in owners
    }
    found = [
        Diagnosis(
            kind="backend",
            name=record.name,
            distribution=record.distribution,
            version=record.version,
            location=record.location,
            state=str(record.state),
            reason=record.reason,
            record_hash=record.record_hash,
            direct_url=record.direct_url,
            conformance=None if record.distribution == CORE else shipped(record.name, record.value, record.version),
        )
        for record in inspect(load=False)
    ]
    for entry in hook_entry_points():
        owner = entry.distribution
        found.append(
            Diagnosis(
                kind="hooks",
                name=entry.name,
                distribution=owner.name if owner else None,
                version=owner.version if owner else None,
                location=owner.location if owner else None,
                state="ok",
                reason=None,
                record_hash=provenance.record_hash(owner) if owner else None,
                direct_url=provenance.direct_url(owner) if owner else None,
            )
        )
    found = [replace(item, changed=files.get((item.distribution, item.location), ())) for item in found]
    copies = Counter((item.kind, item.name, item.distribution) for item in found)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda item: _probed(item, limit, copies), found))


def _probed(item: Diagnosis, limit: float, copies: Mapping[tuple[str, str, str | None], int]) -> Diagnosis:
    # A later copy of one distribution cannot be loaded by name: the earlier one would be.
    hidden = item.state == "shadowed" and copies[item.kind, item.name, item.distribution] > 1
    if hidden:
        # Likewise its package: the file that is found would be the earlier one's.
        return replace(item, conformance=None)
    if item.state not in _PROBED:
        return item
    found: Found = probe(item.kind, f"{item.name}@{item.distribution}" if item.distribution else item.name, limit)
    if found.ok:
        return replace(item, seconds=found.seconds, facts=found.facts, effects=found.effects)
    return replace(item, state="broken", reason=found.reason, seconds=found.seconds)


def _notes(read: Sequence[Variable]) -> list[str]:
    notes = []
    if os.environ.get(ALLOW_VARIABLE) is not None:
        notes.append(f"{ALLOW_VARIABLE} is set: only the plugins that it lists are used.")
    if environment.is_set(PIN_VARIABLE):
        notes.append(f"{PIN_VARIABLE} is set: it decides names that several distributions claim.")
    if found := environment.proxies():
        notes.append(
            f"Proxies are set in the environment ({', '.join(found)}): Backbay does not use them; "
            "a transport of your own can."
        )
    notes += [
        f"{variable.name} is set: {', '.join(variable.used_by)} goes to that address."
        for variable in read
        if variable.purpose == "address" and variable.used_by
    ]
    return notes + [f"{path} runs code at every start of Python." for path in environment.startup_files()]


def _suspicions(plugins: Sequence[Diagnosis]) -> list[str]:
    """Return what is odd about the files of plugins, and about what loading them did; once a distribution."""
    notes = [f"loading {item.name} changed the process: {'; '.join(item.effects)}." for item in plugins if item.effects]
    for item in plugins:
        if item.changed:
            shown = ", ".join(item.changed[:_FILES]) + (", ..." if len(item.changed) > _FILES else "")
            notes.append(
                f"{item.distribution} {item.version or ''} in {item.location} is not what was installed: {shown} "
                "changed or gone since. Install it again, if nobody changed it on purpose."
            )
    return list(dict.fromkeys(notes))


def _show(plugins: Sequence[Diagnosis], read: Sequence[Variable], notes: Sequence[str]) -> None:
    for name, value in facts().items():
        put(f"{name:12} {one_line(value)}")
    put()
    show(
        ("plugin", "state", "distribution", "loads in", "reason"),
        [
            (
                item.name if item.kind == "backend" else f"{item.name} ({item.kind})",
                item.state,
                " ".join(part for part in (item.distribution, item.version) if part),
                None if item.seconds is None else f"{1000 * item.seconds:.0f} ms",
                item.reason,
            )
            for item in plugins
        ],
        right=("loads in",),
    )
    if said := [(item.name, item.conformance.said) for item in plugins if item.conformance]:
        put()
        show(("backend", "conformance"), said)
    if read:
        put()
        show(
            ("variable", "is", "for", "read by"),
            [(item.name, "set" if item.set else "not set", item.purpose, _readers(item)) for item in read],
        )
    if notes:
        put()
        for note in notes:
            put(folded(f"note: {one_line(note)}", stream=sys.stdout))


def _readers(item: Variable) -> str:
    said = []
    for name in item.backends:
        if name in item.used_by:
            said.append(f"{name} (used)")
        elif name in item.needed_by:
            said.append(f"{name} (has no key)")
        else:
            said.append(name)
    return ", ".join(said)
