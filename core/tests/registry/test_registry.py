"""From a name to a spec: who has the name, what is wrong with a plugin, and that one never harms another."""

from __future__ import annotations

import pickle
import sys
import threading
from dataclasses import FrozenInstanceError

import pytest

import backbay
import backbay.manual
from backbay import registry
from backbay.errors import (
    AmbiguousBackendError,
    BackendImportError,
    ConfigurationError,
    DisabledBackendError,
    IncompatibleBackendError,
    PluginContractError,
    UnknownBackendError,
)
from backbay.registry import inspect, names, refresh, register, resolve, split
from backbay.spec import BackendSpec

PLAIN = BackendSpec(name="acme", wires=("openai_chat",))


def records(**options):
    """Records of the tests' own plugins, by name; a list where several have one name."""
    found = {}
    for record in inspect(**options):
        if record.name.lower().startswith(("acme", "example")):
            found.setdefault(record.name, []).append(record)
    return {name: listed[0] if len(listed) == 1 else listed for name, listed in found.items()}


# Names


def test_names_are_sorted_and_say_what_is_built_in_and_import_nothing(site):
    """A5"""
    site.backend("example")
    site.backend("acme-two")
    site.backend("acme")
    listed = names()
    assert [name for name in listed if name.startswith(("acme", "example"))] == ["acme", "acme-two", "example"]
    assert "manual" in listed
    assert list(listed) == sorted(listed)
    assert not [name for name in sys.modules if name.startswith(("acme", "example"))]


def test_what_is_built_in_is_there_without_any_metadata(site, monkeypatch):
    """A4"""
    monkeypatch.setattr(sys, "path", [str(site.folder)])
    assert names() == ("manual",)
    assert resolve("manual").name == "manual"
    (record,) = inspect()
    assert (record.name, record.distribution, record.version, record.state) == ("manual", "backbay", None, "ok")


def test_a_name_that_several_distributions_claim_is_listed_once(site):
    site.backend("acme", "backbay-acme")
    site.backend("acme", "other-acme")
    assert names().count("acme") == 1


def test_a_name_that_no_backend_can_have_is_not_listed_and_its_plugin_is_broken(site):
    site.install("backbay-acme", {"Acme One": "acme_a:spec", "acmé": "acme_a:spec"})
    assert not [name for name in names() if name.lower().startswith("acm")]
    record = records(load=False)["Acme One"]
    assert (record.state, "lower-case letters, digits and hyphens" in record.reason) == ("broken", True)
    with pytest.raises(PluginContractError, match="lower-case letters"):
        resolve("Acme One")


# Resolving


def test_resolving_imports_that_plugin_and_no_other(site):
    """A5"""
    mine, other = site.backend("acme"), site.backend("example")
    spec = resolve("acme")
    assert isinstance(spec, BackendSpec)
    assert spec.name == "acme"
    assert mine in sys.modules
    assert other not in sys.modules


def test_a_name_that_was_resolved_gives_the_same_spec_and_looks_at_nothing_again(site, monkeypatch):
    site.backend("acme")
    spec = resolve("acme")
    monkeypatch.setattr(registry.discovery, "entries", lambda: pytest.fail("the metadata was read again"))
    assert resolve("acme") is spec


def test_a_plugin_that_is_installed_while_the_program_runs_is_found(site):
    with pytest.raises(UnknownBackendError):
        resolve("acme")
    site.backend("acme")
    assert resolve("acme").name == "acme"


