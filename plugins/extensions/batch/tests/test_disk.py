"""A disk that is full: said clearly, and nothing that was kept is lost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")

RUN = """
import resource, sys
limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
from backbay_cli import main
sys.exit(main(["batch", "run", sys.argv[1], "--backend", "acme:acme-1", "-o", sys.argv[2], "--concurrency", "8"]))
"""


@pytest.mark.parametrize("limit", [20_000, 80_000, 200_000])
def test_a_file_that_may_not_grow_ends_the_run_with_a_clear_error_and_the_next_one_goes_on(
    acme, environment, files, limit
):
    """At 20 kB the journal cannot even be begun; at the others the journal, or the output, fills up under way."""
    ids = files.many(400)

    def run(size):
        arguments = [sys.executable, "-P", "-c", RUN, files.input, files.output, str(size)]
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)

    full = run(limit)
    assert full.returncode == 1, full.stderr
    assert "Make room on the disk" in full.stderr
    assert "Run the same command again" in full.stderr
    assert "Traceback" not in full.stderr
    before = acme.total
    if files.output.exists():
        for line in files.output.read_bytes().splitlines():
            json.loads(line)
    assert run(0).returncode == 0
    assert [each["custom_id"] for each in files.results] == ids
    assert acme.total - len(ids) <= 8, f"{before} calls were made before"
