"""What every test of the whole needs: no keys or addresses from the environment of whoever runs it."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in os.environ:
        if name.startswith(("OPENAI_", "LLAMACPP_", "LLAMA_", "BACKBAY_PLUGINS")):
            monkeypatch.delenv(name)
