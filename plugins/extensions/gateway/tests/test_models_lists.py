"""Lists of models, in the forms of both vendors, read by their own libraries' types and by core."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import ModelInfo as AnthropicModel
from openai.types import Model

from backbay.errors import InvalidRequestError
from backbay.response import ModelInfo
from backbay.wires.lists import read_models
from backbay_gateway.dialects.models import (
    anthropic_model,
    anthropic_models,
    openai_model,
    openai_models,
    speaks_anthropic,
)
from backbay_gateway.dialects.openai_json import to_bytes, to_json

MODELS = [ModelInfo(id=f"acme:m{number}", context_window=number or None) for number in range(45)]


def test_openais_form_is_what_its_library_and_core_read():
    model = ModelInfo(id="acme:x", context_window=8, max_output_tokens=4, owned_by="example", raw={"created": 7})
    assert Model.model_validate(openai_model(model)).created == 7
    assert Model.model_validate(openai_model(ModelInfo(id="acme:x"))).owned_by == "acme"
    back = read_models(to_bytes(to_json(openai_models([model, *MODELS]))), native=False)
    assert [(each.id, each.context_window, each.max_output_tokens) for each in back[:2]] == [
        ("acme:x", 8, 4),
        ("acme:m0", None, None),
    ]


def test_anthropics_form_is_what_its_library_reads_and_the_unknown_stays_unknown():
    read = AnthropicModel.model_validate(anthropic_model(ModelInfo(id="acme:x", label="X", context_window=8)))
    assert (read.id, read.display_name, read.max_input_tokens, read.max_tokens) == ("acme:x", "X", 8, None)
    assert read.created_at.year == 1970


def walk(limit: str | None) -> list[str]:
    """Return the ids of all pages, from the first to the last."""
    query: dict[str, str] = {} if limit is None else {"limit": limit}
    found: list[str] = []
    while True:
        page: Any = anthropic_models(MODELS, query)
        found += [model["id"] for model in page["data"]]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        if not page["has_more"]:
            return found
        query["after_id"] = page["last_id"]


@pytest.mark.parametrize("limit", [None, "1", "44", "45", "1000"])
def test_pages_have_every_model_once_and_in_order(limit):
    assert walk(limit) == [model.id for model in MODELS]


def test_pages_go_backwards_too():
    page: Any = anthropic_models(MODELS, {"before_id": "acme:m25"})
    assert ([model["id"] for model in page["data"]][::19], page["has_more"]) == (["acme:m5", "acme:m24"], True)
    page = anthropic_models(MODELS, {"before_id": "acme:m3", "limit": "5"})
    assert ([model["id"] for model in page["data"]], page["has_more"]) == (["acme:m0", "acme:m1", "acme:m2"], False)
    assert anthropic_models([], {}) == {"data": [], "first_id": None, "last_id": None, "has_more": False}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "x"},
        {"limit": "\u0663"},
        {"after_id": "no"},
        {"before_id": "no"},
        {"after_id": "acme:m1", "before_id": "acme:m2"},
        {"page": "2"},
    ],
)
def test_a_wrong_query_is_refused_by_name(query):
    with pytest.raises(InvalidRequestError, match=next(iter(query))):
        anthropic_models(MODELS, query)


def test_a_client_of_anthropic_is_known_by_its_version():
    assert speaks_anthropic({"anthropic-version": "2023-06-01"})
    assert not speaks_anthropic({"authorization": "Bearer x"})
