"""Walk through SECURITY.md as it is written: ``python scripts/drill.py``; takes half a minute, and publishes nothing.

An index on this machine stands for the real one, and a plugin that is made for it for a release of ours. Each sentence
of "If a release is bad" and "If a key has leaked" is done, and what came of it is printed. What needs the page of the
repository, which is private reporting and approval, cannot be tried here. The exit code is 1 if something is not so.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from backbay import AuthenticationError, BackendSpec
from backbay.connecting import build
from backbay.testing import Reply, ScriptedServer
from wheels import content_hash

_PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "backbay-acme"
version = "{version}"
requires-python = ">=3.11"
[project.entry-points."backbay.backends"]
acme = "backbay_acme:spec"
"""
_SPEC = (
    'from backbay import BackendSpec\nspec = BackendSpec(name="acme", wires=("openai_chat",))\nversion = "{version}"\n'
)
_KEY = "sk-drill-0123456789abcdef"


class Drill:
    """Counts what is as the page says, and what is not."""

    def __init__(self) -> None:
        self.failed = 0

    def hold(self, claim: str, so: bool) -> None:  # noqa: FBT001 (read as: hold that the claim is so)
        """Print a claim, and whether it is so."""
        print(f"{'so    ' if so else 'NOT SO'}  {claim}")
        self.failed += not so


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that http.server calls it by)
        """Log nothing."""


