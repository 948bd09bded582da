"""The file: many who use it at once, one who is killed, and files that cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import warnings

import pytest

import backbay_cache
from backbay.testing import connect_fake
from backbay_cache import CacheError, CacheWarning
from backbay_cache.database import Database, Entry

MANY = """
    import asyncio, sys, backbay_cache
    from backbay.testing import connect_fake

    async def main():
        fake = connect_fake("An answer.")
        async with backbay_cache.cached(fake, "shared.db") as backend:
            print("ready", flush=True)
            sys.stdin.readline()
            for _ in range(3):
                await asyncio.gather(*(backend.complete(str(number)) for number in range(40)))
        print(len(fake.requests))

    asyncio.run(main())
"""


def asked(backend_file, *prompts, fake=None):
    """Ask a new backend; return the attempts of each answer."""

    async def main():
        async with backbay_cache.cached(fake or connect_fake(), backend_file) as backend:
            return [(await backend.complete(prompt)).attempts for prompt in prompts]

    return asyncio.run(main())


def test_several_processes_share_a_new_file(python, tmp_path):
    running = [python(MANY) for _ in range(3)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    done = [process.communicate("go\n", timeout=30) for process in running]
    assert [error for _, error in done] == ["", "", ""]
    asked_by_each = [int(out) for out, _ in done]
    assert sum(asked_by_each) >= 40
    assert max(asked_by_each) <= 40
    assert asked(tmp_path / "shared.db", *map(str, range(40))) == [0] * 40
    database = Database(tmp_path / "shared.db")
    assert database.stats().entries == 40
    database.close()


def test_several_threads_share_a_file(tmp_path):
    import threading

    found = []
    threads = [
        threading.Thread(target=lambda: found.append(asked(tmp_path / "a.db", *map(str, range(30))))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert asked(tmp_path / "a.db", *map(str, range(30))) == [0] * 30


KILLED = """
    import asyncio, itertools, backbay_cache
    from backbay.testing import connect_fake

    async def main():
        async with backbay_cache.cached(connect_fake("An answer. " * 500), "killed.db") as backend:
            for number in itertools.count():
                await backend.complete(str(number))
                print(number, flush=True)

    asyncio.run(main())
"""


def test_a_writer_that_is_killed_leaves_a_file_that_works(python, tmp_path):
    for _ in range(3):
        process = python(KILLED)
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        process.communicate()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked(tmp_path / "killed.db", "0", "another") == [0, 1]
    with sqlite3.connect(tmp_path / "killed.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT bytes - (SELECT sum(size) FROM entry) FROM whole").fetchone() == (0,)
    connection.close()


def test_what_was_answered_is_kept_when_the_program_ends_without_closing(python, tmp_path):
    program = """
        import asyncio, backbay_cache
        from backbay.testing import connect_fake
        print(asyncio.run(backbay_cache.cached(connect_fake(), "left.db").complete("hi")).attempts)
    """
    assert [python(program).communicate(timeout=20) for _ in range(2)] == [("1\n", ""), ("0\n", "")]


def test_a_forked_child_has_its_own_connection(python):
    program = """
        import asyncio, os, backbay_cache
        from backbay.testing import connect_fake
        backend = backbay_cache.cached(connect_fake(), "forked.db")
        asyncio.run(backend.complete("hi"))
        child = os.fork()
        if child == 0:
            print([asyncio.run(backend.complete(text)).attempts for text in ("hi", "ho")], flush=True)
            asyncio.run(backend.aclose())  # which waits until what was answered is kept
            os._exit(0)
        os.waitpid(child, 0)
        print([asyncio.run(backend.complete(text)).attempts for text in ("hi", "ho")], flush=True)
    """
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    out, _ = python(program).communicate(timeout=20)
    assert out == "[0, 1]\n[0, 0]\n"


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


def _folder(path):
    path.mkdir()


BROKEN = [(_no_database, "no_cache"), (_of_another, "no_cache"), (_newer, "newer"), (_folder, "unreachable")]


@pytest.mark.parametrize(("spoil", "code"), BROKEN)
def test_a_file_that_cannot_be_used_is_one_warning_and_calls_go_on(tmp_path, spoil, code):
    path = tmp_path / "answers.db"
    spoil(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.warns(CacheWarning, match="go on without the cache") as caught:
        assert asked(path, "hi", "hi", "ho") == [1, 1, 1]
    assert len([each for each in caught if each.category is CacheWarning]) == 1
    assert str(path) in str(caught[0].message)
    assert before is None or path.read_bytes() == before  # nothing of it is lost
    with pytest.raises((CacheError, OSError, sqlite3.Error)) as failure:
        Database(path)
    assert getattr(failure.value, "code", code) == code


def test_where_there_can_be_no_file_calls_go_on(tmp_path):
    (tmp_path / "plain").write_text("no folder")
    with pytest.warns(CacheWarning, match="cannot be opened"):
        assert asked(tmp_path / "plain" / "answers.db", "hi", "hi") == [1, 1]


def test_a_warning_that_is_an_error_harms_no_call(tmp_path):
    (tmp_path / "plain").write_text("no folder")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked(tmp_path / "plain" / "answers.db", "hi", "hi") == [1, 1]


READ_ONLY = """
    import asyncio, os, warnings, backbay_cache
    from backbay.testing import connect_fake

    async def main(file):
        async with backbay_cache.cached(connect_fake(), file) as backend:
            return [(await backend.complete("hi")).attempts for _ in range(2)]

    assert asyncio.run(main("warm.db")) == [1, 0]  # and all is imported
    if os.geteuid() == 0:  # who may write everywhere
        os.setuid(65534)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        print(asyncio.run(main("folder/answers.db")), [each.category.__name__ for each in caught])