def test_an_unknown_name_gets_the_installed_ones_sorted_and_a_near_one(site):
    """A5"""
    site.backend("example")
    site.backend("acme")
    with pytest.raises(UnknownBackendError) as caught:
        resolve("acmee")
    assert isinstance(caught.value, LookupError)
    assert "'acmee'" in caught.value.message
    assert caught.value.message.index("acme,") < caught.value.message.index("example") < len(caught.value.message)
    assert "manual" in caught.value.message
    assert caught.value.hint == "Did you mean 'acme'?"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("openai", "Install it: pip install backbay-openai"),
        ("opnai", "Did you mean 'openai'? Install it: pip install backbay-openai"),
        ("OpenAI", "Did you mean 'openai'? Install it: pip install backbay-openai"),
        ("llama-cpp", "Did you mean 'llamacpp'? Install it: pip install backbay-llamacpp"),
        ("mannual", "Did you mean 'manual'?"),
        ("zzz", "Install the distribution that has it, or correct the name."),
    ],
)
def test_a_known_name_that_is_not_installed_gets_the_line_that_installs_it(site, monkeypatch, name, hint):
    monkeypatch.setattr(sys, "path", [str(site.folder)])
    with pytest.raises(UnknownBackendError) as caught:
        resolve(name)
    assert caught.value.hint == hint
    assert caught.value.message.endswith("Installed are manual.")


def test_a_model_where_a_name_alone_belongs_is_refused(site):
    site.backend("acme")
    with pytest.raises(UnknownBackendError, match="only the backend's name belongs here"):
        resolve("acme:model-1")


@pytest.mark.parametrize("name", ["", " ", ":m", 3, None, b"acme", ["acme"]])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ConfigurationError, match="backend"):
        resolve(name)


# Two distributions, one name


@pytest.mark.parametrize("turned", [False, True])
def test_a_name_with_two_owners_is_an_error_that_names_both_in_either_order_of_the_path(site, other_site, turned):
    """A5"""
    one, two = (other_site, site) if turned else (site, other_site)
    one.backend("acme", "backbay-acme", version="1.1")
    two.backend("acme", "other-acme", version="2.2")
    site.backend("example")
    with pytest.raises(AmbiguousBackendError) as caught:
        resolve("acme")
    assert caught.value.message == (
        f"2 distributions have the backend 'acme': backbay-acme 1.1 ({one.folder}) and other-acme 2.2 ({two.folder})."
    )
    assert "acme@backbay-acme or acme@other-acme" in caught.value.hint
    assert "BACKBAY_PIN=acme=backbay-acme" in caught.value.hint
    assert resolve("example").name == "example"
    both = records()["acme"]
    assert [(record.distribution, record.state) for record in both] == [
        ("backbay-acme", "shadowed"),
        ("other-acme", "shadowed"),
    ]
    assert all("backbay-acme 1.1" in record.reason and "other-acme 2.2" in record.reason for record in both)


@pytest.mark.parametrize("reference", ["acme@other-acme", "acme@Other_Acme", "acme@OTHER.acme"])
def test_the_distribution_may_be_said_with_the_name_in_any_spelling(site, reference):
    first = site.backend("acme", "backbay-acme")
    second = site.backend("acme", "other-acme")
    assert resolve(reference).name == "acme"
    assert second in sys.modules
    assert first not in sys.modules


def test_a_pin_decides_and_the_others_are_shadowed(site, monkeypatch):
    first = site.backend("acme", "backbay-acme")
    second = site.backend("acme", "other-acme")
    monkeypatch.setenv("BACKBAY_PIN", "example=backbay-example, acme=Other.Acme")
    assert resolve("acme").name == "acme"
    assert (first in sys.modules, second in sys.modules) == (False, True)
    loser, winner = records()["acme"]
    assert (winner.distribution, winner.state, winner.reason) == ("other-acme", "ok", None)
    assert (loser.distribution, loser.state) == ("backbay-acme", "shadowed")
    assert "other-acme 1.0" in loser.reason
    assert resolve("acme@backbay-acme").name == "acme"
    assert first in sys.modules


def test_a_pin_to_a_distribution_that_is_not_there_is_an_error_and_not_ignored(site, monkeypatch):
    site.backend("acme")
    monkeypatch.setenv("BACKBAY_PIN", "acme=other-acme")
    with pytest.raises(UnknownBackendError, match=r"BACKBAY_PIN=acme=other-acme .* it comes from backbay-acme 1\.0"):
        resolve("acme")
    assert "other-acme" in records()["acme"].reason
    with pytest.raises(UnknownBackendError, match="acme@third names a distribution that has no backend 'acme'"):
        resolve("acme@third")


