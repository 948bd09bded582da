"""What is found of installed distributions, however they are installed and whatever is wrong with some."""

from __future__ import annotations

import json
import os
import sys
import threading
import zipfile
from types import SimpleNamespace

import pytest

from backbay import discovery
from backbay._stdout import diverted
from backbay.discovery import entries, hook_entry_points
from backbay.errors import IncompatibleBackendError, PluginContractError
from backbay.installed import HOOKS, Entry
from backbay.ranges import unmet


def found(*, shadowed=False, group="backbay.backends"):
    """Entry points of the tests' own distributions, by name."""
    mine = [entry for entry in entries(group) if entry.name.startswith(("acme", "example"))]
    return {entry.name: entry for entry in mine if entry.shadowed == shadowed}


def test_an_entry_point_has_its_distribution_version_location_and_requirement(site):
    site.install("Backbay-Acme", {"acme": "acme_a:spec"}, version="1.2", requires=["httpx>1", "backbay>=0.1,<0.2"])
    entry = found()["acme"]
    owner = entry.distribution
    assert (entry.value, owner.name, owner.key, owner.version) == ("acme_a:spec", "Backbay-Acme", "backbay-acme", "1.2")
    assert owner.location == str(site.folder)
    assert owner.core_requirements == ("backbay>=0.1,<0.2",)


def test_only_a_requirement_on_backbay_itself_counts_however_it_is_spelled(site):
    stated = ["backbay-openai>=9", "backbayx", "BackBay >=0.1", "backbay[aiohttp] (<2)", "backbay; extra == 'more'"]
    site.install("backbay-acme", {"acme": "acme_a:spec"}, requires=stated)
    assert found()["acme"].distribution.core_requirements == tuple(stated[2:])


def test_a_folded_header_is_read_whole_and_the_description_is_not_read_as_headers(site):
    metadata = "Name: backbay-acme\nVersion: 1.0\nRequires-Dist: backbay\n >=0.1\n\nRequires-Dist: backbay>=99\n"
    entry_points = "[backbay.backends]\nacme = acme_a:spec\n"
    site.raw("backbay_acme-1.0.dist-info", {"METADATA": metadata, "entry_points.txt": entry_points})
    assert found()["acme"].distribution.core_requirements == ("backbay >=0.1",)


def test_groups_comments_spaces_and_extras_of_an_entry_points_file_are_understood(site):
    text = """
    # a comment
    [console_scripts]
    acme-tool = acme_a:main
    [ backbay.backends ]
      acme=acme_a : spec
    ; another
    acme-two = acme_a:two [extra1, extra2]
    [backbay.hooks]
    acme-hooks = acme_hooks
    [backbay.backends.other]
    acme-no = acme_a:no
    """
    site.raw("backbay_acme-1.0.dist-info", {"entry_points.txt": text.replace("acme_a : spec", "acme_a:spec")})
    assert {name: entry.value for name, entry in found().items()} == {"acme": "acme_a:spec", "acme-two": "acme_a:two"}
    assert found(group=HOOKS)["acme-hooks"].value == "acme_hooks"


def test_a_very_long_entry_points_file_is_read_to_its_end(site):
    scripts = "[console_scripts]\n" + "".join(f"script-{number} = module:main\n" for number in range(9000))
    text = f"{scripts}\n[backbay.backends]\nacme = acme_a:spec\n"
    assert len(text) > 3 * 65536
    site.raw("backbay_acme-1.0.dist-info", {"entry_points.txt": text})
    assert "acme" in found()


def test_without_metadata_the_folders_name_says_distribution_and_version(site):
    site.raw("backbay_acme-1.4.dist-info", {"entry_points.txt": "[backbay.backends]\nacme = acme_a:spec"})
    site.raw("example.dist-info", {"entry_points.txt": "[backbay.backends]\nexample = example_a:spec"})
    assert str(found()["acme"].distribution) == "backbay-acme 1.4"
    assert str(found()["example"].distribution) == "example (unknown version)"


