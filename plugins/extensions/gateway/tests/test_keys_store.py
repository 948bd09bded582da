"""The key store's file and its database: permissions, versions, and every way in which they fail."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys

import pytest

from backbay.errors import BackbayError, ConfigurationError, OverloadedError, ServerError
from backbay.response import Usage
from backbay_gateway.keys import Keys, address, database
from backbay_gateway.keys.schema import VERSION


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.sqlite"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}"


def with_keys(url, body):
    async def run():
        keys = Keys.open(url)
        try:
            return await body(keys)
        finally:
            await keys.aclose()

    return asyncio.run(run())


async def nothing(keys):
    return keys.name


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_the_file_and_those_beside_it_are_for_their_owner_alone(tmp_path):
    path = tmp_path / "made" / "keys.sqlite"

    async def body(keys):
        await keys.first_key()
        return {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}

    modes = with_keys(f"sqlite:///{path}", body)
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_file_that_others_may_read_is_closed_to_them(path, url):
    path.touch()
    path.chmod(0o644)
    with_keys(url, nothing)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_url_the_file_is_in_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert with_keys(None, nothing) == str(address.default_path())
    assert address.default_path().is_relative_to(tmp_path)


def test_keys_are_still_there_when_the_store_is_opened_again(url):
    async def make(keys):
        return await keys.first_key()

    async def use(keys):
        await (await keys.admit(new.text, model="acme:a", estimated_tokens=1)).release()

    new = with_keys(url, make)
    with_keys(url, use)
    assert with_keys(url, make) is None


def test_a_newer_schema_is_refused_with_both_versions(path, url):
    with_keys(url, nothing)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE gateway_meta SET value = 99 WHERE name = 'schema'")
    connection.close()
    with pytest.raises(ConfigurationError, match=rf"version 99 .* knows {VERSION}") as caught:
        Keys.open(url)
    assert "Upgrade backbay-gateway" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?uri=true",
        "mysql://acme:hunter2@h/x",
        "sqlite+aiosqlite:///x",
        "postgresql+asyncpg://acme:hunter2@h/x",
        "acme:hunter2@h",
    ],
)
def test_an_address_that_cannot_be_is_refused_and_its_password_is_not_repeated(url):
    with pytest.raises(ConfigurationError) as caught:
        Keys.open(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.hint


def test_a_folder_in_the_files_place_is_refused(tmp_path):
    with pytest.raises(ConfigurationError):
        Keys.open(f"sqlite:///{tmp_path}")


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError):
        Keys.open(f"sqlite:///{tmp_path}/file/keys.sqlite")


def test_a_file_that_is_no_database_is_refused(path, url):
    path.write_bytes(os.urandom(8192))
    with pytest.raises(ConfigurationError, match="damaged, or no SQLite database"):
        Keys.open(url)


def test_a_locked_store_is_an_error_that_passes(path, url, monkeypatch):
    with_keys(url, nothing)
    monkeypatch.setattr(database, "_BUSY", 0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(OverloadedError, match="locked") as caught:
            Keys.open(url)
    finally:
        other.close()
    assert (caught.value.retryable, caught.value.retry_after, caught.value.status) == (True, 1.0, 503)


def _set(keys, pragma):
    """Let the store's one connection meet the failure that the database itself makes of ``pragma``."""
    connection = keys._database._engine.raw_connection()
    connection.cursor().execute(pragma).close()
    connection.close()


@pytest.mark.parametrize(
    ("pragma", "said"), [("PRAGMA query_only = 1", "read-only"), ("PRAGMA max_page_count = 1", "full")]
)
def test_a_store_that_is_read_only_or_full_is_one_typed_error_and_nothing_is_lost(path, url, pragma, said):
    async def run():
        keys = Keys.open(url)
        new = await keys.first_key()
        filler = "x" * 3000
        for number in range(40):
            grant = await keys.admit(new.text, model="acme:a", estimated_tokens=1)
            await grant.settle(Usage(input=1, output=1), served_by=f"{number}{filler}")
        _set(keys, pragma)
        with pytest.raises(ServerError, match=said) as caught:
            await keys.sync()
        assert caught.value.code == "key_store"
        _set(keys, "PRAGMA query_only = 0")
        _set(keys, "PRAGMA max_page_count = 100000")
        await keys.sync()
        await keys.aclose()

    asyncio.run(run())
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM gateway_ledger").fetchall() == [(40,)]
    connection.close()


def test_a_store_that_cannot_be_made_is_read_only(path, url, monkeypatch):
    begin = database._begin

    def read_only(connection):
        connection.exec_driver_sql("PRAGMA query_only = 1")
        begin(connection)

    monkeypatch.setattr(database, "_begin", read_only)
    with pytest.raises(ConfigurationError, match="readonly") as caught:
        Keys.open(url)
    assert "let this user write" in str(caught.value)


def test_a_store_that_takes_nothing_any_more_lets_nobody_in(url, monkeypatch):
    """A hard limit halts: what was used must be written down before more is."""
    from backbay_gateway.keys import admission

    async def run():
        keys = Keys.open(url)
        new = await keys.first_key()
        monkeypatch.setattr(admission, "_MOST_UNWRITTEN", 3)
        for _ in range(3):
            await (await keys.admit(new.text, model="acme:a", estimated_tokens=1)).settle(None)
        with pytest.raises(OverloadedError) as caught:
            await keys.admit(new.text, model="acme:a", estimated_tokens=1)
        await keys.sync()
        await (await keys.admit(new.text, model="acme:a", estimated_tokens=1)).release()
        await keys.aclose()
        return caught.value

    assert asyncio.run(run()).retry_after == 1.0


def test_a_stop_that_cannot_write_says_so_and_lets_go_of_everything(url):
    async def run():
        keys = Keys.open(url)
        new = await keys.first_key()
        await (await keys.admit(new.text, model="acme:a", estimated_tokens=1)).settle(None)
        _set(keys, "PRAGMA query_only = 1")
        with pytest.raises(BackbayError):
            await keys.aclose()

    asyncio.run(run())
