"""Databases that are locked, read-only, full, newer, damaged or not there; and crashes at every point of a refresh."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, text

import backbay
import backbay_catalogue
from backbay import Provider
from backbay.sqlitefile import REASONS
from backbay_catalogue import Catalogue, CatalogueError, Query, database, errors, schema

NEWER = "r9999"


def code_of(call, *arguments):
    with pytest.raises(CatalogueError) as caught:
        call(*arguments)
    return caught.value.code


def test_a_file_is_for_its_owner_alone(tmp_path):
    file = tmp_path / "new" / "folder" / "catalogue.db"
    with Catalogue(str(file)) as catalogue:
        assert catalogue.providers() == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_default_is_a_file_in_the_persons_own_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("BACKBAY_CATALOGUE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert database.default_file().is_relative_to(tmp_path)
    with Catalogue() as catalogue:
        assert not catalogue.exists
        assert catalogue.find("nobody") is None
        assert not catalogue.exists, "asking for a name makes no file"


@pytest.mark.parametrize("where", ["mysql://h/x", "http://h/x", "oracle+thing://x"])
def test_other_databases_are_refused_and_no_password_is_shown(where):
    with pytest.raises(backbay.ConfigurationError):
        Catalogue(where)
    with Catalogue("postgresql://me:hush@127.0.0.1:9/x", timeout=0.1) as catalogue:
        with pytest.raises(CatalogueError) as caught:
            catalogue.providers()
    assert caught.value.code == "unreachable"
    assert "hush" not in str(caught.value) + catalogue.where


def test_a_locked_catalogue_is_a_typed_error_that_may_be_tried_again(where, catalogue, provider, info, rows):
    lock = "SELECT id FROM backbay_providers" + ("" if catalogue._database.is_sqlite else " FOR UPDATE")
    with catalogue._database.write() as connection, Catalogue(where, timeout=0.2) as other:
        connection.execute(text(lock))
        with pytest.raises(CatalogueError) as caught:
            other.write("mine", [info("m")])
    assert (caught.value.code, caught.value.retryable) == ("locked", True)
    assert rows() == {}


def test_a_newer_schema_is_refused_and_left_alone(where):
    with Catalogue(where) as catalogue:
        catalogue.add(Provider(name="mine"))
        with catalogue._database.write() as connection:
            connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{NEWER}'"))
    with Catalogue(where) as catalogue:
        for call in (catalogue.providers, lambda: catalogue.add(Provider(name="other"))):
            assert code_of(call) == "newer_schema"
        with catalogue._database.engine.connect() as connection:
            assert connection.execute(text("SELECT name FROM backbay_providers")).scalars().all() == ["mine"]


def test_a_read_only_file_may_be_read_and_not_written(tmp_path):
    file = tmp_path / "catalogue.db"
    with Catalogue(str(file)) as catalogue:
        catalogue.add(Provider(name="mine"))
    with Catalogue(f"sqlite:///file:{file}?mode=ro&uri=true") as catalogue:
        assert [each.name for each in catalogue.providers()] == ["mine"]
        assert code_of(catalogue.add, Provider(name="other")) == "read_only"


def test_a_read_only_database_of_a_server_may_be_read_and_not_written(new_database):
    url = new_database()
    with Catalogue(url) as catalogue:
        catalogue.add(Provider(name="mine"))
    with Catalogue(url) as catalogue:

        @event.listens_for(catalogue._database.engine, "begin")
        def begin(connection):
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

        assert [each.name for each in catalogue.providers()] == ["mine"]
        assert code_of(catalogue.add, Provider(name="other")) == "read_only"


def test_a_full_disk_leaves_the_old_catalogue(tmp_path, info):
    with Catalogue(str(tmp_path / "catalogue.db")) as catalogue:
        catalogue.add(Provider(name="mine"))
        catalogue.write("mine", [info("old")])

        @event.listens_for(catalogue._database.engine, "connect")
        def small(connection, record):
            connection.execute("PRAGMA max_page_count = 20")

        assert code_of(catalogue.write, "mine", [info(f"new-{number}" * 9) for number in range(3000)]) == "full"
        assert [each.handle for each in catalogue.search()] == ["old"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_file_that_may_not_grow_is_a_typed_error(tmp_path):
    program = (
        "import resource, signal, sys\n"
        "from backbay import ModelInfo, Provider\n"
        "from backbay_catalogue import Catalogue, CatalogueError\n"
        "with Catalogue(sys.argv[1]) as catalogue:\n"
        "    catalogue.add(Provider(name='mine'))\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "    try:\n"
        "        catalogue.write('mine', [ModelInfo(id=f'm{n}' * 20) for n in range(3000)])\n"
        "    except CatalogueError as error:\n"
        "        print(error.code)\n"
        "    print(len(catalogue.search()))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "catalogue.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["full", "0"], done.stderr


def test_what_is_no_catalogue_is_a_typed_error(tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear catalogue, " * 100)
    with Catalogue(str(file)) as catalogue:
        assert code_of(catalogue.providers) == "no_catalogue"
    assert file.read_text().startswith("Dear")
    with Catalogue(str(tmp_path)) as catalogue:
        assert code_of(catalogue.providers) == "unreachable"
    with Catalogue(str(file / "inside.db")) as catalogue:
        assert code_of(catalogue.providers) == "unreachable"


def test_errors_are_picklable():
    import pickle

    error = pickle.loads(pickle.dumps(CatalogueError("Gone.", code="locked", retryable=True)))
    assert (error.message, error.code, error.retryable) == ("Gone.", "locked", True)
    assert set(errors._SAID) >= {"no_catalogue", *REASONS.values(), *errors._POSTGRESQL.values()}


def test_the_tables_are_those_that_the_steps_make(where):
    with Catalogue(where) as catalogue:
        catalogue.providers()
        with catalogue._database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
            found = compare_metadata(context, schema.metadata)
    assert [each for each in found if each[0] != "remove_table"] == []


def test_the_steps_are_those_that_this_version_knows():
    config = Config()
    folder = Path(backbay_catalogue.__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder))
    steps = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(step.revision for step in reversed(steps)) == schema.REVISIONS


def test_many_who_open_a_new_catalogue_at_once_make_it_once(where):
    failures = []

    def open_it(number):
        try:
            with Catalogue(where, timeout=30) as catalogue:
                catalogue.add(Provider(name=f"p{number}"))
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=open_it, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Catalogue(where) as catalogue:
        assert len(catalogue.providers()) == 6


def test_other_tables_of_the_database_are_left_alone(where):
    url = database.address(where)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE providers (x INTEGER)"))
        connection.execute(text("INSERT INTO providers VALUES (7)"))
    with Catalogue(where) as catalogue:
        catalogue.add(Provider(name="mine"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT x FROM providers")).scalar() == 7
    engine.dispose()


DYING = """
import os, signal, sys
from sqlalchemy import event
from backbay import ModelInfo
from backbay_catalogue import Catalogue