@pytest.mark.parametrize("value", ["acme", "acme=", "=backbay-acme", "example=b,acme"])
def test_a_pin_that_cannot_be_read_is_a_configuration_error(site, monkeypatch, value):
    site.backend("acme")
    monkeypatch.setenv("BACKBAY_PIN", value)
    with pytest.raises(ConfigurationError, match=r"BACKBAY_PIN has the item .*, which is not name=distribution"):
        resolve("acme")


def test_no_distribution_takes_the_name_of_what_is_built_in(site):
    site.backend("manual", "acme-manual")
    assert resolve("manual").label == "Manual"
    mine = next(record for record in inspect() if record.distribution == "acme-manual")
    assert mine.state == "shadowed"
    assert "acme_manual_module" not in sys.modules


def test_a_later_copy_of_a_distribution_is_no_second_owner(site, other_site):
    site.backend("acme", version="2.0")
    other_site.install("backbay-acme", {"acme": "acme_old:spec"}, version="1.0")
    assert resolve("acme").name == "acme"
    states = {record.version: record.state for record in records()["acme"]}
    assert states == {"2.0": "ok", "1.0": "shadowed"}


# Broken plugins

RAISING = {
    "an exception": ("raise RuntimeError('no engine here')", "RuntimeError: no engine here"),
    "a missing module": ("import acme_sdk_of_nobody", "ModuleNotFoundError: No module named 'acme_sdk_of_nobody'"),
    "a syntax error": ("spec = (", "SyntaxError: "),
    "a missing attribute": ("pass", "AttributeError: "),
    "sys.exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit"),
    "a wrong spec": ("from backbay.spec import BackendSpec; spec = BackendSpec(name='acme')", "ValueError: "),
    "an exception without words": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
        "failed to import: Mute.",
    ),
}


@pytest.mark.parametrize(("source", "reason"), RAISING.values(), ids=RAISING)
def test_whatever_an_import_raises_is_that_plugins_error_with_its_cause_and_harms_no_other(site, source, reason):
    """A5"""
    module = site.backend("acme", source=source, version="4.5")
    site.backend("example")
    found = records()
    assert (found["example"].state, found["example"].reason) == ("ok", None)
    broken = found["acme"]
    assert (broken.state, broken.distribution, broken.version) == ("broken", "backbay-acme", "4.5")
    assert broken.location == str(site.folder)
    assert broken.value == f"{module}:spec"
    assert reason in broken.reason
    with pytest.raises(BackendImportError) as caught:
        resolve("acme")
    assert isinstance(caught.value, ImportError)
    assert f"backbay-acme 4.5 ({site.folder})" in caught.value.message
    assert reason in caught.value.message
    assert type(caught.value.__cause__).__name__ in caught.value.message
    assert names() == tuple(sorted({*names(), "acme", "example"}))


def test_a_failed_import_is_remembered_and_each_caller_gets_an_error_of_its_own(site, capsys):
    site.backend("acme", source="print('tried'); raise RuntimeError('no')")
    caught = []
    for _ in range(3):
        with pytest.raises(BackendImportError) as error:
            resolve("acme")
        caught.append(error.value)
    assert capsys.readouterr() == ("", "tried\n")
    assert len({id(error) for error in caught}) == 3
    assert caught[0].__cause__ is caught[2].__cause__
    assert pickle.loads(pickle.dumps(caught[0])).message == caught[0].message


def test_refresh_gives_a_failed_plugin_another_chance(site):
    module = site.backend("acme", source="raise RuntimeError('no')")
    with pytest.raises(BackendImportError):
        resolve("acme")
    repaired = (
        "from backbay.spec import BackendSpec\nspec = BackendSpec(name='acme', wires=('openai_chat',)) # now it is\n"
    )
    (site.folder / f"{module}.py").write_text(repaired)
    with pytest.raises(BackendImportError):
        resolve("acme")
    refresh()
    assert resolve("acme").name == "acme"


