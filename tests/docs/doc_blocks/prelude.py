"""What a page of the documentation may use without saying where it is from.

A page that needs more than this says it itself. Besides there are, for each page:

- ``backend``: a backend by the first name that the page connects with (``connect("vendor:model")``), or else one of the
  distribution whose page it is, or else ``local:tiny``;
- ``backbay_acme``: the made-up plugin of the pages for authors, with a ``spec``;
- an environment with what the page says to ``export`` and where its keys are (``env:NAME``), all of it made up; and, on
  a page that is no backend's own, ``OPENAI_API_KEY`` and ``ANTHROPIC_API_KEY``. Nothing else is set;
- where the page has the gateway's address, ``http://127.0.0.1:8787``, a gateway that runs, at its own port and with its
  own key in place of ``bb_...``.
"""

from __future__ import annotations

import backbay
from backbay import Message
from backbay.messages import TextPart

key = "made-up-key"
"""A vendor's key."""

one = backbay.connect("local:tiny")
other = backbay.connect("local:tiny")
"""Two backends."""

base64_of_the_pdf = "JVBERi0xLjQKJSVFT0YK"
"""A PDF, though one without pages."""

handbook = "Everybody has 25 days of leave."
"""A long text."""

weather = {
    "name": "get_weather",
    "description": "Get the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
"""A tool."""

acme_init = """
from backbay import BackendSpec, Capabilities

spec = BackendSpec(
    name="acme",
    wires=("openai_chat",),
    default_base_url="https://api.acme.example/v1",
    credential_env=("ACME_API_KEY",),
    capabilities=Capabilities.of(full="generate streaming system_prompt tools usage list_models health"),
)
"""
"""The module ``backbay_acme``, as README.md has it."""

__all__ = ["Message", "TextPart", "backbay", "base64_of_the_pdf", "handbook", "key", "one", "other", "weather"]