class Index:
    """A package index in a folder, as files: https://packaging.python.org/en/latest/specifications/simple-repository-api/."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "simple" / "backbay-acme"
        self.project.mkdir(parents=True)
        self.yanked: dict[str, str] = {}
        self.wheels: dict[str, Path] = {}

    def publish(self, version: str) -> Path:
        """Build a release and put it into the index."""
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "backbay_acme"
            package.mkdir()
            (Path(folder) / "pyproject.toml").write_text(_PYPROJECT.format(version=version))
            (package / "__init__.py").write_text(_SPEC.format(version=version))
            command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(self.project)]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        self.wheels[version] = self.project / f"backbay_acme-{version}-py3-none-any.whl"
        self._write()
        return self.wheels[version]

    def yank(self, version: str, reason: str) -> None:
        """Yank a release, as the index's page does (PEP 592)."""
        self.yanked[version] = reason
        self._write()

    def _write(self) -> None:
        lines = []
        for version, wheel in self.wheels.items():
            yanked = f' data-yanked="{escape(self.yanked[version])}"' if version in self.yanked else ""
            lines.append(f'<a href="{wheel.name}#sha256={_sha256(wheel)}"{yanked}>{wheel.name}</a><br>')
        (self.project / "index.html").write_text("<!doctype html>\n" + "\n".join(lines) + "\n")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; yield the URL of the index in it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pip(index: str, target: Path, *wanted: str) -> subprocess.CompletedProcess[str]:
    """Install from the index into a folder of its own, by pip with no settings."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--isolated",
        "install",
        "--no-cache-dir",
        "--no-deps",
        "--index-url",
        index,
    ]
    command += ["--disable-pip-version-check", "--target", str(target), *wanted]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def installed(target: Path) -> list[str]:
    """Return the versions in a folder."""
    names = (path.name.removesuffix(".dist-info") for path in target.glob("backbay_acme-*.dist-info"))
    return sorted(name.removeprefix("backbay_acme-") for name in names)


def doctor(target: Path) -> dict[str, object]:
    """Return what ``backbay doctor --json`` says of the plugin in a folder."""
    command = [sys.executable, "-P", "-m", "backbay_cli", "doctor", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(target), "BACKBAY_PLUGINS": "backbay-acme"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return next(item for item in json.loads(done.stdout)["plugins"] if item["distribution"] == "backbay-acme")


def bad_release(drill: Drill, folder: Path) -> None:
    """Do what the page says of a bad release."""
    index = Index(folder)
    index.publish("1.0.0")
    bad = index.publish("1.0.1")
    with served(folder) as url:
        pip(url, folder / "a", "backbay-acme")
        drill.hold("the newest release is installed: 1.0.1, the bad one", installed(folder / "a") == ["1.0.1"])
        index.yank("1.0.1", "a key was logged; see the advisory")
        pip(url, folder / "b", "backbay-acme")
        drill.hold("once it is yanked, nobody who asks for no version gets it", installed(folder / "b") == ["1.0.0"])
        pip(url, folder / "c", "backbay-acme>=1.0.1,<2")
        drill.hold("nor who asks for a range that only it is in", installed(folder / "c") == [])
        pinned = pip(url, folder / "d", "backbay-acme==1.0.1")
        drill.hold("an exact pin still finds it", installed(folder / "d") == ["1.0.1"])
        said = "yanked" in pinned.stderr + pinned.stdout and "a key was logged" in pinned.stderr + pinned.stdout
        drill.hold("and pip says that it is yanked, and why", said)
        index.publish("1.0.2")
        pip(url, folder / "e", "backbay-acme")
        drill.hold("the next version is what one gets from then on", installed(folder / "e") == ["1.0.2"])
        locked = folder / "locked.txt"
        locked.write_text(f"backbay-acme==1.0.1 --hash=sha256:{_sha256(index.wheels['1.0.2'])}\n")
        refused = pip(url, folder / "f", "--require-hashes", "-r", str(locked))
        drill.hold("a file with another hash is refused", refused.returncode != 0 and installed(folder / "f") == [])
    shown = doctor(folder / "d")
    drill.hold("`backbay doctor --json` shows the version", shown["version"] == "1.0.1")
    drill.hold(
        "and the hash that scripts/release.py prints of the bad wheel", shown["record_hash"] == content_hash(bad)
    )
    drill.hold("which is not that of the next one", content_hash(bad) != content_hash(index.wheels["1.0.2"]))
    drill.hold("no file changed since it was installed", shown["changed"] == [])
    (folder / "d" / "backbay_acme" / "__init__.py").write_text(_SPEC.format(version="changed"))
    drill.hold("and one that is changed is named", doctor(folder / "d")["changed"] == ["backbay_acme/__init__.py"])


def leaked_key(drill: Drill) -> None:
    """Do what the page says of a leaked key: it is revoked, and what still uses it fails without showing it."""
    words = {"error": {"message": f"Incorrect API key provided: {_KEY}.", "code": "invalid_api_key"}}

    async def call(url: str) -> str:
        spec = BackendSpec(name="acme", wires=("openai_chat",))
        async with build(spec, "m", base_url=url, api_key=_KEY) as backend:
            try:
                await backend.complete("Hello.")
            except AuthenticationError as error:
                return f"{error} {error!r} {vars(error)!r}"
        return _KEY

    with ScriptedServer(Reply.json(words, status=401)) as server:
        said = asyncio.run(call(server.url))
        drill.hold("with a revoked key a call is an AuthenticationError", "AuthenticationError" in said)
        drill.hold("that names the backend, and not the key", "acme" in said and _KEY not in said)
        drill.hold("and it is not tried again", len(server.requests) == 1)
    command = [sys.executable, "-P", "-m", "backbay_cli", "doctor", "--json"]
    environment = {**os.environ, "OPENAI_API_KEY": _KEY, "BACKBAY_PLUGINS": "openai"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    drill.hold("`backbay doctor` names the variable that has a key", '"OPENAI_API_KEY"' in done.stdout)
    drill.hold("and does not show the key", _KEY not in done.stdout + done.stderr)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    """Do both; return the exit code."""
    drill = Drill()
    with tempfile.TemporaryDirectory() as folder:
        bad_release(drill, Path(folder))
    leaked_key(drill)
    return 1 if drill.failed else 0


if __name__ == "__main__":
    sys.exit(main())
