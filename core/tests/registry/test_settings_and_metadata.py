"""What metadata says, line by line, and when a declared requirement counts at all."""

import sys
from pathlib import Path

import pytest

import backbay
from backbay import registry
from backbay.installed import BACKENDS, CORE, HOOKS, Distribution, Entry, declared, headers
from backbay.provenance import hash_of_record, record_hash
from backbay.spec import BackendSpec

METADATA = "Name: backbay-acme\nVersion: 1.0\nRequires-Dist: backbay>=99\n"


def distribution(text, key="backbay-acme", path="acme"):
    return Distribution(path, "folder", {"METADATA": text}.get, key=key)


def test_a_header_ends_at_its_first_colon():
    text = "Name: acme\nRequires-Dist: backbay @ https://example.com/backbay.whl"
    assert headers({"METADATA": text}.get) == (
        ("name", "acme"),
        ("requires-dist", "backbay @ https://example.com/backbay.whl"),
    )


def test_without_metadata_there_are_no_headers():
    assert headers(lambda name: None) == ()


def test_comments_short_lines_and_values_of_an_entry_points_file_are_read_as_they_stand():
    text = """
    before = acme_a:early
    [backbay.backends]
    # acme-one = acme_a:one
    ; acme-two = acme_a:two
    a
    a;b = acme_a:three
    X-acme = acme_a:four
    acme = acme_a:spec=x
    [backbay.hooks]
    acme = acme_hooks [extra]
    """
    assert list(declared(text)) == [
        (BACKENDS, "a", ""),
        (BACKENDS, "a;b", "acme_a:three"),
        (BACKENDS, "X-acme", "acme_a:four"),
        (BACKENDS, "acme", "acme_a:spec=x"),
        (HOOKS, "acme", "acme_hooks"),
    ]


def test_a_requirement_counts_only_where_the_installed_version_is_known():
    plugin, core = distribution(METADATA), distribution("Name: backbay\nVersion: 0.1.0\n", CORE)
    assert "backbay>=99" in Entry("acme", "acme_a:spec", plugin, core).incompatibility()
    assert Entry("acme", "acme_a:spec", plugin, None).incompatibility() is None
    assert Entry("acme", "acme_a:spec", plugin, distribution("", CORE)).incompatibility() is None
    assert Entry("acme", "acme_a:spec", None, core).incompatibility() is None
    assert Entry("acme", "acme_a:spec", distribution(""), core).incompatibility() is None


def test_an_incompatible_plugin_is_known_without_being_loaded_or_resolved(site):
    module = site.backend("acme", requires=["backbay>=99,<100"])
    (record,) = [record for record in registry.inspect(load=False) if record.name == "acme"]
    assert record.state == "incompatible"
    assert "it requires backbay<100,>=99" in record.reason
    assert module not in sys.modules


def test_an_empty_allow_list_leaves_the_names_that_are_built_in_and_registered(site, monkeypatch):
    site.backend("example")
    monkeypatch.setenv("BACKBAY_PLUGINS", "")
    assert registry.names() == ("manual",)
    with registry.register("acme", BackendSpec(name="acme", wires=("openai_chat",))):
        assert registry.names() == ("acme", "manual")


def test_what_is_built_in_says_where_it_is_without_metadata_too(site, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(site.folder)])
    (record,) = registry.inspect()
    assert record.location == str(Path(backbay.__file__).parents[1])


def test_what_a_program_registered_comes_before_every_distribution_of_the_name(site):
    site.backend("acme", "0-acme")
    with registry.register("acme", BackendSpec(name="acme", wires=("openai_chat",)), replace=True):
        owners = [record.distribution for record in registry.inspect(load=False) if record.name == "acme"]
    assert owners == [None, "0-acme"]


def test_taking_a_registration_back_gives_no_failed_plugin_another_chance(site, capsys):
    site.backend("example", source="print('tried'); raise RuntimeError('no')")
    for _ in range(2):
        with registry.register("acme", BackendSpec(name="acme", wires=("openai_chat",))):
            with pytest.raises(backbay.BackendImportError):
                registry.resolve("example")
    assert capsys.readouterr().err == "tried\n"


OF_THE_WHEEL = """\
acme/__init__.py,sha256=AAAA,10
acme-1.0.dist-info/METADATA,sha256=BBBB,20
acme-1.0.dist-info/RECORD,,
"""
OF_AN_INSTALLATION = """\
../../../bin/acme,sha256=CCCC,30
acme-1.0.dist-info/INSTALLER,sha256=DDDD,4
acme-1.0.dist-info/METADATA,sha256=BBBB,20
acme-1.0.dist-info/RECORD,,
acme-1.0.dist-info/REQUESTED,sha256=EEEE,0
acme-1.0.dist-info/direct_url.json,sha256=FFFF,50
acme/__init__.py,sha256=AAAA,10
acme/__pycache__/__init__.cpython-311.pyc,,
"""


def test_the_hash_of_an_installation_is_that_of_its_wheel_whatever_the_installer_added():
    assert hash_of_record(OF_AN_INSTALLATION) == hash_of_record(OF_THE_WHEEL)
    installed = Distribution("acme", "folder", {"RECORD": OF_AN_INSTALLATION}.get, key="acme")
    assert record_hash(installed) == hash_of_record(OF_THE_WHEEL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AAAA", "ABAB"),
        ("acme/__init__.py,", "acme/other.py,"),
        ("acme/__init__.py,", "acme/a.pth,sha256=AAAA,1\nacme/__init__.py,"),
        ("acme/__init__.py,", "acme/INSTALLER,sha256=AAAA,1\nacme/__init__.py,"),
    ],
    ids=["a changed file", "a renamed file", "a further file", "a file with an installer's name, and not in its place"],
)
def test_other_files_are_another_hash(old, new):
    assert hash_of_record(OF_THE_WHEEL.replace(old, new)) != hash_of_record(OF_THE_WHEEL)


def test_without_a_record_there_is_no_hash():
    assert record_hash(Distribution("acme", "folder", lambda name: None, key="acme")) is None