where, last = sys.argv[1], int(sys.argv[2])
catalogue = Catalogue(where)
seen = 0

def count(*_):
    global seen
    seen += 1
    if seen == last:
        os.kill(os.getpid(), signal.SIGKILL)

catalogue.providers()
for point in ("before_cursor_execute", "after_cursor_execute", "commit"):
    event.listen(catalogue._database.engine, point, count)
catalogue.write("mine", [ModelInfo(id=f"m{n}", context_window=200) for n in range(500, 1600)])
print(seen)
"""


def killed_at(where, last):
    return subprocess.run([sys.executable, "-c", DYING, where, str(last)], capture_output=True, text=True, timeout=60)


def state(where):
    with Catalogue(where, timeout=10) as catalogue:
        found = catalogue.search(Query(limit=None, missing=True))
    return {each.handle: (each.context_window, each.missing_since is not None) for each in found}


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be killed like this")
def test_a_kill_at_any_statement_leaves_the_old_catalogue_whole(where, info):
    with Catalogue(where) as catalogue:
        catalogue.add(Provider(name="mine"))
        catalogue.write("mine", [info(f"m{number}", context_window=100) for number in range(1000)])
    old = state(where)
    for last in (1, 4, 9, 14):
        assert killed_at(where, last).returncode == -signal.SIGKILL, last
        assert state(where) == old, last
    whole = killed_at(where, 10_000)
    assert whole.returncode == 0, whole.stderr
    assert int(whole.stdout) > 14
    assert killed_at(where, int(whole.stdout)).returncode in (0, -signal.SIGKILL)
    new = state(where)
    assert len(new) == 1600
    assert {value for handle, value in new.items() if int(handle[1:]) >= 500} == {(200, False)}
    assert {value for handle, value in new.items() if int(handle[1:]) < 500} == {(100, True)}


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be killed like this")
def test_a_kill_at_any_time_leaves_one_whole_catalogue(where, info):
    with Catalogue(where) as catalogue:
        catalogue.add(Provider(name="mine"))
        catalogue.write("mine", [info(f"m{number}", context_window=100) for number in range(1000)])
    old = state(where)
    chance = random.Random(7)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", DYING, where, "0"], stdout=subprocess.DEVNULL)
        time.sleep(0.3 + 0.5 * chance.random())
        process.kill()
        process.wait()
        found = state(where)
        assert found == old or len(found) == 1600
        assert {size for size, _ in found.values()} in ({100}, {100, 200})


def test_a_damaged_file_is_a_typed_error(tmp_path, info):
    file = tmp_path / "catalogue.db"
    with Catalogue(str(file)) as catalogue:
        catalogue.add(Provider(name="mine"))
        catalogue.write("mine", [info(f"m{number}") for number in range(3000)])
    content = bytearray(file.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    file.write_bytes(content)
    with Catalogue(str(file)) as catalogue:
        assert code_of(lambda: catalogue.search(Query(limit=None))) in ("damaged", "failed", "no_catalogue")
