"""A whole input looked at, and nothing sent: what ``--check`` does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backbay import BackbayError, Backend, Capability
from backbay.check import apply_capabilities, check_messages
from backbay.limits import NO_LIMITS
from backbay.request import build_request

from .bodies import chat_arguments, embedding_arguments
from .errors import BatchSetupError
from .indexing import index
from .journal import Journal
from .lines import Line, LineError
from .sources import open_source


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Attributes:
        lines: Lines of the input.
        bad: How many of them cannot be asked for.
        prompt_tokens: Tokens of all prompts, estimated from their size.
        problems: What is wrong with the first 100 of them, each with its line's number.
    """

    lines: int
    bad: int
    prompt_tokens: int
    problems: tuple[str, ...]


def check_batch(input: str | os.PathLike[str], backend: Backend | None = None) -> Checked:  # noqa: A002 (as everywhere)
    """Look at every line of an input; nothing is sent, and nothing written.

    Args:
        input: JSON lines, or Parquet.
        backend: Whose capabilities each line is held against; ``None`` to look at the lines alone.

    Raises:
        BatchSetupError: The input cannot be read.
    """
    path = Path(input)
    if not path.is_file():
        raise BatchSetupError(f"There is no input {path}.", hint="Give a file of JSON lines, or Parquet.")
    check = None if backend is None else lambda line: _check(line, backend)
    with closing(open_source(path)) as source, Journal(None) as journal:
        index(source, journal, "check", check=check)
        totals = journal.totals()
        return Checked(totals.lines, totals.bad, journal.prompt_tokens(), tuple(_problems(journal)))


def _problems(journal: Journal) -> Iterator[str]:
    from pydantic_core import from_json

    for count, (_, _, _, _, record) in enumerate(journal.records()):
        if count >= 100:
            return
        yield str(from_json(record)["error"]["message"])


def _check(line: Line, backend: Backend) -> None:
    """Hold a line against what a backend says that it can do, as the backend itself would before it sends it."""
    model: Any = backend.model or line.body.get("model")
    if not model:
        raise LineError("missing_required_parameter", "body.model is missing, and the backend names no model.")
    try:
        known = backend.capabilities(model)
        if line.kind == "embeddings":
            embedding_arguments(line.body)
            known.require(Capability.EMBEDDINGS, backend=backend.id, model=model)
            return
        messages, options = chat_arguments(line.body)
        request = build_request(messages, {**options, "model": model}, limits=NO_LIMITS, model=model)
        check_messages(request.messages)
        known.require(Capability.GENERATE, backend=backend.id, model=model)
        apply_capabilities(request, known, backend=backend.id)
    except BackbayError as error:
        raise LineError("invalid_body", error.message) from None
