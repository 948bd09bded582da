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


def test_the_releases_are_made_as_the_page_says(root, page):
    release = (root / ".github/workflows/release.yml").read_text(encoding="utf-8")
    for said in ("id-token: write", "environment: release", "permissions: {}", 'run: python scripts/release.py "$TAG"'):
        assert said in release
    assert "secrets." not in release
    assert "password" not in release
    for said in ("trusted publishing", "CycloneDX", "two\npeople"):
        assert said in page


@pytest.mark.parametrize("name", ["ci.yml", "audit.yml"])
def test_ci_may_only_read_and_has_no_secret(root, name):
    text = (root / ".github/workflows" / name).read_text(encoding="utf-8")
    assert "permissions:\n  contents: read\n" in text
    assert ": write" not in text
    assert "secrets." not in text


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
