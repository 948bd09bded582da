"""The suite is able to fail: each saboteur is caught by the law that is meant for it, and its honest twin is not."""

from __future__ import annotations

import pytest

from backbay_conformance import BackendConformance
from backbay_conformance.laws import Laws
from backbay_conformance.saboteurs import HONEST, HONEST_ENGINE, MODEST, SABOTEURS, SIGNER, Saboteur
from backbay_conformance.saboteurs.intended import ENGINE, LAWS
from backbay_conformance.saboteurs.signing import SigningVendor

TEST = """
from backbay_conformance import BackendConformance
from backbay_conformance.saboteurs import SABOTEURS
from backbay_conformance.saboteurs.intended import ENGINE

class TestSaboteur(BackendConformance):
    spec = SABOTEURS[{name!r}].spec
    vendor = SABOTEURS[{name!r}].vendor
    engine = None if spec.speaks_http else ENGINE
"""


@pytest.mark.parametrize("saboteur", SABOTEURS.values(), ids=lambda saboteur: saboteur.name)
def test_the_law_that_is_meant_for_it_catches(saboteur: Saboteur, pytester: pytest.Pytester) -> None:
    law = LAWS[saboteur.name]
    pytester.makepyfile(TEST.format(name=saboteur.name))
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-x", "-k", law)
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) >= 1, f"{saboteur.name} ({saboteur.defect}) keeps {law}: {outcomes}"


def test_every_saboteur_has_a_law_and_every_law_named_is_one() -> None:
    assert set(LAWS) == set(SABOTEURS)
    assert not [law for law in LAWS.values() if not hasattr(BackendConformance, law)]
    assert len(SABOTEURS) >= 40


# The twins stand in the suite's own package, which is not made to be light.
IMPORTED = {"test_importing_loads_no_http_client_no_pydantic_and_no_sdk": "the suite itself is imported with the spec"}


def test_no_two_groups_of_laws_share_a_name() -> None:
    """Or else one would hide the other in the class that has them all."""
    groups = [kind for kind in BackendConformance.__mro__ if issubclass(kind, Laws)]
    named = [name for kind in groups for name in vars(kind) if name.startswith("test_")]
    assert len(named) > 60
    assert sorted(named) == sorted(set(named))


class TestHonest(BackendConformance):
    """The twin of those over HTTP keeps every law."""

    spec = HONEST
    expected_failures = IMPORTED


class TestModest(BackendConformance):
    """A backend that can do next to nothing, and says so, keeps every law by refusal."""

    spec = MODEST
    expected_failures = IMPORTED


class TestSigner(BackendConformance):
    """A twin whose vendor signs what its model thought keeps every law."""

    spec = SIGNER
    vendor = SigningVendor
    expected_failures = IMPORTED


class TestHonestEngine(BackendConformance):
    """The twin of those in this process keeps every law."""

    spec = HONEST_ENGINE
    engine = ENGINE
    expected_failures = IMPORTED
