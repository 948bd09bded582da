"""Keys in the keyring and in the file: where they are, who comes first, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
import threading
import traceback

import pytest

import backbay
from backbay.credentials import open_source
from backbay.errors import ConfigurationError, InvalidCredentialError, MissingCredentialError
from backbay_connect import KeyFileWarning, KeyStore
from backbay_connect.system_keyring import SystemKeyring

posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX's")


@pytest.fixture
def key(canary):
    return f"sk-{canary}"


def test_the_order_is_argument_keyring_file_environment(acme, keyring, monkeypatch):
    store = KeyStore()

    def used(**given):
        return backbay.connect("acme:tiny", **given).settings.api_key

    monkeypatch.setenv("ACME_API_KEY", "from-environment")
    assert (used().reveal(), used().source) == ("from-environment", "env:ACME_API_KEY")
    store.save("acme", "from-file", place="keyfile")
    assert (used().reveal(), used().source) == ("from-file", "keyfile:acme")
    store.save("acme", "from-keyring")
    assert (used().reveal(), used().source) == ("from-keyring", "keyring:acme")
    assert used(api_key="from-argument").reveal() == "from-argument"
    with pytest.raises(MissingCredentialError):
        used(api_key="")
    assert open_source("keyfile:acme").get_secret_value() == "from-file"


def test_an_address_of_the_environment_alone_does_not_get_a_saved_key(keyring):
    spec = backbay.BackendSpec(
        name="homed",
        wires=("openai_chat",),
        default_base_url="https://api.acme.example/v1",
        base_url_env=("HOMED_URL",),
    )
    KeyStore().save("homed", "sk-0123456789")
    with backbay.register("homed", spec), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMED_URL", "https://mallory.example/v1")
        with pytest.raises(ConfigurationError, match="mallory"):
            backbay.connect("homed:tiny")


def test_a_keyring_that_is_locked_is_an_error_and_not_another_key(acme, keyring, monkeypatch):
    """Row 169 of the fault catalogue."""
    from keyring.errors import KeyringLocked

    KeyStore().save("acme", "from-keyring")
    monkeypatch.setenv("ACME_API_KEY", "from-environment")

    def locked():
        raise KeyringLocked("Failed to unlock the collection!")

    keyring.before = locked
    with pytest.raises(ConfigurationError) as caught:
        backbay.connect("acme:tiny")
    assert caught.value.code == "keyring_locked"


def test_a_keyring_that_hangs_is_left_alone_after_its_limit(keyring, key):
    release = threading.Event()
    keyring.before = lambda: release.wait(5)
    with pytest.raises(ConfigurationError) as caught:
        KeyStore(keyring=SystemKeyring(limit=0.2)).save("acme", key)
    release.set()
    assert caught.value.code == "keyring_hangs"
    assert key not in str(caught.value)


def test_what_a_keyring_says_when_it_fails_is_not_repeated(keyring, key):
    def fail():
        raise RuntimeError(f"could not store {key}")

    keyring.before = fail
    with pytest.raises(ConfigurationError) as caught:
        KeyStore().save("acme", key)
    told = "".join(traceback.format_exception(caught.value))
    assert caught.value.code == "keyring_failed"
    assert key not in told


def test_a_system_without_a_keyring_says_what_to_do(monkeypatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setattr("backbay_connect.system_keyring.PRODUCTS", {})
    with pytest.raises(ConfigurationError) as caught:
        KeyStore().save("acme", "sk-0123456789")
    assert caught.value.code == "keyring_absent"
    assert "--file" in caught.value.hint
    assert not KeyStore().folder.exists()


def test_another_keyring_is_not_taken_whatever_asks_for_it(tmp_path, monkeypatch, key):
    """A variable, the library's own file, and a backend of the highest priority: none of them sees the key."""
    (tmp_path / "evil.py").write_text(
        "import pathlib\nfrom keyring.backend import KeyringBackend\n"
        "class Keyring(KeyringBackend):\n    priority = 1000\n"
        "    def get_password(self, s, u): return None\n"
        f"    def set_password(self, s, u, p): pathlib.Path({str(tmp_path / 'stolen')!r}).write_text(p)\n"
    )
    config = tmp_path / "python_keyring"
    config.mkdir()
    (config / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring=evil.Keyring\nkeyring-path={tmp_path}\n")
    program = (
        "import evil, sys\nfrom backbay_connect import KeyStore\n"
        "try:\n    KeyStore().save('acme', sys.stdin.read())\nexcept ValueError as error:\n    print(error.code)\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "evil.Keyring",
        "XDG_CONFIG_HOME": str(tmp_path),
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], input=key, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "stolen").exists()
    if sys.platform == "linux":
        assert done.stdout.strip() == "keyring_absent"


