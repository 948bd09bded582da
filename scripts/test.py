"""Run every test: ``python3 scripts/test.py``, with any arguments of pytest after it.

Makes an environment in ``.venv`` first, if there is none. Needs Python 3.11 and pip, and a network only for the first
time; the tests themselves use none but this machine's own.
"""

import os
import subprocess
import sys

import environment
import workspace


def main() -> int:
    """Prepare the environment, and run pytest; return its exit code."""
    prepared = environment.prepare(["tests"], workspace.distributions())
    settings = dict(os.environ)
    settings.setdefault("BACKBAY_CORPUS", str(workspace.ROOT.parent / "shared"))
    # Most tests wait for a socket or a limit more than they compute.
    workers = 2 * (os.cpu_count() or 1)
    command = [str(prepared.python), "-m", "pytest", f"--numprocesses={workers}", *sys.argv[1:]]
    try:
        return subprocess.run(command, cwd=workspace.ROOT, env=settings, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
