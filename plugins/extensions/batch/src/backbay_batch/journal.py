"""The journal: which lines there are, and how each came out. It is the truth; the output is made from it.

SQLite, in WAL mode. A commit survives the death of this process at once, and that of the machine after the next
``sync``. The file is locked for as long as this process lives and has it open, by the system's own locks, which
end with their process; so a second run on it is refused, and a killed one leaves nothing to be cleared away.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from .errors import BatchSetupError, opening_error, storage_error
from .rows import SCHEMA, VERSION, Place, Result, State, Totals

_WAL_PAGES = 16_384
# Of 4096 bytes: the write-ahead log is taken into the file, which waits for the disk, once it has grown by 64 MiB.

_ROWS = 100
# Rows of one statement: a row has 7 values, and SQLite before 3.32 takes 999 of them.


class Journal:
    """One open journal. Not for several threads at once.

    Args:
        path: The file; made if it is not there. ``None`` for one that lives as long as this object.

    Raises:
        JournalBusyError: Another run has it.
        BatchSetupError: The file is something else, or cannot be opened.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        try:
            self._open()
        except sqlite3.Error as failure:
            self.close()
            raise opening_error(failure, path) from None
        except BatchSetupError:
            self.close()
            raise

    def _open(self) -> None:
        name = "" if self._path is None else str(self._path)
        self._database = sqlite3.connect(name, timeout=0.5, isolation_level=None, check_same_thread=False)
        run = self._database.execute
        # Before the first read: so the lock is a lock of the file alone, and ends with the process.
        run("PRAGMA locking_mode = EXCLUSIVE")
        [found] = run("PRAGMA user_version").fetchone()
        [tables] = run("SELECT count(*) FROM sqlite_master").fetchone()
        if found not in (0, VERSION) or (found == 0 and tables):
            raise BatchSetupError(
                f"{self._path} is no journal of this version of backbay-batch.", hint="--restart begins anew."
            )
        run("PRAGMA journal_mode = WAL" if self._path is not None else "PRAGMA journal_mode = OFF")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        run("BEGIN IMMEDIATE")
        if found == 0:
            for statement in SCHEMA.split(";"):
                run(statement)
            run(f"PRAGMA user_version = {VERSION}")
        run("COMMIT")

    def close(self) -> None:
        """Close it, and release the lock. May be called again."""
        database = getattr(self, "_database", None)
        if database is not None:
            database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fact(self, name: str) -> str | None:
        """Return what is noted under a name, or ``None``."""
        found = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def note(self, **facts: str) -> None:
        """Note facts, over what was there."""
        self._within("INSERT OR REPLACE INTO facts VALUES (?, ?)", list(facts.items()))

    def clear(self) -> None:
        """Forget every line."""
        for table in ("lines", "results"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 (two names)

    def forget(self) -> None:
        """Forget everything."""
        self.clear()
        self._database.execute("DELETE FROM facts")

    def add_lines(self, places: Sequence[Place]) -> list[tuple[Place, int]]:
        """Note lines; return those whose id another line has, each with that line's number. They are not noted."""
        rows = [(p.number, p.custom_id, p.offset, p.length, p.prompt, p.answer) for p in places]
        [before] = self._database.execute("SELECT count(*) FROM lines WHERE number >= ?", (rows[0][0],)).fetchone()
        self._within("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (custom_id) DO NOTHING", rows)
        found = self._database.execute("SELECT number FROM lines WHERE number >= ?", (rows[0][0],)).fetchall()
        if len(found) - before == len(rows):
            return []
        noted = {number for (number,) in found}
        left = [place for place in places if place.number not in noted]
        return [(place, self._number_of(place.custom_id)) for place in left]

    def _number_of(self, custom_id: str | None) -> int:
        [number] = self._database.execute("SELECT number FROM lines WHERE custom_id = ?", (custom_id,)).fetchone()
        return int(number)

    def add_results(self, results: Sequence[Result]) -> None:
        """Note how lines came out: all of them, or, where that fails, none.

        Raises:
            BatchStorageError: They cannot be written.
        """
        try:
            self._database.execute("BEGIN")
            for start in range(0, len(results), _ROWS):
                some = results[start : start + _ROWS]
                # One statement, since each step of one gives up Python's lock and waits for it again.
                marks = ",".join(["(?,?,?,?,?,?,?)"] * len(some))
                values = [
                    value
                    for r in some
                    for value in (r.number, int(r.state), r.attempts, r.input, r.output, r.cost, r.record)
                ]
                self._database.execute(f"INSERT OR REPLACE INTO results VALUES {marks}", values)  # noqa: S608 (marks)
            self._database.execute("COMMIT")
        except sqlite3.Error as failure:
            self._roll_back()
            raise storage_error(failure, self._path) from None

    def forget_given_up(self) -> int:
        """Let lines wait again that were given up; return how many."""
        return self._database.execute("DELETE FROM results WHERE state = ?", (State.GIVEN_UP,)).rowcount

    def waiting(self, after: int, count: int) -> list[Place]:
        """Return the next lines without a result, by number, after one."""
        found = self._database.execute(
            "SELECT number, custom_id, offset, length, prompt, answer FROM lines AS l WHERE number > ? "
            "AND NOT EXISTS (SELECT 1 FROM results AS r WHERE r.number = l.number) ORDER BY number LIMIT ?",
            (after, count),
        )
        return [Place(*row) for row in found]

    def unanswered(self, numbers: Sequence[int]) -> dict[int, str | None]:
        """Return those of some lines, 500 at most, that have no result, each with its id."""
        marks = ",".join("?" * len(numbers))
        found = self._database.execute(
            f"SELECT number, custom_id FROM lines AS l WHERE number IN ({marks}) "  # noqa: S608 (marks)
            "AND NOT EXISTS (SELECT 1 FROM results AS r WHERE r.number = l.number)",
            tuple(numbers),
        )
        return {int(number): custom_id for number, custom_id in found}

    def records_in_order(self, after: int, count: int) -> list[tuple[int, bytes]]:
        """Return the next records after a line, up to the first line that has none."""
        found = self._database.execute(
            "SELECT l.number, r.record FROM lines AS l LEFT JOIN results AS r ON r.number = l.number "
            "WHERE l.number > ? ORDER BY l.number LIMIT ?",
            (after, count),
        )
        listed = []
        for number, record in found:
            if record is None:
                found.close()
                break
            listed.append((number, record))
        return listed

    def records(self, after: int = 0) -> Iterator[tuple[int, int | None, int | None, float | None, bytes]]:
        """Yield the results of lines after one, by number: number, prompt and completion tokens, cost, record."""
        last = after
        while True:
            found = self._database.execute(
                "SELECT number, input, output, cost, record FROM results WHERE number > ? ORDER BY number LIMIT 500",
                (last,),
            ).fetchall()
            if not found:
                return
            yield from found
            last = found[-1][0]

    def totals(self) -> Totals:
        """Return the counts."""
        [lines] = self._database.execute("SELECT count(*) FROM lines").fetchone()
        rows = self._database.execute(
            "SELECT state, count(*), sum(input), sum(output), sum(cost) FROM results GROUP BY state"
        ).fetchall()
        unpriced = self._database.execute(
            "SELECT coalesce(sum(input), 0), coalesce(sum(output), 0) FROM results WHERE cost IS NULL"
        ).fetchone()
        by_state = {State(row[0]): row[1] for row in rows}
        return Totals(
            lines=lines,
            answered=by_state.get(State.ANSWERED, 0),
            failed=by_state.get(State.FAILED, 0) + by_state.get(State.GIVEN_UP, 0),
            bad=by_state.get(State.BAD, 0),
            input=sum(row[2] or 0 for row in rows),
            output=sum(row[3] or 0 for row in rows),
            cost=sum(row[4] or 0.0 for row in rows),
            unpriced_input=unpriced[0],
            unpriced_output=unpriced[1],
        )

    def prompt_tokens(self) -> int:
        """Return the tokens of all prompts, as estimated."""
        [found] = self._database.execute("SELECT total(prompt) FROM lines").fetchone()
        return int(found)

    def sync(self) -> None:
        """See to it that all commits so far survive the machine too. May be called in another thread.

        Raises:
            BatchStorageError: The system says that they will not.
        """
        if self._path is None:
            return
        # The log alone, which SQLite puts no lock on: to close another handle of the file would release its lock.
        log = self._path.with_name(f"{self._path.name}-wal")
        try:
            with log.open("rb+") as file:
                os.fsync(file.fileno())
        except FileNotFoundError:
            return  # All of it is in the file.
        except OSError as failure:
            raise storage_error(failure, self._path) from None

    def checkpoint(self) -> None:
        """Take the log into the file, so that all commits so far survive the machine too."""
        try:
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as failure:
            raise storage_error(failure, self._path) from None

    def _within(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        try:
            self._database.execute("BEGIN")
            self._database.executemany(statement, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as failure:
            self._roll_back()
            raise storage_error(failure, self._path) from None

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