def test_an_interrupt_by_the_person_passes_and_is_not_held_against_the_plugin(site):
    source = """
        import sys
        from backbay.spec import BackendSpec
        if not hasattr(sys, "acme_was_here"):
            sys.acme_was_here = True
            raise KeyboardInterrupt
        spec = BackendSpec(name="acme", wires=("openai_chat",))
    """
    site.backend("acme", source=source)
    try:
        with pytest.raises(KeyboardInterrupt):
            resolve("acme")
        assert records()["acme"].state == "ok"
    finally:
        del sys.acme_was_here


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("spec = {'name': 'acme'}", "is a dict, expected a backbay.BackendSpec"),
        ("from backbay.spec import BackendSpec as spec", "is the class BackendSpec, expected"),
        ("def spec(): pass", "is a function, expected"),
        ("spec = None", "is a NoneType, expected"),
        (
            "from backbay.spec import BackendSpec\nspec = BackendSpec(name='other', wires=('openai_chat',))",
            "is the spec of 'other', expected 'acme'",
        ),
    ],
)
def test_what_is_no_spec_of_that_name_breaks_the_contract(site, source, found):
    """A5"""
    site.backend("acme", source=source)
    site.backend("example")
    with pytest.raises(PluginContractError, match=found) as caught:
        resolve("acme")
    assert isinstance(caught.value, TypeError)
    assert "backbay-acme 1.0" in caught.value.message
    assert {name: record.state for name, record in records().items()} == {"acme": "broken", "example": "ok"}


def test_a_plugin_that_resolves_itself_while_it_is_imported_works_in_the_end(site):
    source = """
        import backbay
        try:
            backbay.resolve("acme")
        except backbay.BackendImportError:
            early = True
        spec = backbay.BackendSpec(name="acme", wires=("openai_chat",))
    """
    module = site.backend("acme", source=source)
    assert resolve("acme").name == "acme"
    assert sys.modules[module].early
    assert resolve("acme").name == "acme"
    assert records()["acme"].state == "ok"


def test_threads_that_resolve_one_name_at_once_get_one_spec(site, capsys):
    source = "import time; print('imported'); time.sleep(0.05)\nfrom backbay.spec import BackendSpec\n"
    site.backend("acme", source=source + "spec = BackendSpec(name='acme', wires=('openai_chat',))")
    meeting, found = threading.Barrier(8), []

    def work():
        meeting.wait(10)
        found.append(resolve("acme"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(spec) for spec in found}) == 1
    assert capsys.readouterr() == ("", "imported\n")


# Versions


def test_a_plugin_that_requires_another_version_is_refused_before_it_is_imported(site):
    module = site.backend("acme", requires=["backbay>=99,<100"])
    site.backend("example", requires=["backbay>=0.1"])
    assert "acme" in names()
    with pytest.raises(IncompatibleBackendError, match=r"backbay-acme 1\.0 .*requires backbay<100,>=99") as caught:
        resolve("acme")
    assert "pip install --upgrade backbay backbay-acme" in caught.value.hint
    for load in (False, True):
        assert {name: record.state for name, record in records(load=load).items()} == {
            "acme": "incompatible",
            "example": "ok",
        }
    assert ">=99" in records()["acme"].reason
    assert module not in sys.modules


@pytest.mark.parametrize(("protocol", "hint"), [(99, "Upgrade backbay."), (0, "Upgrade the plugin.")])
def test_another_edition_of_the_protocol_is_incompatible(site, protocol, hint):
    source = "from backbay.spec import BackendSpec\n"
    site.backend("acme", source=f"{source}spec = BackendSpec(name='acme', wires=('openai_chat',), protocol={protocol})")
    with pytest.raises(IncompatibleBackendError, match=f"edition {protocol} of the plugin protocol") as caught:
        resolve("acme")
    assert caught.value.hint == hint
    assert records()["acme"].state == "incompatible"


