"""SECURITY.md promises nothing that no test holds, and the ways that it describes are the ways that work."""

from __future__ import annotations

import re

import pytest

PLUGINS = "tests/integration/test_bad_plugins.py"
SECRECY = "tests/conformance/src/backbay_conformance/laws/secrecy.py"
KEYS = "tests/integration/test_credentials.py"
HERE = "tests/repo/test_security_page.py"

# What is promised, by the bold words that a promise begins with: the tests that hold it, by file.
PROMISES = {
    "Keys.": [
        (KEYS, "test_a_key_is_not_in_any_representation_m1"),
        (KEYS, "test_a_key_that_no_header_may_have_is_refused_before_any_connection_and_never_printed"),
        (SECRECY, "test_no_key_is_in_what_a_backend_shows_of_itself"),
    ],
    "Where a key goes.": [
        (SECRECY, "test_the_key_is_in_the_header_that_the_spec_names_and_nowhere_else"),
        (PLUGINS, "test_a_codec_cannot_send_the_key_to_another_host_151"),
        (PLUGINS, "test_proxies_of_the_environment_are_named_and_not_used"),
        (HERE, "test_redirects_and_proxies_of_the_environment_are_off_in_every_transport"),
    ],
    "What a vendor repeats.": [
        (SECRECY, "test_no_key_is_in_an_error_or_a_log"),
        ("tests/repo/test_wheels.py", "test_no_module_of_ours_has_a_logger"),
    ],
    "TLS.": [(HERE, "test_nothing_switches_the_check_of_certificates_off")],
    "What comes back.": [
        ("tests/integration/test_fuzz.py", "test_of_any_input_come_only_typed_errors_and_what_the_grammar_allows"),
        ("plugins/extensions/cli/tests/test_safe_text.py", "test_"),
    ],
    "Listing is not running.": [
        (PLUGINS, "test_the_list_of_backends_is_quick_and_whole_whatever_is_installed_g12"),
        (PLUGINS, "test_a_name_that_two_claim_is_an_error_that_names_both_in_either_order_of_the_path_141"),
        (PLUGINS, "test_a_name_of_the_projects_is_bound_to_its_distribution_143"),
        (PLUGINS, "test_doctor_warns_of_files_that_are_not_what_was_installed"),
        (PLUGINS, "test_doctor_warns_of_files_that_run_code_at_every_start"),
        ("core/tests/registry/test_registry.py", "test_the_allow_list_is_exact_and_leaves_what_is_built_in"),
    ],
    "No service of ours.": [(HERE, "test_the_core_connects_to_no_address_of_its_own")],
}


@pytest.fixture(scope="module")
def page(root):
    return (root / "SECURITY.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def core(files, root):
    """The text of every module of the core, by its path."""
    found = {path: path.read_text("utf-8") for path in files if path.is_relative_to(root / "core" / "src")}
    modules = {path: text for path, text in found.items() if path.suffix == ".py"}
    assert len(modules) > 50
    return modules


def test_every_promise_has_the_tests_that_hold_it(page):
    section = page.partition("## What Backbay promises")[2].partition("\n## ")[0]
    assert re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE) == list(PROMISES)
    assert all(PROMISES.values())


