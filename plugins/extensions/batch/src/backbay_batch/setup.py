"""What a batch needs before anything is sent: its files opened, its journal found right, its input read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from backbay import Backend

from .errors import BatchSetupError, ChangedBatchError, JournalBusyError
from .indexing import Stopped, index
from .journal import Journal
from .outputs import Output, open_output
from .sources import Source, digest, is_parquet, open_source

_PARTS = ("-wal", "-shm", "")
_NOT_SAME = frozenset({"api_key", "limits", "transport", "retries"})
# Arguments of ``connect`` that may change while a batch goes on: they make no other answer.


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of a batch.

    Attributes:
        input: The requests.
        output: The results.
        ordered: Whether results stand in the order of the input.
        restart: Whether to forget what was done before.
    """

    input: Path
    output: Path
    ordered: bool = True
    restart: bool = False

    @property
    def journal(self) -> Path:
        """The journal, beside the output."""
        return self.output.with_name(f"{self.output.name}.journal")

    def check(self) -> None:
        """Refuse files that would harm one another.

        Raises:
            BatchSetupError: Output, or journal, and input are one file; the output's folder is not there.
        """
        if not self.input.is_file():
            raise BatchSetupError(f"There is no input {self.input}.", hint="Give a file of JSON lines, or Parquet.")
        for path in (self.output, self.journal):
            if path.is_dir():
                raise BatchSetupError(f"{path} is a folder.", hint="Give a file.")
            if path.exists() and path.samefile(self.input):
                raise BatchSetupError(
                    f"{path} is the input itself.", hint="Give another output; it would be overwritten."
                )
        if not self.output.parent.is_dir():
            raise BatchSetupError(f"There is no folder {self.output.parent} for the output.", hint="Make it first.")
        if not self.ordered and is_parquet(self.output):
            raise BatchSetupError("A Parquet output stands in the input's order.", hint="Leave --unordered out.")


@dataclass(frozen=True, slots=True)
class Opened:
    """What is open while a batch runs.

    Attributes:
        source: The input.
        journal: The journal, with every line of it.
        output: The output, begun.
        batch: The batch's name: the beginning of its input's digest.
    """

    source: Source = field(repr=False)
    journal: Journal = field(repr=False)
    output: Output = field(repr=False)
    batch: str

    def close(self) -> None:
        """Close everything, whatever is left."""
        self.output.close()
        self.source.close()
        self.journal.close()


def settings_of(backend: str | Backend, arguments: Mapping[str, object]) -> str:
    """Return what of a backend must be the same when a batch goes on: its name, address and arguments, but no key."""
    if isinstance(backend, Backend):
        return json.dumps({"backend": backend.id, "model": backend.model})
    given = {name: value for name, value in sorted(arguments.items()) if name not in _NOT_SAME and value is not None}
    # Digests, since a value may have a secret in it.
    digests = {name: hashlib.sha256(repr(value).encode()).hexdigest()[:16] for name, value in given.items()}
    return json.dumps({"backend": backend, "arguments": digests})


def open_batch(
    files: Files, settings: str, *, seen: Callable[[int], None], stopped: Callable[[], bool]
) -> Opened | None:
    """Open a batch, and read its input if that is not yet done; ``None`` if it was told to end meanwhile.

    Args:
        files: Its files.
        settings: What ``settings_of`` returned.
        seen: Told how many lines were read so far.
        stopped: Asked now and then whether to end.

    Raises:
        BatchSetupError: Something is wrong with the files.
        JournalBusyError: Another run has the journal.
        ChangedBatchError: The journal is that of another input or backend.
        BatchStorageError: The journal, or the output, cannot be written.
    """
    files.check()
    with ExitStack() as stack:
        source = open_source(files.input)
        stack.callback(source.close)
        found = digest(files.input)
        output = open_output(files.output, ordered=files.ordered)
        journal = _open_journal(files)
        stack.callback(journal.close)
        _compare(journal, files, found, settings)
        batch = found[:12]
        if journal.fact("indexed") is None:
            journal.clear()
            journal.note(input=found, settings=settings)
            try:
                index(source, journal, batch, seen=seen, stopped=stopped)
            except Stopped:
                return None
            journal.note(indexed="yes")
            journal.checkpoint()
        journal.forget_given_up()
        stack.callback(output.close)
        output.begin(journal)
        stack.pop_all()
    return Opened(source, journal, output, batch)


def _open_journal(files: Files) -> Journal:
    """Open the journal; where all begins anew, empty it first, even if it is none."""
    path = files.journal
    if not files.restart:
        if files.output.exists() and not path.exists():
            raise BatchSetupError(
                f"{files.output} is there, and there is no journal of it.",
                hint="Give another output; --restart overwrites this one.",
            )
        return Journal(path)
    try:
        journal = Journal(path)
    except JournalBusyError:
        raise
    except BatchSetupError:
        for part in _PARTS:
            path.with_name(path.name + part).unlink(missing_ok=True)
        journal = Journal(path)
    journal.forget()
    return journal


def _compare(journal: Journal, files: Files, found: str, settings: str) -> None:
    """Refuse to go on with another input, or another backend, than the journal's."""
    before = journal.fact("input")
    if before is not None and before != found:
        raise ChangedBatchError(
            f"{files.journal} is of another input: {files.input} was changed since, or is another file.",
            hint="Give another output, or --restart to forget what was answered.",
        )
    noted = journal.fact("settings")
    if noted is not None and noted != settings:
        raise ChangedBatchError(
            f"{files.journal} is of another backend: {_difference(json.loads(noted), json.loads(settings))}.",
            hint="Give another output, or --restart to forget what was answered.",
        )


def _difference(then: dict[str, object], now: dict[str, object]) -> str:
    """Return in words what differs between two of ``settings_of``."""
    for name in ("backend", "model"):
        if then.get(name) != now.get(name):
            return f"then {then.get(name)}, now {now.get(name)}"
    before, given = (found.get("arguments") or {} for found in (then, now))
    assert isinstance(before, dict)
    assert isinstance(given, dict)
    names = sorted(name for name in {*before, *given} if before.get(name) != given.get(name))
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} other than then"