# The allow-list


@pytest.mark.parametrize(
    ("allowed", "states"),
    [
        (None, {"acme": "ok", "example": "ok"}),
        ("", {"acme": "disabled", "example": "disabled"}),
        ("acme", {"acme": "ok", "example": "disabled"}),
        ("Backbay_Example", {"acme": "disabled", "example": "ok"}),
        (" example , backbay-acme,", {"acme": "ok", "example": "ok"}),
        ("acm,backbay", {"acme": "disabled", "example": "disabled"}),
    ],
)
def test_the_allow_list_is_exact_and_leaves_what_is_built_in(site, monkeypatch, allowed, states):
    site.backend("acme")
    site.backend("example")
    if allowed is not None:
        monkeypatch.setenv("BACKBAY_PLUGINS", allowed)
    assert {name: record.state for name, record in records().items()} == states
    for name, state in states.items():
        assert (name in names()) == (state == "ok")
        if state == "ok":
            assert resolve(name).name == name
        else:
            with pytest.raises(DisabledBackendError, match=rf"backbay-{name} 1\.0 .*BACKBAY_PLUGINS"):
                resolve(name)
    assert resolve("manual").name == "manual"


def test_a_plugin_that_was_resolved_is_disabled_from_the_moment_the_allow_list_says_so(site, monkeypatch):
    site.backend("acme")
    resolve("acme")
    monkeypatch.setenv("BACKBAY_PLUGINS", "")
    with pytest.raises(DisabledBackendError):
        resolve("acme")


def test_the_allow_list_decides_between_two_owners_of_a_name(site, monkeypatch):
    site.backend("acme", "backbay-acme")
    site.backend("acme", "other-acme")
    monkeypatch.setenv("BACKBAY_PLUGINS", "other-acme")
    assert resolve("acme").name == "acme"
    assert "acme_module" not in sys.modules
    with pytest.raises(DisabledBackendError):
        resolve("acme@backbay-acme")


# Inspecting


def test_inspecting_without_loading_imports_nothing_and_tells_what_earlier_loads_told(site):
    module = site.backend("acme", source="raise RuntimeError('no')")
    assert records(load=False)["acme"].state == "ok"
    assert module not in sys.modules
    with pytest.raises(BackendImportError):
        resolve("acme")
    known = records(load=False)["acme"]
    assert (known.state, "RuntimeError: no" in known.reason) == ("broken", True)


def test_a_record_is_frozen_and_its_state_reads_as_a_word(site):
    site.backend("acme")
    record = records()["acme"]
    assert f"{record.state}" == "ok"
    assert not hasattr(record, "__dict__")
    with pytest.raises(FrozenInstanceError):
        record.state = "broken"


def test_records_come_in_one_order_whatever_the_order_of_the_path(site, other_site):
    other_site.backend("acme", "backbay-acme")
    site.backend("acme", "other-acme")
    site.backend("example")
    listed = [(record.name, record.distribution) for record in inspect(load=False)]
    assert listed == sorted(listed)


# Registering


def test_a_backend_registered_by_string_is_imported_when_it_is_resolved(site):
    (site.folder / "acme_local.py").write_text(
        "from backbay.spec import BackendSpec\nclass Kept:\n    spec = BackendSpec(name='acme', wires=('openai_chat',))"
    )
    with register("acme", "acme_local:Kept.spec"):
        assert "acme" in names()
        assert "acme_local" not in sys.modules
        assert resolve("acme").name == "acme"
        record = records()["acme"]
        assert (record.distribution, record.version, record.location) == (None, None, None)
        assert (record.state, record.value) == ("ok", "acme_local:Kept.spec")
    assert "acme" not in names()
    with pytest.raises(UnknownBackendError):
        resolve("acme")


def test_a_spec_registered_as_it_is_resolves_to_itself_whatever_the_allow_list_says(monkeypatch):
    monkeypatch.setenv("BACKBAY_PLUGINS", "")
    with register("acme", PLAIN):
        assert resolve("acme") is PLAIN
        refresh()
        assert resolve("acme") is PLAIN