BROKEN = {
    "binary entry points": {"entry_points.txt": b"\xff\x00backbay.\xfe[backbay.backends]"},
    "binary metadata": {"METADATA": b"\xff\xfe\x00" * 99, "entry_points.txt": "[backbay.backends]\nacme-x = acme_a:x"},
    "no files": {},
    "empty files": {"METADATA": "", "entry_points.txt": ""},
    "a section that does not close": {"entry_points.txt": "[backbay.backends\nacme-x = acme_a:x"},
    "a line without a value": {"entry_points.txt": "[backbay.backends]\nacme-x"},
    "direct_url.json of another shape": {
        "direct_url.json": "[1]",
        "entry_points.txt": "[backbay.backends]\nacme-x = acme_a:x",
    },
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN)
def test_a_distribution_with_broken_metadata_breaks_no_other(site, files):
    """A5"""
    site.raw("backbay_broken-1.0.dist-info", files)
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    entry = found()["acme"]
    assert str(entry.distribution) == "backbay-acme 1.0"
    for other in found().values():
        assert other.distribution.location == str(site.folder)
        assert isinstance(other.distribution.core_requirements, tuple)


def test_entries_that_are_no_metadata_folders_are_passed_over(site):
    (site.folder / "legacy.egg-info").write_text("Name: legacy\n")
    (site.folder / "odd.dist-info").write_text("")
    (site.folder / ".dist-info").mkdir()
    (site.raw("folder-1.0.dist-info") / "entry_points.txt").mkdir()
    site.raw("~ackbay_acme-0.9.dist-info", {"entry_points.txt": "[backbay.backends]\nacme-left = acme_a:spec"})
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    assert set(found()) == {"acme"}


def test_of_a_distribution_that_is_there_twice_the_first_wins_and_the_later_is_shadowed(site, other_site):
    site.install("Backbay_Acme", {"acme": "acme_new:spec"}, version="2.0")
    other_site.install("backbay-acme", {"acme": "acme_old:spec", "acme-more": "acme_old:more"})
    assert {name: entry.value for name, entry in found().items()} == {"acme": "acme_new:spec"}
    later = found(shadowed=True)["acme-more"]
    assert later.distribution.shadowed_by == str(site.folder / "Backbay_Acme-2.0.dist-info")


def test_an_earlier_copy_without_entry_points_shadows_as_well(site, other_site):
    site.install("backbay-acme", version="2.0")
    other_site.install("backbay-acme", {"acme": "acme_old:spec"})
    assert not found()
    assert set(found(shadowed=True)) == {"acme"}


@pytest.mark.skipif(sys.platform == "win32", reason="making a symbolic link wants a privilege there")
def test_a_folder_with_two_names_on_the_path_counts_once(site, tmp_path, monkeypatch):
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    (tmp_path / "lib64").symlink_to(site.folder)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "lib64"), str(site.folder)])
    assert set(found()) == {"acme"}
    assert not found(shadowed=True)


@pytest.mark.parametrize(
    ("stated", "location"),
    [
        ({"url": "file:///src/acme%20tool", "dir_info": {"editable": True}}, "/src/acme tool"),
        ({"url": "file:///C:/src/acme", "dir_info": {"editable": True}}, "C:/src/acme"),
        ({"url": "file:///d:/src/acme", "dir_info": {"editable": True}}, "d:/src/acme"),
        ({"url": "file:///src/acme", "dir_info": {}}, None),
        ({"url": "file:///src/acme", "dir_info": {"editable": False}}, None),
        ({"url": "https://example.com/acme", "dir_info": {"editable": True}}, None),
        ({"url": "https://example.com/acme.whl", "archive_info": {}}, None),
    ],
)
def test_the_location_of_an_editable_installation_is_its_project(site, stated, location):
    metadata = site.install("backbay-acme", {"acme": "acme_a:spec"})
    (metadata / "direct_url.json").write_text(json.dumps(stated))
    assert found()["acme"].distribution.location == (location or str(site.folder))


def test_metadata_of_the_egg_kind_is_read_with_its_requirements(site):
    files = {
        "PKG-INFO": "Name: backbay-acme\nVersion: 1.1\n",
        "entry_points.txt": "[backbay.backends]\nacme = acme_a:spec\n",
        "requires.txt": "httpx\nbackbay<0.2\n\n[more]\nbackbay>99\n",
    }
    site.raw("backbay_acme.egg-info", files)
    owner = found()["acme"].distribution
    assert (str(owner), owner.core_requirements) == ("backbay-acme 1.1", ("backbay<0.2",))