@pytest.mark.parametrize(("path", "test"), [held for tests in PROMISES.values() for held in tests])
def test_the_tests_that_hold_a_promise_are_there(root, path, test):
    assert f"def {test}" in (root / path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def workflows(root):
    """The text of each workflow, by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in (root / ".github/workflows").glob("*.yml")}


def job(workflow, name):
    """Return the part of a workflow that is one of its jobs."""
    return re.split(r"^  (?=\w)", workflow.partition(f"\n  {name}:\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_releases_are_made_as_the_page_says(workflows, page):
    release = workflows["release.yml"]
    assert "permissions: {}" in release
    assert "secrets." not in release
    assert "password" not in release
    assert 'run: python scripts/release.py "$TAG" --only build' in job(release, "build")
    assert 'run: python scripts/release.py "$TAG" --only test' in job(release, "test")
    for said in ("trusted publishing", "CycloneDX", "two\npeople", "attestations"):
        assert said in page


def test_what_was_built_is_what_is_tested_and_published_and_nothing_is_built_again(workflows):
    release = workflows["release.yml"]
    assert release.count("--only build") == 1
    for name in ("test", "publish"):
        assert "actions/download-artifact@" in job(release, name)
        assert "name: distribution" in job(release, name)
        assert "upload-artifact" not in job(release, name)
    assert "needs: [build, test]" in job(release, "publish")


def test_only_the_job_that_publishes_gets_a_token_of_the_index_and_it_runs_nothing_of_the_repository(workflows):
    release = workflows["release.yml"]
    assert release.count("id-token: write") == 1
    publish = job(release, "publish")
    assert "id-token: write" in publish
    assert "environment: release" in publish
    assert "attestations: true" in publish
    assert "checkout" not in publish
    assert "run:" not in publish


def test_only_the_page_of_a_release_is_written_and_that_job_runs_nothing_of_the_repository(workflows):
    assert "".join(workflows.values()).count("contents: write") == 1
    page = job(workflows["release.yml"], "page")
    assert "contents: write" in page
    assert "checkout" not in page


def test_every_action_is_pinned_by_the_hash_of_a_commit_with_its_version_and_always_the_same(workflows):
    used = re.findall(r"uses: (\S+)(.*)", "".join(workflows.values()))
    assert len(used) > 10
    for action, rest in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest), action
    assert len(set(used)) == len({action.partition("@")[0] for action, _ in used})


def test_every_checkout_forgets_its_token(workflows):
    for name, text in workflows.items():
        assert text.count("actions/checkout@") == text.count("persist-credentials: false"), name


def test_what_was_tried_of_the_page_is_written_down_with_its_day(page, root):
    rows = re.findall(r"^\| (\S.*?) \|", page.partition("## What of this was tried")[2], re.MULTILINE)
    assert all(re.fullmatch(r"when|20\d\d-\d\d-\d\d|not yet", row) for row in rows), rows
    assert "not yet" in rows
    for script in re.findall(r"scripts/\w+\.py", page):
        assert (root / script).exists()


@pytest.mark.parametrize("name", ["ci.yml", "audit.yml"])
def test_ci_may_only_read_and_has_no_secret(workflows, name):
    assert "permissions:\n  contents: read\n" in workflows[name]
    assert ": write" not in workflows[name]
    assert "secrets." not in workflows[name]


def test_pinned_packages_have_hashes(files):
    pins = [path for path in files if path.name == "requirements.txt" or path.parent.name == "requirements"]
    assert pins
    for path in pins:
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.match(r"[A-Za-z0-9]", line):
                assert line.endswith("\\"), f"{path}: {line} has no hash"


def test_nothing_switches_the_check_of_certificates_off(core):
    for path, text in core.items():
        assert not re.search(r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|ssl\s*=\s*False", text), path


def test_redirects_and_proxies_of_the_environment_are_off_in_every_transport(core):
    transports = {path.name: text for path, text in core.items() if path.parent.name == "adapters"}
    assert {"direct.py", "httpx.py", "aiohttp.py"} <= set(transports)
    assert "trust_env=False" in transports["aiohttp.py"]
    for name in ("direct.py", "connection.py", "pools.py", "streams.py"):
        assert not re.search(r"[Pp]roxy|[Ll]ocation", re.sub(r'""".*?"""', "", transports[name], flags=re.DOTALL)), name
    for name, text in transports.items():
        assert not re.search(r"trust_env\s*=\s*True|follow_redirects\s*=\s*True|allow_redirects\s*=\s*True", text), name


def test_the_core_connects_to_no_address_of_its_own(core):
    """No service of ours: the addresses in the core are examples, this machine, and pages that are cited."""
    for path, text in core.items():
        code = re.sub(r"\"\"\".*?\"\"\"|#[^\n]*", "", text, flags=re.DOTALL)
        hosts = re.findall(r"https?://([A-Za-z0-9.-]+\.[A-Za-z]{2,})", code)
        assert [host for host in hosts if not host.endswith("example.com")] == [], path
