"""Seventeen ways in which a plugin misbehaves, each installed by hand, and what the program and its neighbours see.

The numbers are those of the catalogue of faults, section 2h. What only the conformance suite can see (a plugin that
swallows a cancelling, blocks the loop, leaks a key or opens sockets of its own) it sees in every plugin that it tries:
numbers 149, 150 and 152 are its saboteurs in tests/conformance/tests/test_saboteurs.py, and the guard in test_guard.py.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

SPEC = """
from backbay import BackendSpec, Capabilities
spec = BackendSpec(
    name="{name}",
    wires=("openai_chat",),
    requires_credential=False,
    capabilities=Capabilities.of(full="generate streaming max_tokens temperature usage list_models"),
    {more}
)
"""
GOOD = SPEC.format(name="acme", more="")


class Site:
    """A folder that distributions are installed in, as an installer leaves them: with a RECORD of every file."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def add(self, distribution, name, source, *, version="1.0", value=None, requires="backbay>=0.1,<0.2"):
        module = distribution.replace("-", "_")
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {distribution}\nVersion: {version}\nRequires-Dist: {requires}\n"
        )
        points = f"[backbay.backends]\n{name} = {value or f'{module}:spec'}\n"
        (info / "entry_points.txt").write_text(points, encoding="utf-8")
        rows = []
        for path in (self.folder / f"{module}.py", info / "METADATA", info / "entry_points.txt"):
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
            rows.append(f"{path.relative_to(self.folder)},sha256={digest},{path.stat().st_size}")
        (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]) + "\n")
        return info