def test_a_registered_string_that_leads_nowhere_is_that_names_error(site):
    with register("acme", "acme_absent:spec"):
        assert records()["acme"].state == "broken"
        with pytest.raises(BackendImportError, match=r"'acme_absent:spec' of register\(\)"):
            resolve("acme")


def test_a_taken_name_is_refused_unless_it_is_to_be_replaced(site):
    site.backend("acme")
    with pytest.raises(ConfigurationError, match=r"is taken by backbay-acme 1\.0") as caught:
        register("acme", PLAIN)
    assert "replace=True" in caught.value.hint
    installed = resolve("acme")
    registration = register("acme", PLAIN, replace=True)
    assert resolve("acme") is PLAIN
    with pytest.raises(ConfigurationError, match=r"is taken by register\(\)"):
        register("acme", PLAIN)
    mine, theirs = records()["acme"]
    assert (mine.state, theirs.state) == ("ok", "shadowed")
    assert "register()" in theirs.reason
    assert resolve("acme@backbay-acme") is installed
    registration.unregister()
    registration.unregister()
    assert resolve("acme") is installed


def test_taking_registrations_back_in_any_order_leaves_the_last_that_is_still_there():
    other = BackendSpec(name="acme", wires=("openai_chat",), label="Other")
    first = register("acme", PLAIN)
    second = register("acme", other, replace=True)
    assert resolve("acme") is other
    first.unregister()
    assert resolve("acme") is other
    second.unregister()
    assert "acme" not in names()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Acme", "acme_a:spec"),
        ("", "acme_a:spec"),
        ("acme:m", "acme_a:spec"),
        (None, "acme_a:spec"),
        ("acme", "acme_a"),
        ("acme", "acme_a:"),
        ("acme", "acme a:spec"),
        ("acme", 7),
        ("acme", BackendSpec),
        ("example", PLAIN),
    ],
)
def test_a_registration_that_cannot_be_right_is_refused_at_once(name, target):
    with pytest.raises(ConfigurationError):
        register(name, target)
    assert "acme" not in names()


# References


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("acme:model", ("acme", "model")),
        ("acme", ("acme", None)),
        ("acme:family:7b", ("acme", "family:7b")),
        ("local:C:\\models\\x.gguf", ("local", "C:\\models\\x.gguf")),
        ("acme@other-acme:org/model@2", ("acme@other-acme", "org/model@2")),
    ],
)
def test_a_reference_is_split_at_its_first_colon(reference, parts):
    assert split(reference) == parts


@pytest.mark.parametrize("reference", ["acme:", "acme: ", ":model", "", " :m", None, 7])
def test_a_reference_without_name_or_with_an_empty_model_is_refused(reference):
    with pytest.raises(ConfigurationError):
        split(reference)


# What it costs


def test_importing_backbay_loads_none_of_its_dependencies(python):
    heavy = (
        "pydantic",
        "httpx2",
        "httpx",
        "importlib_metadata",
        "asyncio",
        "pluggy",
        "packaging",
        "email",
        "dataclasses",
    )
    assert python(f"import sys, backbay; print([name for name in {heavy!r} if name in sys.modules])") == "[]\n"


def test_resolving_a_spec_that_is_only_data_loads_no_http_client_and_no_pydantic(site, python):
    module = site.backend("acme", requires=["backbay>=0.1"])
    site.backend("example")
    program = f"""
        import sys, backbay
        assert backbay.resolve("acme").name == "acme"
        assert {module!r} in sys.modules
        print([name for name in ("pydantic", "httpx2", "asyncio", "pluggy", "example_module") if name in sys.modules])
    """
    assert python(program) == "[]\n"


def test_the_public_names_are_the_registrys():
    assert (backbay.names, backbay.inspect, backbay.resolve, backbay.register) == (names, inspect, resolve, register)
