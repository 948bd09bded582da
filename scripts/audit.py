"""Ask for known vulnerabilities of every pinned package: ``tox run -e audit``. Needs the network.

Each pinned file (``requirements/*.txt``, and the ``requirements.txt`` of a distribution) is looked up as it is, with
pip-audit; nothing is installed. The exit code is 1 if a package has a vulnerability that is known, 2 if nothing, or not
everything, could be looked up: then it says so, since a lookup that failed is no good news.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from workspace import ROOT, distributions

FOUND, UNKNOWN = 1, 2


def pinned() -> list[Path]:
    """Return every file with pinned versions."""
    own = [item.pins for item in distributions() if item.pins.exists()]
    return [*sorted((ROOT / "requirements").glob("*.txt")), *own]


def audit(path: Path) -> tuple[list[str], list[str], int]:
    """Return what is vulnerable in a file, what could not be looked up, and how many packages could."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner=off"]
    done = subprocess.run([*command, "--format=json", "-r", str(path)], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [], [(done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]], 0
    bad = [
        f"{each['name']} {each['version']}: {known['id']}, repaired in {known['fix_versions'] or 'nothing yet'}"
        for each in packages
        for known in each.get("vulns", ())
    ]
    skipped = [f"{each['name']}: {each['skip_reason']}" for each in packages if "skip_reason" in each]
    return bad, skipped, len(packages) - len(skipped)


def main() -> int:
    """Audit every file; return the exit code."""
    known: set[str] = set()
    unknown: set[str] = set()
    for path in pinned():
        bad, skipped, looked_up = audit(path)
        counts = f"{looked_up} packages looked up, {len(bad)} vulnerable, {len(skipped)} not looked up"
        print(f"{path.relative_to(ROOT)}: {counts}")
        known.update(bad)
        unknown.update(skipped)
    print("\n".join(sorted(known)))
    if unknown:
        print(f"{len(unknown)} packages or files could not be looked up, such as: {min(unknown)}")
        print("This is no clean result. Is there a network, and does the index that pip is set up for have advisories?")
    return FOUND if known else UNKNOWN if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
