"""Writing delays and harms no call: full disks, broken files, killed programs, and many who write at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
import warnings

import pytest

import backbay_logs
from backbay.testing import connect_fake
from backbay_logs import Log, LogError, LogWarning
from backbay_logs import writer as writing
from backbay_logs.database import Database


def calls(count=1, text="Hello."):
    """Return a function that makes calls, each of which must be answered."""

    async def main():
        backend = connect_fake(text)
        for number in range(count):
            assert (await backend.complete(f"call {number}")).text == text

    return lambda: asyncio.run(main())


MANY = """
    import asyncio, os, sys
    from backbay.testing import connect_fake

    async def main():
        backend = connect_fake("An answer.")
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*(backend.complete(f"{os.getpid()} {number}") for number in range(100)))

    asyncio.run(main())
"""


def test_several_processes_write_one_new_log_and_all_is_there(python, tmp_path):
    running = [python(MANY, BACKBAY_LOGS="shared.db") for _ in range(4)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    done = [process.communicate("go\n", timeout=40) for process in running]
    assert done == [("", "")] * 4
    found = list(Log(tmp_path / "shared.db").records())
    assert len(found) == 400
    assert len({record.messages[0]["content"] for record in found}) == 400
    assert [record.id for record in found] == list(range(1, 401))


KILLED = """
    import asyncio, itertools
    from backbay.testing import connect_fake

    async def main():
        backend = connect_fake("An answer. " * 50)
        for number in itertools.count():
            await backend.complete("hi")
            await asyncio.sleep(0)
            print(number, flush=True)

    asyncio.run(main())