@posix
def test_the_key_file_is_made_for_its_owner_alone(folder):
    KeyStore().save("acme", "sk-0123456789", place="keyfile")
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(folder.glob(".keys*"))


@posix
@pytest.mark.parametrize("fault", ["open", "group", "link", "folder", "fifo", "owner"])
def test_a_key_file_that_others_could_have_read_or_put_there_is_refused(folder, fault, monkeypatch, tmp_path):
    """Row 170 of the fault catalogue."""
    KeyStore().save("acme", "sk-0123456789", place="keyfile")
    file = folder / "keys.json"
    if fault in ("open", "group"):
        file.chmod(0o644 if fault == "open" else 0o640)
    elif fault == "link":
        file.rename(tmp_path / "elsewhere.json")
        file.symlink_to(tmp_path / "elsewhere.json")
    elif fault == "folder":
        file.unlink()
        file.mkdir()
    elif fault == "fifo":
        file.unlink()
        os.mkfifo(file, 0o600)
    else:
        real = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    for use in (lambda: KeyStore().entries(), lambda: KeyStore().save("other", "sk-0123456789", place="keyfile")):
        with pytest.raises(ConfigurationError) as caught:
            use()
        assert caught.value.code in ("key_file_unsafe", "key_file_unreadable")


@posix
def test_a_folder_that_others_can_write_into_is_refused(folder):
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError) as caught:
        KeyStore().save("acme", "sk-0123456789", place="keyfile")
    assert caught.value.code == "key_file_unsafe"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"version": 1, "names": {"acme": {"kind": "ke',
        b"[]",
        b"\xff",
        b'{"version": 9, "names": {}}',
        b'{"version": 1, "names": {"a": 1}}',
    ],
)
def test_a_half_written_file_is_one_clear_error(folder, content):
    KeyStore().save("acme", "sk-0123456789", place="keyfile")
    (folder / "keys.json").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        KeyStore().entries()
    assert caught.value.code == "key_file_unreadable"


def test_a_write_that_fails_leaves_the_old_file_whole(folder, monkeypatch):
    store = KeyStore()
    store.save("acme", "sk-0123456789", place="keyfile")
    before = (folder / "keys.json").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ConfigurationError) as caught:
            store.save("other", "sk-0123456789", place="keyfile")
    assert caught.value.code == "key_file_unwritable"
    assert (folder / "keys.json").read_bytes() == before
    assert not list(folder.glob(".keys*"))


def test_a_file_in_a_git_work_tree_is_warned_of(tmp_path):
    (tmp_path / ".git").mkdir()
    with pytest.warns(KeyFileWarning, match="git work tree"):
        KeyStore().save("acme", "sk-0123456789", place="keyfile")


