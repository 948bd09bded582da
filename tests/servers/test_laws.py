"""The laws of the conformance suite, as far as they can be tried where a server answers that nobody here wrote."""

from __future__ import annotations

import pytest
from real_servers.peers import here
from real_servers.processes import KEY
from real_servers.servers import LONG, MODEL

import backbay
from backbay_conformance import BackendConformance, Engine

_WEATHER = "What is the weather in Zagreb?"
_PROMPTS = {
    "plain": "What is the capital of France?",
    "one_tool": _WEATHER,
    "structured_output": "Anna is 31 years old.",
}


class _Served:
    """Gives a class of laws the address of its server when the first of them runs."""

    @pytest.fixture(autouse=True)
    def _served(self, request, address):
        kind = type(self)
        settings = {"api_key": KEY, **kind.peer.config}
        kind.engine = Engine(
            model=MODEL,
            base_url=f"{address(kind.peer.server)}/v1",
            prompts=_PROMPTS,
            config=settings,
            long_prompt=(LONG, {"max_tokens": kind.peer.server.long, "temperature": 0}),
        )


for _peer in here():
    _name = "Test" + "".join(word.capitalize() for word in str(_peer).replace("_", "-").replace(".", "-").split("-"))
    _settings = {
        "peer": _peer,
        "spec": backbay.resolve(_peer.backend).on_wire(_peer.wire),
        # What the laws that are there depend on; the address is known when the server runs.
        "engine": Engine(model=MODEL, base_url="http://127.0.0.1:9"),
        "expected_failures": dict(_peer.breaks),
        "__module__": __name__,
        "__doc__": f"{_peer.server.name}, read by {_peer.backend} on {_peer.wire}.",
    }
    globals()[_name] = type(_name, (_Served, BackendConformance), _settings)
