"""Each numbered fault of the catalogue, and what must come of it; docs/faults.md has the table."""

from __future__ import annotations

import pytest
from fault_rig.catalogue import all_faults

BY_TRANSPORT = range(1, 137)
"""Faults that each transport is tried with: all but those of plugins, and of what is built on backends."""


def _cases():
    for fault in all_faults():
        marks = (
            []
            if fault.expected is None
            else [pytest.mark.xfail(reason=fault.expected, raises=AssertionError, strict=True)]
        )
        for how in fault.hows:
            name = f"{fault.number:03}-{fault.name}" + (f"-{how}" if how else "")
            yield pytest.param("direct", fault, how, id=name, marks=marks)
            if fault.number in BY_TRANSPORT:
                yield pytest.param("aiohttp", fault, how, id=f"{name}-aiohttp", marks=marks)


@pytest.mark.parametrize(("transport", "fault", "how"), [*_cases()])
def test_fault(bench, monkeypatch, transport, fault, how):
    monkeypatch.setenv("BACKBAY_TRANSPORT", transport)
    fault.run(bench, how)
