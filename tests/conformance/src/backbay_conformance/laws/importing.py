"""Laws of importing: a spec is data, and to import it does nothing but make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from backbay.capabilities import Capabilities
from backbay.connecting import build
from backbay.loading import load_attribute
from backbay.spec import PROTOCOL, BackendSpec, Identity, ModelRule, URLPart

from ..subject import Subject
from .base import Laws
from .specimport import Imported, home_of, imported

CLIENTS = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "aiohttp",
    "requests",
    "urllib3",
    "http.client",
    "urllib.request",
)
SDKS = ("openai", "anthropic", "google.genai", "mistralai", "boto3", "torch", "transformers", "xllamacpp")


class ImportLaws(Laws):
    """Every installed plugin is imported by whoever asks what there is: it must cost nothing, and do nothing."""

    needs_answers = False

    @pytest.fixture
    def found(self, subject: Subject) -> Imported:
        """What the import of the spec did, in a process of its own."""
        return imported(home_of(subject.spec))

    def test_importing_does_no_io(self, found: Imported) -> None:
        """A list of backends imports every spec: whoever only looks must not pay, wait, or be seen by a network."""
        assert not found.did, f"importing {found.module} did this: {'; '.join(found.did)}. Do it at the first call."
        assert found.threads == 1, f"importing {found.module} left {found.threads - 1} threads running"

    def test_importing_prints_nothing(self, found: Imported) -> None:
        """A program's own output would be mixed with it."""
        assert not found.output, f"importing {found.module} printed {found.output!r}"

    def test_importing_loads_no_http_client_no_pydantic_and_no_sdk(self, found: Imported) -> None:
        """They cost a second and more; a spec names its code by a path, which is imported at the first connect."""
        unwanted = [name for name in (*CLIENTS, "pydantic", *SDKS) if name in found.modules]
        assert not unwanted, f"importing {found.module} imports {', '.join(unwanted)}. Name code by codec= or backend=."

    def test_importing_again_gives_an_equal_spec(self, found: Imported) -> None:
        """A spec that depends on when it is imported is no declaration."""
        assert found.equal, f"{found.module} gives a spec of other values when it is imported again"

    def test_a_spec_is_data_and_has_no_problems(self, subject: Subject) -> None:
        """It is shown, compared and stored by programs that never run its plugin's code."""
        spec = subject.spec
        assert type(spec) is BackendSpec, f"the spec is a {type(spec).__name__}; a subclass hides behaviour in data"
        assert spec.problems() == []
        values = {name: getattr(spec, name) for name in BackendSpec.__dataclass_fields__}
        strange = {name: value for name, value in values.items() if not _is_data(value)}
        assert not strange, f"these fields hold more than text, numbers and collections of them: {strange}"

    def test_a_spec_has_a_name_a_label_and_the_protocol_of_this_core(self, subject: Subject) -> None:
        """People see the label; the edition decides whether core lets the plugin in."""
        spec = subject.spec
        assert spec.label.strip(), f"{spec.name} has no label: the vendor's name, as people write it"
        assert spec.protocol == PROTOCOL, f"{spec.name} is for protocol {spec.protocol}; this core has {PROTOCOL}"
        assert spec.credential_env or not spec.requires_credential, (
            f"{spec.name} wants a key and names no environment variable for it; give credential_env."
        )

    def test_the_code_that_a_spec_names_is_there(self, subject: Subject) -> None:
        """A path with a misprint is found by nobody but the first user."""
        spec = subject.spec
        for what in ("codec", "backend", "authorizer"):
            path = getattr(spec, what)
            if path is not None:
                assert callable(load_attribute(path, what=what, backend=spec.name)), f"{path} is nothing to call"
        arguments: Any = {"api_key": "key", **subject.config}
        if spec.backend is None:
            arguments.setdefault("base_url", "http://127.0.0.1:9/v1")
        for wire in spec.wires:
            assert build(spec, subject.model, wire=wire, **arguments).spec == spec.on_wire(wire)

    def test_an_entry_point_of_the_spec_has_its_name(self, subject: Subject) -> None:
        """``connect`` finds the entry point, errors and ids say the spec's name: they must be one."""
        home = home_of(subject.spec)
        assert home.entry in (None, subject.spec.name), (
            f"the entry point {home.entry!r} leads to a spec with the name {subject.spec.name!r}; give both one name."
        )


def _is_data(value: object) -> bool:
    if isinstance(value, Capabilities):
        return _is_data(value.listed)
    if isinstance(value, ModelRule | URLPart | Identity):
        return all(_is_data(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, Mapping):
        return all(_is_data(key) and _is_data(item) for key, item in value.items())
    if isinstance(value, tuple | list | frozenset):
        return all(map(_is_data, value))
    return value is None or isinstance(value, str | int | float)