def test_threads_and_processes_that_save_at_once_lose_nothing(folder):
    program = (
        "import sys, threading\nfrom backbay_connect import KeyStore\n"
        "def work(n): KeyStore().save(f'{sys.argv[1]}-{n}', 'sk-0123456789', place='keyfile')\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]\n"
        "[each.start() for each in threads]; [each.join() for each in threads]\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, f"p{number}"]) for number in range(3)]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    assert len(KeyStore().entries()) == 15


def test_a_name_that_is_a_key_is_refused_and_not_repeated(canary):
    with pytest.raises(ConfigurationError) as caught:
        KeyStore().save(f"sk-{canary.upper()}/", "sk-0123456789", place="keyfile")
    assert canary.upper() not in str(caught.value)


def test_what_is_saved_is_not_overwritten_unasked(keyring):
    KeyStore().save("acme", "first-key")
    with pytest.raises(ConfigurationError) as caught:
        KeyStore().save("acme", "second-key")
    assert caught.value.code == "name_taken"
    KeyStore().save("acme", "second-key", replace=True)
    assert open_source("keyring:acme").get_secret_value() == "second-key"


def test_an_entry_whose_secret_is_gone_says_so(acme, keyring):
    KeyStore().save("acme", "sk-0123456789")
    keyring.held.clear()
    with pytest.raises(MissingCredentialError):
        backbay.connect("acme:tiny")


def test_removing_takes_it_from_both_the_keyring_and_the_index(keyring):
    store = KeyStore()
    saved = store.save("acme", "sk-0123456789")
    store.remove(saved)
    store.remove(saved)
    assert (keyring.held, store.entries()) == ({}, [])


def test_nothing_saved_costs_no_import_of_what_reads_it():
    program = (
        "import sys, backbay\n"
        "spec = backbay.BackendSpec(name='bare', wires=('openai_chat',), default_base_url='https://a.example/v1')\n"
        "backbay.register('bare', spec)\n"
        "try:\n    backbay.connect('bare:x')\nexcept backbay.MissingCredentialError:\n"
        "    print([m for m in ('keyring', 'filelock', 'backbay_connect.keystore', 'backbay_connect.opening')"
        " if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_index_holds_no_secret_and_the_objects_show_none(folder, keyring, key):
    store = KeyStore()
    saved = store.save("acme", key)
    assert key not in (folder / "index.json").read_text()
    assert key not in repr(saved) + repr(store.read(saved)) + repr(vars(store))
    with pytest.raises(TypeError):
        pickle.dumps(store.read(saved))


def test_commands_save_list_and_remove_and_show_no_key(command, key, folder):
    done = command("keys", "set", "acme", "--file", "--json", stdin=f"{key}\n")
    assert json.loads(done.stdout)["saved"]["source"] == "keyfile:acme"
    listed = command("keys", "list", ACME_API_KEY=f"{key}-env")
    lines = [line.split()[:4] for line in listed.stdout.splitlines()[1:]]
    assert lines == [["acme", "key", "keyfile:acme", "yes"], ["acme", "key", "env:ACME_API_KEY", "no"]]
    again = command("keys", "set", "acme", "--file", stdin=key)
    assert again.returncode == 2
    assert "name_taken" in again.stderr
    gone = command("keys", "remove", "acme")
    assert gone.returncode == 0
    assert "There is no key" in command("keys", "list").stderr
    for each in (done, listed, again, gone):
        assert key not in each.stdout + each.stderr


@pytest.mark.parametrize("stdin", ["", "   \n", "two words\n", "caf\u00e9-key\n", "x" * 70_000])
def test_a_key_that_could_never_be_sent_is_refused(command, stdin, folder):
    done = command("keys", "set", "acme", "--file", stdin=stdin)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not folder.exists()


def test_white_space_around_a_key_is_taken_off_and_told(command, key):
    done = command("keys", "set", "acme", "--file", stdin=f"  {key} \r\n")
    assert "White space" in done.stderr
    assert open_source("keyfile:acme").get_secret_value() == key


def test_a_key_is_no_argument_and_is_not_repeated_if_it_is_given_as_one(command, key):
    done = command("keys", "set", "acme", key, "--file")
    assert done.returncode == 2
    assert command("keys", "set", key.upper(), "--file", stdin="sk-0123456789").returncode == 2


def test_a_sign_in_that_cannot_be_is_told_with_its_code(command):
    done = command("connect", "acme", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], error["status"]) == (2, "oauth_client_not_connectable", 400)
    assert command("disconnect", "acme").returncode == 2
    assert command("connect", "nobody").returncode == 2


def test_a_debug_traceback_and_an_unsafe_file_show_no_key(command, key, folder):
    command("keys", "set", "acme", "--file", stdin=key)
    if os.name == "posix":
        (folder / "keys.json").chmod(0o644)
        done = command("--debug", "keys", "list")
        assert done.returncode == 2
        assert "chmod 600" in done.stderr
        assert key not in done.stderr
    with pytest.raises(InvalidCredentialError) as caught:
        KeyStore().save("acme", f"{key} with space", place="keyfile")
    told = "".join(traceback.TracebackException.from_exception(caught.value).format())
    assert key not in told