"""


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_that_may_only_be_read_is_one_warning(python, tmp_path, there):
    folder = tmp_path / "folder"
    folder.mkdir()
    if there:
        Database(folder / "answers.db").close()
        (folder / "answers.db").chmod(0o444)
    folder.chmod(0o555)
    if os.geteuid() == 0:
        for each in (tmp_path, *tmp_path.parents[:3]):
            each.chmod(0o755)
    out, error = python(READ_ONLY).communicate(timeout=20)
    assert out == "[1, 1] ['CacheWarning']\n", error


def test_a_full_disk_is_one_warning_and_what_was_kept_stays(python, tmp_path):
    program = """
        import asyncio, os, resource, signal, warnings, backbay_cache
        from backbay.testing import connect_fake
        fake = connect_fake()

        async def main():
            async with backbay_cache.cached(fake, "full.db") as backend:
                await backend.complete("kept")
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
                for number in range(30):
                    fake.answers = [os.urandom(10_000).hex()]
                    assert (await backend.complete(str(number))).attempts == 1

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(main())
        print([str(each.message)[:60] for each in caught])
    """
    out, error = python(program).communicate(timeout=20)
    assert out.count("go on without the cache. There is no room") == 1, error
    assert asked(tmp_path / "full.db", "kept") == [0]


def test_who_waits_too_long_for_another_goes_on_and_has_more_luck_later(tmp_path):
    path = tmp_path / f"{time.time_ns()}.db"  # another, where the test is asked again
    Database(path).close()
    other = sqlite3.connect(path, isolation_level=None)

    async def main():
        async with backbay_cache.cached(connect_fake(), path) as backend:
            await backend.complete("a")
            await backend._store.get(b"", ttl=None)  # after all that was put
            other.execute("BEGIN IMMEDIATE")
            start = time.monotonic()
            await backend.complete("b")
            took = time.monotonic() - start
            with pytest.warns(CacheWarning, match="Somebody else"):
                await backend.complete("c")  # after the attempt to keep b
            other.execute("ROLLBACK")
            await backend.complete("d")
            return took, [(await backend.complete(text)).attempts for text in "abd"]

    took, attempts = asyncio.run(main())
    other.close()
    assert took < 0.5
    assert attempts == [0, 1, 0]


def test_an_entry_that_cannot_be_read_is_asked_again(tmp_path):
    path = tmp_path / "a.db"
    assert asked(path, "hi") == [1]
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entry SET body = x'00'")
    connection.close()
    assert asked(path, "hi", "hi") == [1, 0]


def test_entries_are_counted_by_their_bytes_whatever_is_put(tmp_path):
    database = Database(tmp_path / "a.db")
    for number in range(50):
        database.put(Entry(bytes([number % 20]), "b", None, b"x" * number * 7), max_bytes=6000)
        stats = database.stats()
        assert stats.bytes <= 6000
        assert stats.bytes == database.connection.execute("SELECT bytes FROM whole").fetchone()[0]
    assert database.clear() == stats.entries
    assert database.stats().bytes == 0
    database.close()