def test_a_distribution_in_a_zip_file_is_found_and_loads(tmp_path, monkeypatch):
    archive = tmp_path / "acme.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("acme_zipped.py", "spec = 7")
        file.writestr("backbay_acme-1.0.dist-info/METADATA", "Name: backbay-acme\nVersion: 1.0\n")
        file.writestr("backbay_acme-1.0.dist-info/entry_points.txt", "[backbay.backends]\nacme = acme_zipped:spec")
    monkeypatch.syspath_prepend(str(archive))
    entry = found()["acme"]
    assert (str(entry.distribution), entry.distribution.location) == ("backbay-acme 1.0", str(archive))
    assert entry.load() == 7


class Finder:
    """A finder of distributions that are nowhere on ``sys.path``."""

    def __init__(self, *distributions):
        self.distributions = distributions

    def find_spec(self, name, path=None, target=None):
        return None

    def find_distributions(self, context):
        if not self.distributions:
            raise RuntimeError("this finder is broken")
        return iter(self.distributions)


def test_distributions_of_another_finder_are_found_and_a_broken_finder_or_distribution_harms_none(site, monkeypatch):
    files = {"METADATA": "Name: Acme.Cloud\nVersion: 3", "entry_points.txt": "[backbay.backends]\nacme-c = acme_c:spec"}
    good = SimpleNamespace(read_text=files.get, locate_file=lambda path: f"/cloud/{path}")
    broken = SimpleNamespace(read_text=lambda name: 1 / 0)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder(), Finder(broken, good)])
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    assert set(found()) == {"acme", "acme-c"}
    owner = found()["acme-c"].distribution
    assert (str(owner), owner.key, owner.location) == ("Acme.Cloud 3", "acme-cloud", "/cloud/")


def test_entries_of_the_path_that_are_not_there_or_no_strings_are_passed_over(site, tmp_path, monkeypatch):
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    (tmp_path / "text").write_text("no archive")
    odd = [tmp_path, None, str(tmp_path / "absent"), "nul\0byte", str(tmp_path / "text"), *sys.path]
    monkeypatch.setattr(sys, "path", odd)
    assert set(found()) == {"acme"}


def test_the_working_directory_counts_where_the_path_names_it(site, monkeypatch):
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    monkeypatch.setattr(sys, "path", [""])
    monkeypatch.chdir(site.folder)
    assert found()["acme"].distribution.location == str(site.folder)


def test_a_scan_is_kept_until_a_folder_or_the_path_changes(site, tmp_path, settled, monkeypatch):
    metadata = site.install("backbay-acme", {"acme": "acme_a:spec"})
    other = tmp_path / "second"
    other.mkdir()
    settled(site.folder, other)
    monkeypatch.setattr(sys, "path", [str(site.folder)])
    assert entries() is entries()

    (metadata / "entry_points.txt").write_text("[backbay.backends]\nacme-b = acme_a:spec")
    assert set(found()) == {"acme"}, "a change in place leaves no trace; refresh() is for that"
    discovery.refresh()
    assert set(found()) == {"acme-b"}

    site.install("backbay-acme-two", {"acme-two": "acme_two:spec"})
    assert set(found()) == {"acme-b", "acme-two"}

    sys.path.append(str(other))
    before = entries()
    (other / "acme_three-1.dist-info").mkdir()
    (other / "acme_three-1.dist-info" / "entry_points.txt").write_text("[backbay.backends]\nacme-three = a:b")
    assert entries() is not before
    assert "acme-three" in found()


def test_a_scan_of_a_folder_that_changed_just_now_is_not_kept(site, monkeypatch):
    """A second change within one tick of the file system's clock would not be seen."""
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    monkeypatch.setattr(sys, "path", [str(site.folder)])
    before = site.folder.stat().st_mtime_ns
    assert set(found()) == {"acme"}
    site.install("backbay-acme-two", {"acme-two": "acme_two:spec"})
    os.utime(site.folder, ns=(before, before))
    assert set(found()) == {"acme", "acme-two"}


def test_hooks_have_a_name_and_load_what_they_name(site):
    site.install(
        "acme-hooks", {"acme": "acme_hooks", "acme-b": "acme_hooks:Inner.value"}, group=HOOKS,
        modules={"acme_hooks": "class Inner:\n    value = 5\n"},
    )  # fmt: skip
    by_name = {entry.name: entry for entry in hook_entry_points() if entry.name.startswith("acme")}
    assert by_name["acme-b"].load() == 5
    assert by_name["acme"].load() is sys.modules["acme_hooks"]


