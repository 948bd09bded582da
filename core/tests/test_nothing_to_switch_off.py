"""Thinking that is switched off, of a model that has none."""

import pytest

from backbay.capabilities import Capabilities, Capability, Support
from backbay.check import apply_capabilities
from backbay.errors import UnsupportedError
from backbay.messages import Message
from backbay.request import Request


def asked(reasoning):
    return Request(messages=(Message(role="user", content="Hi."),), reasoning=reasoning)


def with_reasoning(support):
    return Capabilities({Capability.GENERATE: Support.FULL, Capability.REASONING: support})


@pytest.mark.parametrize("off", ["none", 0])
def test_a_model_that_cannot_think_takes_a_request_not_to(off):
    request, dropped = apply_capabilities(asked(off), with_reasoning(Support.UNSUPPORTED), backend="acme")
    assert (request.reasoning, dropped) == (None, ())


@pytest.mark.parametrize("off", ["none", 0])
def test_a_plugin_that_cannot_switch_it_off_where_the_vendor_could_says_so(off):
    with pytest.raises(UnsupportedError):
        apply_capabilities(asked(off), with_reasoning(Support.NOT_IMPLEMENTED), backend="acme")


def test_thinking_that_is_asked_for_is_refused():
    with pytest.raises(UnsupportedError):
        apply_capabilities(asked("low"), with_reasoning(Support.UNSUPPORTED), backend="acme")
