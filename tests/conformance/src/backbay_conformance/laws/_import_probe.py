"""Imports one module, and writes down what that did. Run as a program: MODULE ATTRIBUTE FILE SYS_PATH."""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from pathlib import Path

FORBIDDEN = (
    "socket.__new__",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.sendto",
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.startfile",
    "os.putenv",
    "os.unsetenv",
    "os.chdir",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "urllib.Request",
)
"""Audit events that an import must not cause. Source: Python's table of audit events."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def watch(did: list[str], watching: list[bool]) -> None:
    """Write down forbidden events in ``did`` while ``watching`` is not empty. A hook cannot be taken out again."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and (event in FORBIDDEN or (event == "open" and _writes(arguments))):
            did.append(f"{event} {', '.join(repr(argument)[:80] for argument in arguments[:2])}")

    sys.addaudithook(hook)


def _writes(arguments: tuple[object, ...]) -> bool:
    path, mode, flags = arguments
    if "__pycache__" in str(path) or path == os.devnull:
        return False
    # ``open`` says a mode; ``os.open`` and code in C only flags.
    return any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(int(str(flags)) & _WRITES)


def main(module: str, attribute: str, file: str, path: str) -> None:
    """Import ``module`` after what every spec needs, and write the findings to ``file``."""
    sys.path[:] = json.loads(path)
    importlib.import_module("backbay.spec")
    did: list[str] = []
    watching: list[bool] = [True]
    watch(did, watching)
    before = set(sys.modules)
    first = getattr(importlib.import_module(module), attribute)
    watching.clear()
    facts = {"did": did, "modules": sorted(set(sys.modules) - before), "threads": threading.active_count()}
    del sys.modules[module]
    facts["equal"] = bool(getattr(importlib.import_module(module), attribute) == first)
    Path(file).write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
