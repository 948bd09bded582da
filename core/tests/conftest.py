"""What the tests of core share: the corpus of recorded traffic, which is not part of the repository."""

import base64
import json
import os
from pathlib import Path

import pytest


def _corpus_folder() -> Path:
    named = os.environ.get("BACKBAY_CORPUS")
    return Path(named) if named else Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of recorded traffic: BACKBAY_CORPUS, or ``shared`` beside the repository. In CI it must be there."""
    folder = _corpus_folder()
    if not (folder / "data").is_dir() or not (folder / "wire" / "exchanges").is_dir():
        reason = (
            f"no corpus of recorded traffic (data/ and wire/exchanges/) in {folder}; set BACKBAY_CORPUS to its folder"
        )
        if os.environ.get("CI"):
            pytest.fail(f"{reason}. In CI this is a failure.")
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def load_exchanges(corpus):
    """A function from a glob below wire/exchanges to recorded exchanges; ``response["bytes"]`` has the body."""

    def load(pattern: str) -> list[dict]:
        found = []
        for path in sorted((corpus / "wire" / "exchanges").glob(pattern)):
            exchange = json.loads(path.read_text(encoding="utf-8"))
            response = exchange["response"]
            text = response.get("sse", response.get("body"))
            response["bytes"] = base64.b64decode(response["body_b64"]) if text is None else text.encode()
            found.append(exchange)
        assert found, f"the corpus has no exchange that matches {pattern}"
        return found

    return load