@pytest.mark.parametrize(
    ("allowed", "names"), [("", set()), ("acme_hooks", {"acme"}), ("example,acme-hooks", {"acme", "example"})]
)
def test_the_allow_list_holds_for_hooks_too(site, monkeypatch, allowed, names):
    monkeypatch.setenv("BACKBAY_PLUGINS", allowed)
    site.install("acme-hooks", {"acme": "acme_hooks"}, group=HOOKS)
    site.install("other-hooks", {"example": "example_hooks"}, group=HOOKS)
    assert {entry.name for entry in hook_entry_points()} == names


def test_hooks_that_want_another_version_are_refused_before_they_are_imported(site):
    site.install("acme-hooks", {"acme": "acme_hooks"}, group=HOOKS, requires=["backbay>=99"])
    (entry,) = [entry for entry in hook_entry_points() if entry.name == "acme"]
    with pytest.raises(IncompatibleBackendError, match=r"acme-hooks 1\.0 .* requires backbay>=99, and .* is installed"):
        entry.load()
    assert "acme_hooks" not in sys.modules


@pytest.mark.parametrize("value", ["", "acme hooks", "acme:", ":spec", "acme..x:spec", "acme:spec:more", "1acme:spec"])
def test_a_value_that_is_no_import_path_is_refused(value):
    with pytest.raises(PluginContractError, match=r"expected 'package\.module:attribute'"):
        Entry("acme", value).load()


def test_what_a_plugin_prints_while_it_is_imported_goes_to_standard_error_and_only_that(site, capsys):
    source = """
        import sys, threading
        print("from the plugin")
        other = threading.Thread(target=print, args=("from another thread",))
        other.start()
        other.join()
        kept = sys.stdout
    """
    site.install("acme-loud", {"acme": "acme_loud:kept"}, modules={"acme_loud": source})
    kept = found()["acme"].load()
    print("after it")
    kept.write("what a plugin keeps goes on working\n")
    out, err = capsys.readouterr()
    assert err == "from the plugin\n"
    assert out == "from another thread\nafter it\nwhat a plugin keeps goes on working\n"


def test_standard_output_is_itself_again_when_imports_of_two_threads_overlap(capsys):
    before = sys.stdout
    first_is_in, second_is_in = threading.Event(), threading.Event()

    def first():
        with diverted():
            first_is_in.set()
            assert second_is_in.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_in.wait(10)
    with diverted():
        second_is_in.set()
        thread.join()
        print("the second is not done")
    assert sys.stdout is before
    print("now it is")
    assert capsys.readouterr() == ("now it is\n", "the second is not done\n")


def test_an_import_within_an_import_is_diverted_to_the_end(capsys):
    before = sys.stdout
    with diverted():
        with diverted():
            print("inner")
        print("outer")
    assert sys.stdout is before
    assert capsys.readouterr() == ("", "inner\nouter\n")


@pytest.mark.parametrize(
    ("requirement", "installed", "fits"),
    [
        ("backbay", "0.1.0", True),
        ("backbay>=0.1,<0.2", "0.1.7", True),
        ("backbay>=0.1,<0.2", "0.2.0", False),
        ("backbay (>=0.1)", "0.2.0.dev3", True),
        ("backbay>=0.2", "0.2.0.dev3", False),
        ("backbay>=0.1,!=0.3", "0.2.0rc1", True),
        ("backbay~=0.1.2", "0.1.1", False),
        ("backbay>=99; python_version < '3'", "0.1.0", True),
        ("backbay>=99; extra == 'all'", "0.1.0", True),
        ("backbay>=99; python_version > '3'", "0.1.0", False),
        ("backbay @ file:///src/backbay", "0.1.0", True),
        ("backbay>>1", "0.1.0", False),
    ],
)
def test_a_declared_range_admits_the_installed_version_or_says_why_not(requirement, installed, fits):
    reason = unmet([requirement], installed)
    assert reason is None if fits else "require" in reason


def test_finding_entry_points_imports_no_plugin_and_nothing_heavy(site, python):
    """A5"""
    site.backend("acme")
    heavy = ("importlib_metadata", "packaging", "email", "pydantic", "httpx2", "pluggy", "asyncio", "acme_module")
    program = f"""
        import sys
        from backbay.discovery import entries
        assert "acme" in [entry.name for entry in entries()]
        print([name for name in {heavy!r} if name in sys.modules])
    """
    assert python(program) == "[]\n"
