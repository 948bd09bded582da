"""``backbay conform NAME``: the whole suite for an installed backend, without a line of code."""

from __future__ import annotations

import json as jsonlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from backbay import ConfigurationError, resolve

from .provisional import OPTION

_KEPT, _BROKEN, _USAGE = 0, 1, 2
_SHOWN = 5
_TESTS_FAILED, _INTERRUPTED, _NO_TESTS = 1, 2, 5  # pytest's exit codes
_FILE = "test_conformance.py"


def conform(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An installed backend.", show_default=False)],
    *,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a report: a .json file, an .html page, or both into a folder."),
    ] = None,
    verdict: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write the verdict, a small .json file that a plugin can ship."),
    ] = None,
    law: Annotated[
        str | None, typer.Option(metavar="SUBSTRING", help="Try only laws whose name has this in it.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model to ask, for a backend that runs in this process, or with --live."),
    ] = None,
    wire: Annotated[
        str | None, typer.Option(metavar="WIRE", help="The wire to try, for a backend that speaks several.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Let a server that runs answer; a vendor may ask money for it.")
    ] = False,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where that server is, if not at the backend's own address.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Let provisional laws count now, and not with the next minor release.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on standard output.")] = False,
) -> None:
    """Try whether an installed backend keeps the contract: offline, without a key.

    With --live a server that runs is asked, with the key that connect would find; the laws about bytes are left out.

    The exit code is 0 if every law is kept, 1 if one is broken, and 2 if the suite could not run.
    """
    from .installed import class_of

    # What cannot work is said before anything runs.
    address = _address(name, wire, base_url, live=live)
    class_of(name, model, wire, address)
    _look_at("--report", report)
    _look_at("--verdict", verdict)
    if verdict is not None and verdict.suffix != ".json":
        raise ConfigurationError(f"--verdict {verdict}: what is written is JSON; give a path that ends with .json.")
    if verdict is not None and law is not None:
        raise ConfigurationError("--verdict and --law: a verdict is about every law. Leave one of them out.")
    if verdict is not None and wire is not None:
        raise ConfigurationError("--verdict and --wire: a verdict is about the backend's first wire. Leave one out.")
    if verdict is not None and live:
        raise ConfigurationError("--verdict and --live: a verdict is about what every law says. Leave one of them out.")
    found = run(name, model=model, law=law, wire=wire, strict=strict, base_url=address)
    if report is not None:
        _write(found, report)
    if verdict is not None and _exit_code(found) != _USAGE:
        _write_verdict(found, verdict)
    if json:
        sys.stdout.write(jsonlib.dumps(found, indent=2) + "\n")
    else:
        _show(found, report, verdict)
    raise typer.Exit(_exit_code(found))


def run(
    name: str,
    *,
    model: str | None = None,
    law: str | None = None,
    wire: str | None = None,
    strict: bool = False,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Run the suite in a process of its own, and return its report.

    Raises:
        ConfigurationError: The suite could not run, or no law has ``law`` in its name.
    """
    with tempfile.TemporaryDirectory(prefix="backbay-conform-") as place:
        folder = Path(place)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / _FILE).write_text(
            f"from backbay_conformance.installed import class_of\n\nTestConformance = class_of("
            f"{name!r}, {model!r}, {wire!r}, {base_url!r})\n",
            encoding="utf-8",
        )
        written = folder / "report.json"
        command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "--no-header"]
        command += ["-c", str(folder / "pytest.ini"), "--backbay-report", str(written), str(folder / _FILE)]
        if law is not None:
            command.append(f"--backbay-law={law}")
        if strict:
            command.append(OPTION)
        # Options that a person has for another project mean nothing here.
        environment = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
        if done.returncode == _NO_TESTS:
            what = f"no law has {law!r} in its name" if law is not None else "no law applies to it"
            raise ConfigurationError(f"Nothing was tried for {name}: {what}.", backend=name)
        if done.returncode not in (0, _TESTS_FAILED) or not written.exists():
            raise ConfigurationError(
                f"The suite could not run for {name}. pytest said: {_end_of(done.stdout + done.stderr)}", backend=name
            )
        found: dict[str, Any] = jsonlib.loads(written.read_text(encoding="utf-8"))
        return found


def _address(name: str, wire: str | None, base_url: str | None, *, live: bool) -> str | None:
    """Return where the server is that answers, or ``None`` if the suite does."""
    if not live:
        if base_url is not None:
            raise ConfigurationError("--base-url is the address of a server that runs: give --live as well.")
        return None
    spec = resolve(name)
    if not spec.speaks_http:
        raise ConfigurationError(f"{spec.name} runs in this process: there is no server to try.", backend=spec.name)
    own = (spec.on_wire(wire) if wire in spec.wires else spec).default_base_url
    address = base_url or own
    if address is None or "{" in address:
        raise ConfigurationError(
            f"{spec.name} has no address of its own.", backend=spec.name, hint="Give --base-url URL."
        )
    return address


def _write(found: Mapping[str, Any], path: Path) -> None:
    from .page import page
    from .report import files_of

    for file in files_of(path):
        text = page(found) if file.suffix == ".html" else jsonlib.dumps(found, indent=2, ensure_ascii=False) + "\n"
        file.write_text(text, encoding="utf-8")


def _look_at(option: str, path: Path | None) -> None:
    from .report import files_of

    try:
        if path is not None:
            files_of(path)
    except (OSError, ValueError) as failure:
        raise ConfigurationError(f"{option} {path}: {failure}") from None


def _write_verdict(found: Mapping[str, Any], path: Path) -> None:
    from . import verdict

    verdict.write(verdict.verdict(found), path)


def _exit_code(found: Mapping[str, Any]) -> int:
    if any(backend["problems"] for backend in found["backends"]):
        return _USAGE
    return _KEPT if found["verdict"] == "kept" else _BROKEN


def _show(found: Mapping[str, Any], report: Path | None, verdict: Path | None) -> None:
    width = shutil.get_terminal_size().columns
    for backend in found["backends"]:
        counts = backend["counts"]
        plugin = backend["plugin"] or {"name": "registered by the program", "version": ""}
        said = f"{counts['kept']} of {counts['laws']} laws kept, {counts['broken']} broken"
        if counts["expected_failure"]:
            said += f", {counts['expected_failure']} expected to fail"
        if counts["provisional_broken"]:
            said += f", {counts['provisional_broken']} broken that will count later"
        _put(f"{backend['name']} ({plugin['name']} {plugin['version']}): {said}, in {found['seconds']:.1f} s")
        for problem in backend["problems"]:
            _put(f"  problem: {problem}")
        broken = [law for law in backend["laws"] if law["verdict"] == "broken"]
        for law in broken[:_SHOWN]:
            cases = [case for case in law["cases"] if case["verdict"] == "broken"]
            _put(f"  broken: {law['claim']} ({len(cases)} of {len(law['cases'])} cases)")
            first = cases[0]["evidence"]["message"].splitlines() or [""]
            _put(f"          {first[0]}"[: max(width, 60)])
        if len(broken) > _SHOWN:
            _put(f"  and {len(broken) - _SHOWN} more")
    if report is not None:
        _put(f"report: {report}")
    if verdict is not None and _exit_code(found) != _USAGE:
        _put(f"verdict: {verdict}")


def _put(text: str) -> None:
    """Print a line, without characters that could steer a terminal."""
    sys.stdout.write("".join(sign if sign.isprintable() else " " for sign in text) + "\n")


def _end_of(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-6:]) or "nothing"
