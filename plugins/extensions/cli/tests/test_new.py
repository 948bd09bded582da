"""``backbay new``: what it writes installs, is found, type-checks and keeps the contract; bad input writes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

KINDS = {"openai_chat": ["--wire", "openai_chat"], "own": ["--wire", "own"], "in-process": ["--in-process"]}


@dataclass(frozen=True)
class Made:
    """A distribution as it was written, and the folder that it is installed into."""

    folder: Path
    site: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=170
        )

    def suite(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.site / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def make(cli: Run, tmp_path: Path, environment: dict[str, str]) -> Callable[[str], Made]:
    """Write a distribution of some kind, and install it without a network, away from everything else."""

    def made(kind: str) -> Made:
        folder, site = tmp_path / "backbay-acme", tmp_path / "site"
        done = cli("new", "acme", *KINDS[kind], "--directory", str(folder))
        assert done.returncode == 0, done.stderr
        # Without byte code: a change within the same second, to the same size, would not be seen.
        install = "install --quiet --no-index --no-compile --no-build-isolation --no-deps --target".split()
        own = {
            **environment,
            "PYTHONPATH": str(site),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        found = Made(folder, site, own)
        installed = found.run("pip", *install, str(site), ".")
        assert installed.returncode == 0, installed.stderr
        return found

    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_distribution_is_found_and_keeps_the_contract(make: Callable[[str], Made], kind: str) -> None:
    made = make(kind)
    listed = made.run("backbay_cli", "backends", "--json")
    [record] = [row for row in json.loads(listed.stdout)["backends"] if row["name"] == "acme"]
    assert (record["distribution"], record["state"]) == ("backbay-acme", "ok")
    suite = made.suite()
    assert suite.returncode == 0, suite.stdout[-5000:] + suite.stderr[-2000:]
    assert int(re.findall(r"(\d+) passed", suite.stdout)[-1]) > 10
    assert "skipped" not in suite.stdout.splitlines()[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_distribution_type_checks_strictly(make: Callable[[str], Made], kind: str) -> None:
    checked = make(kind).run("mypy", "--strict")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Success" in checked.stdout


@pytest.mark.parametrize(
    ("line", "wrong", "law", "said"),
    [
        ("max_tokens stop seed", "max_tokens stop", "every_capability_is_declared", "does not declare seed"),
        (
            "from backbay.capabilities",
            "import httpx\nfrom backbay.capabilities",
            "importing_loads_no_http_client_no_pydantic_and_no_sdk",
            "imports httpx",
        ),
    ],
)
def test_a_spec_that_is_wrong_in_one_line_is_caught_by_the_law_that_is_meant_for_it(
    make: Callable[[str], Made], line: str, wrong: str, law: str, said: str
) -> None:
    made = make("openai_chat")
    made.change("backbay_acme/__init__.py", line, wrong)
    suite = made.suite("-k", "declared or importing or spec or canonical")
    assert suite.returncode == 1
    assert said in suite.stdout
    assert re.findall(r"^FAILED .*::test_(\w+)", suite.stdout, re.MULTILINE) == [law]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_distribution_is_conformed_by_its_name_alone(make: Callable[[str], Made], kind: str) -> None:
    made = make(kind)
    done = made.run("backbay_cli", "conform", "acme", "--law", "grammar", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert json.loads(done.stdout)["backends"][0]["plugin"] == {"name": "backbay-acme", "version": "0.1.0"}


def test_a_codec_that_drops_usage_is_caught_by_the_law_of_answers(make: Callable[[str], Made]) -> None:
    made = make("own")
    made.change("backbay_acme/lines.py", "events.append(UsageSeen(usage))", "pass")
    suite = made.suite("-k", "test_the_answer_is_the_canonical_one and (cached_usage or no_usage)")
    assert suite.returncode == 1
    assert "token counts differ" in suite.stdout
    failed = re.findall(r"^FAILED .*\[(.*)\]", suite.stdout, re.MULTILINE)
    assert {name.split("-")[0] for name in failed} == {"cached_usage"}


def test_a_codec_that_invents_an_end_is_caught_by_the_laws_of_failures(make: Callable[[str], Made]) -> None:
    made = make("own")
    made.change(
        "backbay_acme/lines.py",
        "            self.failure = _truncated()\n",
        "            return [Ended(Finish.STOP)]\n",
    )
    suite = made.suite("-k", "cut or half")
    assert suite.returncode == 1
    assert re.search(r"^FAILED .*(cut|truncat)", suite.stdout, re.MULTILINE), suite.stdout[-3000:]


def test_a_change_that_keeps_the_contract_keeps_the_suite_green(make: Callable[[str], Made]) -> None:
    """The honest twin of those that are broken."""
    made = make("own")
    made.change("backbay_acme/lines.py", '"Expected lines of an answer,', '"Lines of an answer were expected,')
    suite = made.suite("-k", "canonical or split or decode_error")
    assert suite.returncode == 0, suite.stdout[-3000:]


def test_a_backend_that_forgets_the_end_is_caught(make: Callable[[str], Made]) -> None:
    made = make("in-process")
    made.change("backbay_acme/backend.py", "yield Ended(", "(")
    suite = made.suite()
    assert suite.returncode == 1
    assert "without the backend's word that it finished" in suite.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Which backend?"),
        (["Acme"], "'Acme' is no name"),
        (["acme_cloud"], "'acme_cloud' is no name"),
        (["-acme"], "No such option"),
        (["acme-"], "'acme-' is no name"),
        (["../acme"], "'../acme' is no name"),
        (["a" * 41], "40 at most"),
        (["lambda"], "keyword of Python"),
        (["manual"], "'manual' is installed already"),
        (["conformance"], "backbay-conformance is a distribution already"),
        (["acme", "--wire", "grpc"], "--wire 'grpc' is none of openai_chat, own"),
        (["acme", "--wire", "own", "--in-process"], "has no wire"),
        (["acme", "--in-process", "--base-url", "https://api.example.com"], "no --base-url"),
        (["acme", "--base-url", "api.example.com"], "no base URL"),
        (["acme", "--base-url", "http://api.example.com/v1"], "in clear"),
        (["acme", "--base-url", 'https://api.example.com/"+x+"'], "without quotes"),
        (["acme", "--label", 'Acme""" + x'], "--label takes a vendor's name"),
        (["acme", "--label", "Ac\nme"], "--label takes a vendor's name"),
        (["acme", "--key-env", "sk-secret-1234"], "--key-env takes the name"),
        (["acme", "--licence", "gpl-3.0"], "Did you mean GPL-3.0-only or GPL-3.0-or-later?"),
        (["acme", "--licence", "Apache"], "Did you mean Apache-2.0?"),
        (["acme", "--licence", ""], "no SPDX identifier"),
        (["acme", "--licence", 'MIT"\nname = "x'], "no SPDX identifier"),
        (["acme", "--licence", "LicenseRef-a b"], "no SPDX identifier"),
    ],
)
def test_bad_input_is_one_error_and_writes_nothing(cli: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = cli("new", *arguments, "--directory", str(tmp_path / "made"))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert "sk-secret" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_the_name_of_an_installed_backend_is_taken(cli: Run, plugins: Callable[..., Path], tmp_path: Path) -> None:
    plugins("backbay-acme", "spec = None")
    done = cli("new", "acme", "--directory", str(tmp_path / "made"))
    assert done.returncode == 2
    assert "'acme' is installed already" in done.stderr


def test_a_folder_that_holds_something_is_left_alone(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("kept")
    done = cli("new", "acme", "--directory", str(tmp_path / "full"))
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["kept"]
    (tmp_path / "file").write_text("kept")
    assert cli("new", "acme", "--directory", str(tmp_path / "file")).returncode == 2
    assert cli("new", "acme", "--directory", str(tmp_path / "file" / "below")).returncode == 2
    (tmp_path / "empty").mkdir()
    assert cli("new", "acme", "--directory", str(tmp_path / "empty")).returncode == 0


def test_json_says_what_was_written(cli: Run, tmp_path: Path) -> None:
    done = cli("new", "acme", "--directory", str(tmp_path / "made"), "--json")
    document = json.loads(done.stdout)
    assert (document["name"], document["kind"], document["directory"]) == (
        "acme",
        "openai_chat",
        str(tmp_path / "made"),
    )
    written = {path.relative_to(tmp_path / "made").as_posix() for path in (tmp_path / "made").rglob("*")}
    assert set(document["files"]) <= written
    assert "src/backbay_acme/py.typed" in document["files"]
    failed = json.loads(cli("new", "acme", "--directory", str(tmp_path / "made"), "--json").stdout)
    assert failed["error"]["type"] == "InvalidRequestError"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "own", [[], ["--label", "Äcme & Söhne, 4 # Ltd."], ["--key-env", "", "--base-url", "http://127.0.0.1:8080/v1"]]
)
def test_what_is_told_stands_in_files_that_are_valid(cli: Run, tmp_path: Path, kind: str, own: list[str]) -> None:
    if kind == "in-process" and "--key-env" in own:
        own = ["--label", "Ä" * 50]
    done = cli("new", "acme-2", *KINDS[kind], *own, "--directory", str(tmp_path / "made"))
    assert done.returncode == 0, done.stderr
    for path in (tmp_path / "made").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "{{" not in text, path
            assert all(len(line) <= 120 for line in text.splitlines()), path
            if path.suffix == ".py":
                compile(text, str(path), "exec")
    project = tomllib.loads((tmp_path / "made" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["backbay.backends"] == {"acme-2": "backbay_acme_2:spec"}
    assert re.fullmatch(r"backbay>=\d+\.\d+,<\d+(\.\d+)?", project["dependencies"][0])
    spec = (tmp_path / "made" / "src" / "backbay_acme_2" / "__init__.py").read_text(encoding="utf-8")
    assert ("requires_credential=False" in spec) == ("--key-env" in own or kind == "in-process")


@pytest.mark.parametrize(
    ("licence", "spelt", "text"),
    [
        (None, "MIT", "Permission is hereby granted, free of charge"),
        ("mit", "MIT", "The authors of backbay-acme"),
        ("apache-2.0", "Apache-2.0", "www.apache.org/licenses/LICENSE-2.0"),
        ("bsd-3-CLAUSE", "BSD-3-Clause", None),
        ("LicenseRef-Acme-1.0", "LicenseRef-Acme-1.0", None),
        ("none", None, None),
    ],
)
def test_the_licence_is_named_as_spdx_spells_it_and_its_text_is_there(
    cli: Run, tmp_path: Path, licence: str | None, spelt: str | None, text: str | None
) -> None:
    made = tmp_path / "made"
    done = cli("new", "acme", "--directory", str(made), *([] if licence is None else ["--licence", licence]))
    assert done.returncode == 0, done.stderr
    project = tomllib.loads((made / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project.get("license") == spelt
    assert ("license-files" in project) == (made / "LICENSE").exists() == (text is not None)
    if text is not None:
        written = (made / "LICENSE").read_text(encoding="utf-8")
        assert text in written
        assert re.search(rf"Copyright (\(c\) )?{datetime.now(UTC).year} ", written)
    said = (made / "README.md").read_text(encoding="utf-8").partition("## Licence")[2]
    assert (spelt or "None is granted") in said


def test_it_works_where_the_suite_is_not_installed(cli: Run, tmp_path: Path, environment: dict[str, str]) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "backbay_conformance.py").write_text("raise ImportError('not installed')")
    environment["PYTHONPATH"] = str(hidden)
    assert cli("new", "acme", "--directory", str(tmp_path / "made")).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            "acme\nown\nAcme Ltd\nhttps://api.example.com/v2\nACME_TOKEN\n",
            ('label="Acme Ltd"', "/v2", "ACME_TOKEN", "codec"),
        ),
        (
            "acme\n\n\n\n''\n",
            ('label="Acme"', "https://api.acme.example/v1", "requires_credential=False", "openai_chat"),
        ),
        ("acme\nin-process\n\n", ('label="Acme"', "MarkovBackend")),
    ],
)
def test_on_a_terminal_it_asks_for_what_is_missing(
    command: list[str], environment: dict[str, str], tmp_path: Path, typed: str, expected: tuple[str, ...]
) -> None:
    terminal, other = os.openpty()
    try:
        os.write(terminal, typed.encode())
        words = [*command, "new", "--directory", str(tmp_path / "made")]
        done = subprocess.run(words, stdin=other, capture_output=True, text=True, env=environment, timeout=60)
    finally:
        os.close(terminal)
        os.close(other)
    assert done.returncode == 0, done.stderr
    assert "Name" in done.stderr
    spec = (tmp_path / "made" / "src" / "backbay_acme" / "__init__.py").read_text(encoding="utf-8")
    for part in expected:
        assert part in spec
