"""Each numbered fault of the catalogue, and what must come of it; docs/faults.md has the table."""

from __future__ import annotations

import pytest
from fault_rig.catalogue import all_faults


def _cases():
    for fault in all_faults():
        marks = (
            []
            if fault.expected is None
            else [pytest.mark.xfail(reason=fault.expected, raises=AssertionError, strict=True)]
        )
        for how in fault.hows:
            ending = f"-{how}" if how else ""
            yield pytest.param(fault, how, id=f"{fault.number:03}-{fault.name}{ending}", marks=marks)


@pytest.mark.parametrize(("fault", "how"), [*_cases()])
def test_fault(bench, fault, how):
    fault.run(bench, how)
