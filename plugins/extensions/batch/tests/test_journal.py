"""The journal by itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from backbay_batch import BatchSetupError, JournalBusyError
from backbay_batch.journal import Journal
from backbay_batch.rows import Place, Result, State


def places(*ids):
    return [Place(number, each, 10 * number, 9) for number, each in enumerate(ids, start=1)]


def result(number, state=State.ANSWERED, record=b"{}"):
    return Result(number, state, 1, 10, 5, None, record)


def test_lines_with_an_id_that_is_taken_are_not_noted_and_named_with_the_first(tmp_path):
    with Journal(tmp_path / "j") as journal:
        assert journal.add_lines(places("a", None, None)) == []
        more = [Place(4, "b", 0, 1), Place(5, "a", 0, 1), Place(6, "b", 0, 1)]
        assert journal.add_lines(more) == [(more[1], 1), (more[2], 4)]
        assert journal.totals().lines == 4


def test_many_results_are_kept_at_once(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.add_lines(places(*map(str, range(1234))))
        journal.add_results([result(number) for number in range(1, 1235)])
        found = journal.totals()
        assert (found.answered, found.input, found.output) == (1234, 12340, 6170)
        assert journal.waiting(0, 10) == []


def test_lines_without_a_result_wait_in_order(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.add_lines(places("a", "b", "c", "d"))
        journal.add_results([result(2)])
        assert [place.custom_id for place in journal.waiting(0, 10)] == ["a", "c", "d"]
        assert [place.custom_id for place in journal.waiting(1, 1)] == ["c"]


def test_records_in_order_end_at_the_first_line_that_has_none(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.add_lines(places("a", "b", "c", "d"))
        journal.add_results([result(1, record=b"1"), result(2, record=b"2"), result(4, record=b"4")])
        assert journal.records_in_order(0, 10) == [(1, b"1"), (2, b"2")]
        assert [row[4] for row in journal.records()] == [b"1", b"2", b"4"]
        assert [row[4] for row in journal.records(2)] == [b"4"]


def test_what_was_given_up_waits_again(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.add_lines(places("a", "b"))
        journal.add_results([result(1, State.GIVEN_UP), result(2, State.FAILED)])
        assert journal.forget_given_up() == 1
        assert [place.custom_id for place in journal.waiting(0, 10)] == ["a"]


def test_a_journal_has_one_run_at_a_time_and_syncing_it_does_not_change_that(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.add_lines(places("a"))
        journal.sync()
        with pytest.raises(JournalBusyError):
            Journal(tmp_path / "j")
        code = "import pathlib, sys, backbay_batch.journal as it; it.Journal(pathlib.Path(sys.argv[1]))"
        done = subprocess.run([sys.executable, "-c", code, tmp_path / "j"], capture_output=True, text=True)
        assert "JournalBusyError" in done.stderr
    with Journal(tmp_path / "j") as journal:
        assert journal.totals().lines == 1


def test_another_database_is_refused_and_left_as_it_is(tmp_path):
    import sqlite3

    path = tmp_path / "j"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE precious (value TEXT)")
    database.close()
    with pytest.raises(BatchSetupError, match="no journal of this version"):
        Journal(path)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM precious").fetchone() == (0,)
    database.close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_said(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(BatchSetupError, match="cannot be opened"):
            Journal(tmp_path / "j")
    finally:
        tmp_path.chmod(0o700)