"""


def test_a_program_that_is_killed_leaves_a_log_that_can_be_read_searched_and_written(python, tmp_path, logged):
    for _ in range(3):
        process = python(KILLED, BACKBAY_LOGS="killed.db")
        for _ in range(50):
            process.stdout.readline()
        process.kill()
        process.communicate()
    log = Log(tmp_path / "killed.db")
    before = log.count()[0]
    found = logged(calls(), file=log.file)
    assert len(found) == before + 1
    assert len(log.find(backbay_logs.log.Query(words="answer"))) == before
    with sqlite3.connect(log.file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    connection.close()


def test_what_was_seen_is_written_when_a_program_ends(python, tmp_path):
    program = """
        import asyncio, sys
        from backbay.testing import connect_fake
        async def main():
            backend = connect_fake("x")
            for number in range(500):
                await backend.complete("hi")
        asyncio.run(main())
        sys.exit(3)
    """
    process = python(program, BACKBAY_LOGS="ended.db")
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 3
    assert Log(tmp_path / "ended.db").count()[0] == 500


def test_a_forked_child_logs_its_own_calls_once(python, tmp_path):
    program = """
        import asyncio, os, sys
        from backbay.testing import connect_fake
        backend = connect_fake()
        asyncio.run(backend.complete("parent"))
        child = os.fork()
        asyncio.run(backend.complete("child" if child == 0 else "parent again"))
        if child:
            os.waitpid(child, 0)
    """
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    assert python(program, BACKBAY_LOGS="forked.db").communicate(timeout=20) == ("", "")
    found = sorted(record.messages[0]["content"] for record in Log(tmp_path / "forked.db").records())
    assert found == ["child", "parent", "parent again"]


def _no_database(path):
    path.write_bytes(b"Not a database at all. " * 100)


def _of_another(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()


def _newer(path):
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(("spoil", "code"), [(_no_database, "no_log"), (_of_another, "no_log"), (_newer, "newer")])
def test_a_file_that_cannot_be_used_is_one_warning_and_stays(tmp_path, logged, spoil, code):
    path = tmp_path / "logs.db"
    spoil(path)
    before = path.read_bytes()
    with pytest.warns(LogWarning, match="not logged") as caught, pytest.raises(LogError) as failure:
        logged(calls(5), file=path)
    assert len([each for each in caught if each.category is LogWarning]) == 1
    assert failure.value.code == code
    assert path.read_bytes() == before


def test_where_there_can_be_no_file_calls_go_on(tmp_path, logged):
    (tmp_path / "plain").write_text("no folder")
    with pytest.warns(LogWarning, match="cannot be opened") as caught:
        assert logged(calls(3), file=tmp_path / "plain" / "logs.db") == []
    assert len([each for each in caught if each.category is LogWarning]) == 1


def test_a_warning_that_is_an_error_harms_no_call(tmp_path, logged):
    (tmp_path / "plain").write_text("no folder")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert logged(calls(3), file=tmp_path / "plain" / "logs.db") == []


def test_a_folder_that_may_only_be_read_is_one_warning(python, tmp_path):
    program = """
        import asyncio, os, warnings, backbay_logs
        from backbay.testing import connect_fake

        def log(file):
            backbay_logs.start(file)
            answer = asyncio.run(connect_fake().complete("hi"))
            backbay_logs.stop()
            return answer.text

        assert log("warm.db")  # and all is imported
        if os.geteuid() == 0:  # who may write everywhere
            os.setuid(65534)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print(log("folder/logs.db"), [each.category.__name__ for each in caught])
    """
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    if os.geteuid() == 0:
        for each in (tmp_path, *tmp_path.parents[:3]):
            each.chmod(0o755)
    out, error = python(program).communicate(timeout=20)
    assert out == "Hello. ['LogWarning']\n", error


def test_a_full_disk_is_one_warning_and_what_was_logged_stays(python, tmp_path):
    program = """
        import asyncio, os, resource, signal, warnings, backbay_logs
        from backbay.testing import connect_fake

        async def main():
            fake = connect_fake("kept")
            await fake.complete("first")
            backbay_logs.observing._started[0].writer.flush()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
            fake.answers = ["long " * 5_000]
            for number in range(30):
                await fake.complete(str(number))
                backbay_logs.observing._started[0].writer.flush()

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            backbay_logs.start("full.db")
            asyncio.run(main())
            backbay_logs.stop()
        print([str(each.message)[:60] for each in caught])
    """
    out, error = python(program).communicate(timeout=20)
    assert out.count("not logged. There is no room") == 1, error
    assert next(Log(tmp_path / "full.db").records()).text == "kept"


def test_a_writer_that_waits_for_another_holds_no_call_up(tmp_path, logged):
    path = tmp_path / "logs.db"
    Database(path).close()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    took = []

    def action():
        other.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        calls(20)()
        took.append(time.monotonic() - start)
        other.execute("ROLLBACK")

    found = logged(action, file=path)
    other.close()
    assert took[0] < 1.0
    assert len(found) == 20


def test_what_comes_faster_than_it_can_be_written_is_left_out_with_one_warning(tmp_path, logged, monkeypatch):
    monkeypatch.setattr(writing, "WAITING", 5)
    gate = threading.Event()
    real = writing.Writer._write
    monkeypatch.setattr(writing.Writer, "_write", lambda self, seen: (gate.wait(5), real(self, seen)))

    def action():
        calls(50)()
        gate.set()

    with pytest.warns(LogWarning, match="faster than they can be logged") as caught:
        found = logged(action)
    said = [str(each.message).partition(";")[0] for each in caught if each.category is LogWarning]
    assert said == ["Calls come faster than they can be logged"]
    assert 5 <= len(found) < 50


def test_the_oldest_go_when_the_log_is_full_and_the_file_stays_near_its_size(logged):
    limit = 300_000

    def action():
        for _ in range(4):
            calls(60, text=os.urandom(500).hex())()

    found = logged(action, max_bytes=limit)
    assert 50 < len(found) < 240
    assert [record.id for record in found] == list(range(240 - len(found) + 1, 241))
    log = Log(logged.file)
    assert log.count()[1] <= limit
    assert logged.file.stat().st_size < 2 * limit
    with sqlite3.connect(logged.file) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    connection.close()
    assert len(log.find(backbay_logs.log.Query(words="call"))) == len(found)


def test_start_and_stop_may_be_called_again_and_only_what_lies_between_is_logged(logged):
    calls()()
    logged(calls(2))
    calls()()
    assert len(logged(calls(1))) == 3