# Number, distribution, backend name, source, the state that doctor says, and words of the reason that it gives.
BAD = [
    (137, "bad-raises", "raises", "raise RuntimeError('no engine')", "broken", "RuntimeError: no engine"),
    (137, "bad-syntax", "syntax", "def (:", "broken", "SyntaxError"),
    (137, "bad-needs", "needs", "import example_of_nothing_installed", "broken", "No module named"),
    (138, "bad-exits", "exits", "import sys; sys.exit(3)", "broken", "SystemExit: 3"),
    (138, "bad-base", "base", "raise BaseException('deep')", "broken", "BaseException: deep"),
    (138, "bad-interrupts", "interrupts", "raise KeyboardInterrupt", "broken", "KeyboardInterrupt"),
    (139, "bad-hangs", "hangs", "import time; time.sleep(600)", "broken", "did not finish loading within"),
    (140, "bad-missing", "missing", "nothing = 1", "broken", "has no attribute 'spec'"),
    (140, "bad-type", "type", "spec = {'name': 'type'}", "broken", "expected a backbay.BackendSpec"),
    (140, "bad-path", "path", "", "broken", "expected 'package.module:attribute'"),
    (141, "bad-twin-one", "twin", SPEC.format(name="twin", more=""), "shadowed", "bad-twin-two 1.0"),
    (141, "bad-twin-two", "twin", SPEC.format(name="twin", more=""), "shadowed", "bad-twin-one 1.0"),
    (142, "bad-case", "Acme", SPEC.format(name="acme", more=""), "broken", "lower-case letters, digits"),
    (142, "bad-look-alike", "\u0430cme", SPEC.format(name="acme", more=""), "broken", "lower-case letters, digits"),
    (142, "bad-hyphens", "ac--me", SPEC.format(name="acme", more=""), "broken", "lower-case letters, digits"),
    (143, "bad-reserved", "zai", SPEC.format(name="zai", more=""), "shadowed", "belongs to backbay-zai"),
    (143, "bad-builtin", "manual", SPEC.format(name="manual", more=""), "shadowed", "means the backend of backbay"),
    (144, "bad-old", "old", "raise RuntimeError('imported')", "incompatible", "it requires backbay"),
    (144, "bad-edition", "edition", SPEC.format(name="edition", more="protocol=99,"), "broken", "edition"),
    (145, "bad-noise", "noise", "print('NOISE')\n" + SPEC.format(name="noise", more=""), "ok", None),
    (
        146,
        "bad-effects",
        "effects",
        "import os, signal, socket, threading, time\n"
        "os.environ['HTTPS_PROXY'] = 'http://127.0.0.1:9'\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "socket.getaddrinfo = lambda *_: []\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        + SPEC.format(name="effects", more=""),
        "ok",
        None,
    ),
]
OPTIONS = {"bad-old": {"requires": "backbay<0.0.1"}, "bad-path": {"value": "bad path!"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All of them, and two good ones, in one folder. What a test must have for itself it installs elsewhere."""
    made = Site(tmp_path_factory.mktemp("bad") / "site")
    made.add("good-acme", "acme", GOOD)
    made.add("good-other", "other", SPEC.format(name="other", more=""), version="2.5")
    for _, distribution, name, source, _, _ in BAD:
        # The distribution that a reserved name belongs to must not be there, and it is in a whole environment.
        made.add(distribution, name, source, **OPTIONS.get(distribution, {}))
    return made


@pytest.fixture
def environment(site, tmp_path):
    kept = {"PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}
    bare = {name: value for name, value in os.environ.items() if name in kept}
    return {**bare, "HOME": str(tmp_path), "PYTHONUTF8": "1", "PYTHONPATH": str(site.folder), "COLUMNS": "200"}


@pytest.fixture
def command(environment):
    """Run the command line; return how it ended."""
    pytest.importorskip("backbay_cli")

    def run(*arguments, timeout=120, **variables):
        return subprocess.run(
            [sys.executable, "-P", "-m", "backbay_cli", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**environment, **variables},
        )

    return run


@pytest.fixture
def python(environment):
    """Run a program in a fresh interpreter; return the JSON that it printed."""

    def run(source, *, path=(), **variables):
        folders = os.pathsep.join([*map(str, path), environment["PYTHONPATH"]])
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**environment, "PYTHONPATH": folders, **variables},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_list_of_backends_is_quick_and_whole_whatever_is_installed_g12(command, site):
    best, found = float("inf"), {}
    for _ in range(3):
        started = time.perf_counter()
        done = command("backends", "--json")
        best = min(best, time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
        found = {record["distribution"]: record for record in json.loads(done.stdout)["backends"]}
    # The goal is one second, on a machine that does nothing else.
    assert best < 5
    for _, distribution, name, *_ in BAD:
        record = found[distribution]
        assert (record["name"], record["version"], record["location"]) == (name, "1.0", str(site.folder))
    assert found["good-acme"]["state"] == found["good-other"]["state"] == "ok"
    assert "NOISE" not in done.stdout


@pytest.fixture(scope="module")
def diagnosed(site, tmp_path_factory):
    """What doctor says of each distribution of the folder, and its notes."""
    pytest.importorskip("backbay_cli")
    home = tmp_path_factory.mktemp("home")
    kept = {"PATH", "LANG", "SYSTEMROOT", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}
    bare = {name: value for name, value in os.environ.items() if name in kept}
    names = ",".join(["good-acme", "good-other", *(distribution for _, distribution, *_ in BAD)])
    done = subprocess.run(
        [sys.executable, "-P", "-m", "backbay_cli", "doctor", "--json", "--limit", "4"],
        capture_output=True,
        text=True,
        timeout=240,
        env={
            **bare,
            "HOME": str(home),
            "PYTHONPATH": str(site.folder),
            "BACKBAY_PLUGINS": names,
            "ALL_PROXY": "http://user:secret-of-a-proxy@127.0.0.1:9",
        },
    )
    assert done.returncode == 1, done.stderr
    assert "secret-of-a-proxy" not in done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("distribution", "state", "reason"),
    [(row[1], row[4], row[5]) for row in BAD],
    ids=[f"{row[0]}-{row[1]}" for row in BAD],
)
def test_each_is_reported_with_its_distribution_version_and_reason_g12(diagnosed, distribution, state, reason):
    found = next(item for item in diagnosed["plugins"] if item["distribution"] == distribution)
    assert found["version"] == "1.0"
    if distribution == "bad-hangs" or state == "ok":
        assert found["state"] in (state, "broken")
    else:
        assert found["state"] == state
    if found["state"] == "ok":
        assert found["reason"] is None
    else:
        assert (reason or "did not finish loading within") in found["reason"]


def test_the_good_ones_are_usable_beside_them_g12(diagnosed):
    for distribution in ("good-acme", "good-other"):
        found = next(item for item in diagnosed["plugins"] if item["distribution"] == distribution)
        assert (found["state"], found["reason"], found["effects"], found["changed"]) == ("ok", None, [], [])


def test_what_loading_one_changed_in_the_process_is_said_146(diagnosed):
    found = next(item for item in diagnosed["plugins"] if item["distribution"] == "bad-effects")
    assert found["effects"] == [
        "a handler of SIGTERM was set",
        "socket.getaddrinfo was replaced",
        "the variable HTTPS_PROXY was set",
        "threads were left running",
    ]
    assert any("loading effects changed the process" in note for note in diagnosed["notes"])


def test_proxies_of_the_environment_are_named_and_not_used(diagnosed):
    assert any("ALL_PROXY" in note and "does not use them" in note for note in diagnosed["notes"])


def test_in_one_process_each_is_its_own_typed_error_and_the_good_ones_resolve(python):
    found = python("""
        import json, backbay
        names = ["raises", "syntax", "needs", "exits", "base", "missing", "type", "path", "twin", "Acme", "old",
                 "edition", "noise", "acme", "other", "manual"]
        found = {}
        for name in names:
            try:
                found[name] = backbay.resolve(name).name
            except backbay.RegistryError as error:
                found[name] = type(error).__name__
        print(json.dumps(found))
    """)
    assert found == {
        **dict.fromkeys(("raises", "syntax", "needs", "exits", "base", "missing"), "BackendImportError"),
        **dict.fromkeys(("type", "path", "Acme"), "PluginContractError"),
        **dict.fromkeys(("old", "edition"), "IncompatibleBackendError"),
        "twin": "AmbiguousBackendError",
        **{name: name for name in ("noise", "acme", "other", "manual")},
    }


@pytest.mark.parametrize("turned", [False, True], ids=["one order", "the other"])
def test_a_name_that_two_claim_is_an_error_that_names_both_in_either_order_of_the_path_141(python, tmp_path, turned):
    one, two = Site(tmp_path / "one"), Site(tmp_path / "two")
    one.add("twice-one", "twice", SPEC.format(name="twice", more=""))
    two.add("twice-two", "twice", SPEC.format(name="twice", more=""), version="2.0")
    folders = [one.folder, two.folder]
    words = python(
        """
        import json, backbay
        try:
            backbay.resolve("twice")
        except backbay.AmbiguousBackendError as error:
            print(json.dumps(str(error)))
        """,
        path=folders[::-1] if turned else folders,
    )
    for said in (f"twice-one 1.0 ({one.folder})", f"twice-two 2.0 ({two.folder})"):
        assert said in words


RESERVED = """
    import json, backbay, backbay.discovery, backbay.known, backbay.choosing
    from types import MappingProxyType
    # A name of the project's whose own distribution is not installed.
    backbay.choosing.KNOWN = MappingProxyType({"taken": "backbay-taken"})
    found = []
    for name in ("taken", "taken@evil-taken"):
        try:
            found.append(backbay.resolve(name).name)
        except backbay.RegistryError as error:
            found.append([type(error).__name__, str(error)])
    record = next(record for record in backbay.inspect(load=False) if record.name == "taken")
    print(json.dumps([*found, record.state, record.reason]))
"""


def test_a_name_of_the_projects_is_bound_to_its_distribution_143(python, tmp_path):
    other = Site(tmp_path / "other")
    other.add("evil-taken", "taken", SPEC.format(name="taken", more=""), version="6.6")
    (kind, words), meant, state, reason = python(RESERVED, path=[other.folder])
    assert kind == "ReservedBackendError"
    for said in ("backbay-taken", f"evil-taken 6.6 ({other.folder})", "BACKBAY_PIN=taken=evil-taken"):
        assert said in words
    assert meant == "taken", "the name with its distribution says that it is meant"
    assert state == "shadowed"
    assert "backbay-taken" in reason


def test_a_pin_says_that_another_distribution_may_have_a_name_of_the_projects_143(python, tmp_path):
    other = Site(tmp_path / "other")
    other.add("evil-taken", "taken", SPEC.format(name="taken", more=""))
    found = python(RESERVED, path=[other.folder], BACKBAY_PIN="taken=evil-taken")
    assert found == ["taken", "taken", "ok", None]


def test_every_backend_of_the_project_has_a_reserved_name():
    import backbay

    mine = {
        record.name: record.distribution
        for record in backbay.inspect(load=False)
        if record.distribution is not None and record.distribution.startswith("backbay-")
    }
    from backbay.known import KNOWN

    assert mine.keys() - {"acme"} <= KNOWN.keys()
    assert all(KNOWN[name] == distribution for name, distribution in mine.items() if name in KNOWN)


@pytest.mark.parametrize("how", ["raises", "wrong", "nothing", "after", "hangs", "forever"])
def test_a_backend_that_breaks_the_contract_while_it_answers_is_a_typed_error_147_148(python, how, tmp_path):
    other = Site(tmp_path / "other")
    (other.folder / "strange.py").write_text(
        textwrap.dedent("""
            import asyncio
            from backbay.backend import Backend
            from backbay.events import Ended, Text
            from backbay.response import Finish

            class Strange(Backend):
                async def _stream(self, request):
                    how = request.model
                    if how == "raises":
                        raise KeyError("lost")
                    if how == "wrong":
                        yield "text"
                    if how == "after":
                        yield Ended(Finish.STOP)
                        yield Text("late")
                    if how == "hangs":
                        yield Text("a")
                        await asyncio.sleep(600)
                    while how == "forever":
                        yield Text("a")
                        await asyncio.sleep(0.001)
        """)
    )
    source = SPEC.format(name="strange", more='backend="strange:Strange",').replace('wires=("openai_chat",),', "")
    other.add("bad-strange", "strange", source)
    kind, words = python(
        f"""
        import asyncio, json, backbay
        async def ask():
            backend = backbay.connect("strange:{how}", limits={{"total": 0.5}})
            try:
                return ["nothing", (await backend.complete("Hello.")).text]
            except backbay.BackbayError as error:
                return [type(error).__name__, str(error)]
        print(json.dumps(asyncio.run(asyncio.wait_for(ask(), 20))))
        """,
        path=[other.folder],
    )
    expected = {
        "nothing": "TruncatedError",
        "hangs": "LimitExceededError",
        "forever": "LimitExceededError",
    }.get(how, "ProtocolError")
    if how == "after":
        # What follows the end is not waited for: the answer was whole.
        assert kind in ("nothing", "ProtocolError")
    else:
        assert kind == expected, words


def test_a_codec_cannot_send_the_key_to_another_host_151(python, tmp_path):
    other = Site(tmp_path / "other")
    (other.folder / "astray.py").write_text(
        textwrap.dedent("""
            import dataclasses
            from backbay.wires.openai_chat import OpenAIChat

            PATHS = iter(["http://127.0.0.2:9/x", "//127.0.0.2:9/x", "/../../x", "..//127.0.0.2:9/x", "../../../x"])

            class Astray(OpenAIChat):
                def encode(self, request, *, stream):
                    return dataclasses.replace(super().encode(request, stream=stream), path=next(PATHS))
        """)
    )
    other.add("bad-astray", "astray", SPEC.format(name="astray", more='codec="astray:Astray",'))
    urls = python(
        """
        import asyncio, json, backbay
        from backbay.errors import ConnectError
        class Recorder:
            def __init__(self):
                self.urls = []
            async def send(self, method, url, headers, body):
                self.urls.append(url)
                raise ConnectError("recorded")
            async def aclose(self):
                self.urls = self.urls
        async def ask():
            recorder = Recorder()
            backend = backbay.connect(
                "astray:m", api_key="k-0123456789", base_url="http://127.0.0.1:8/v1", transport=recorder, retries=0
            )
            for _ in range(5):
                try:
                    await backend.complete("Hello.")
                except backbay.ConnectError:
                    continue
            return recorder.urls
        print(json.dumps(asyncio.run(ask())))
        """,
        path=[other.folder],
    )
    assert len(urls) == 5
    from urllib.parse import urlsplit

    assert {urlsplit(url).netloc for url in urls} == {"127.0.0.1:8"}


def test_a_plugin_that_disappears_or_changes_while_the_program_runs_is_a_typed_error_153(python, tmp_path):
    other = Site(tmp_path / "other")
    other.add("bad-gone", "gone", SPEC.format(name="gone", more=""))
    other.add("bad-uninstalled", "uninstalled", SPEC.format(name="uninstalled", more=""))
    kinds = python(
        """
        import json, pathlib, shutil, backbay
        folder = pathlib.Path(backbay.discovery.entries()[0].distribution.location)
        assert {"gone", "uninstalled"} <= set(backbay.names())
        (folder / "bad_gone.py").unlink()
        shutil.rmtree(folder / "bad_uninstalled-1.0.dist-info")
        kinds = []
        for name in ("gone", "uninstalled"):
            try:
                backbay.resolve(name)
            except backbay.RegistryError as error:
                kinds.append(type(error).__name__)
        print(json.dumps([*kinds, backbay.resolve("acme").name]))
        """.replace("import json", "import backbay.discovery, json"),
        path=[other.folder],
    )
    assert kinds == ["BackendImportError", "UnknownBackendError", "acme"]


def test_a_record_says_where_a_plugin_came_from(python, tmp_path):
    other = Site(tmp_path / "other")
    info = other.add("backbay-example", "example", SPEC.format(name="example", more=""), version="1.5")
    stated = {"url": "https://user:token@example.com/a.whl?key=k", "archive_info": {}}
    (info / "direct_url.json").write_text(json.dumps(stated))
    record = python(
        """
        import dataclasses, json, backbay
        found = next(each for each in backbay.inspect(load=False) if each.name == "example")
        print(json.dumps(dataclasses.asdict(found)))
        """,
        path=[other.folder],
    )
    assert record["version"] == "1.5"
    assert record["location"] == str(other.folder)
    rows = [row for row in csv.reader((info / "RECORD").read_text().splitlines()) if not row[0].endswith("RECORD")]
    own = "".join(sorted(f"{name},{stated}\n" for name, stated, *_ in rows if not name.endswith("direct_url.json")))
    assert record["record_hash"] == hashlib.sha256(own.encode()).hexdigest()
    assert record["direct_url"] == "https://example.com/a.whl"


def test_doctor_warns_of_files_that_are_not_what_was_installed(command, tmp_path):
    other = Site(tmp_path / "other")
    other.add("good-same", "same", SPEC.format(name="same", more=""))
    other.add("good-changed", "changed", SPEC.format(name="changed", more=""))
    with (other.folder / "good_changed.py").open("a") as file:
        file.write("\n# changed\n")
    other.add("good-lost", "lost", SPEC.format(name="lost", more=""))
    (other.folder / "good_lost-1.0.dist-info" / "METADATA").unlink()
    done = command("doctor", "--json", PYTHONPATH=str(other.folder), BACKBAY_PLUGINS="good-changed,good-lost,good-same")
    found = {item["distribution"]: item["changed"] for item in json.loads(done.stdout)["plugins"]}
    assert found["good-changed"] == ["good_changed.py"]
    assert found["good-lost"] == ["good_lost-1.0.dist-info/METADATA"]
    assert found["good-same"] == []
    notes = [note for note in json.loads(done.stdout)["notes"] if "is not what was installed" in note]
    assert any("good-changed 1.0" in note and "good_changed.py" in note for note in notes)


def test_doctor_warns_of_files_that_run_code_at_every_start(tmp_path, environment):
    """In an environment of its own, since the file is in the folder that site.py looks through."""
    pytest.importorskip("backbay_cli")
    import sysconfig
    import venv

    venv.create(tmp_path / "venv", with_pip=False)
    bin_folder = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    home = next((tmp_path / "venv").glob("lib/python*/site-packages"), tmp_path / "venv" / "Lib" / "site-packages")
    (home / "neighbours.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (home / "sneaky_init.pth").write_text("import os; os.environ.get('HOME')\n")
    (home / "sitecustomize.py").write_text("")
    found = [entry for entry in sys.path if os.path.isdir(entry)]  # noqa: PTH112
    done = subprocess.run(
        [bin_folder / "python", "-P", "-m", "backbay_cli", "doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, "PYTHONPATH": os.pathsep.join(found), "BACKBAY_PLUGINS": ""},
    )
    notes = json.loads(done.stdout)["notes"]
    assert any("sneaky_init.pth" in note and "runs code at every start" in note for note in notes), notes
    assert any("sitecustomize.py runs code at every start" in note for note in notes), notes
    assert not any("neighbours.pth" in note for note in notes)
