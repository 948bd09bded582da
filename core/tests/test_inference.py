"""The views of a provider: model specs, ``chat(request)`` from any thread, OAuth clients, and the one of no backend."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from typing import ClassVar

import pytest

import backbay
from backbay import (
    BackendSpec,
    Capabilities,
    InferenceBackend,
    InferenceModelSpec,
    InferenceRequest,
    ManualInferenceBackend,
    OAuthClient,
    Provider,
)
from backbay.testing import Reply, ScriptedServer

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def answer(request):
    if request.path.endswith("/models"):
        return Reply.json({"data": [{"id": "m", "name": "Model M", "context_length": 8192}]})
    message = {"content": "  spaced \n", **({"tool_calls": [CALL]} if "tools" in request.json else {})}
    choice = {"message": message, "finish_reason": "tool_calls" if "tools" in request.json else "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return Reply.json({"id": "a1", "model": "m-1", "choices": [choice], "usage": usage})


@pytest.fixture
def server():
    with ScriptedServer(answer) as running:
        yield running


@pytest.fixture
def provider(server):
    """A function from fields to a provider of ``acme``, at the server."""
    can = "generate streaming system_prompt tools temperature max_tokens usage"
    spec = BackendSpec(
        name="acme",
        wires=("openai_chat",),
        default_base_url=server.url,
        requires_credential=False,
        oauth_client="{vendor}-personal",
        capabilities=Capabilities.of(full=can),
    )
    with backbay.register("acme", spec):
        yield lambda **fields: Provider(**{"name": "p", "backend_name": "acme", **fields})


def request(**fields):
    return InferenceRequest(**{"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields})


def test_a_spec_says_a_name_and_a_use_and_all_else_only_where_it_says_something_a1():
    assert InferenceModelSpec("m").upsert_defaults() == {"display_name": "m", "model_use": "chat"}
    full = {
        "display_name": "M",
        "description": "d",
        "model_use": "embedding",
        "context_window": 1,
        "max_output_tokens": 2,
        "capabilities": {"tools": "full"},
        "config": {"a": 1},
    }
    assert InferenceModelSpec("m", **full).upsert_defaults() == full
    for name in set(full) - {"display_name", "model_use"}:
        assert name not in InferenceModelSpec("m", **{**full, name: type(full[name])()}).upsert_defaults()


def test_specs_are_frozen_and_share_no_dict_a1():
    one, other = InferenceModelSpec("m"), InferenceModelSpec("m")
    assert one.capabilities is not other.capabilities
    assert one.config is not other.config
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.handle = "n"
    said = {"tools": "full"}
    InferenceModelSpec("m", capabilities=said).upsert_defaults()["capabilities"]["tools"] = "unsupported"
    assert said == {"tools": "full"}


class _Base(InferenceBackend):
    defaults: ClassVar = {"status": "draft", "config": {"a": 1, "deep": [1]}, "name": "base"}


class _Middle(_Base):
    label_only = True


class _Leaf(_Middle):
    defaults: ClassVar = {"config": {"b": 2}, "name": "leaf"}


def test_defaults_are_merged_along_the_class_order_the_base_first_a6():
    assert _Leaf.effective_defaults() == {"status": "draft", "config": {"a": 1, "deep": [1], "b": 2}, "name": "leaf"}
    assert _Middle.effective_defaults() == _Base.effective_defaults()
    _Leaf.effective_defaults()["config"]["deep"].append(2)
    assert _Base.defaults["config"] == {"a": 1, "deep": [1]}


def test_what_is_provided_stays_also_where_it_is_empty_or_the_default_a6():
    assert _Leaf.materialize({"name": None, "status": "draft"})["name"] is None
    provided = {"config": {"mine": [1]}}
    made = _Leaf.materialize(provided)
    assert made["config"] == {"mine": [1]}
    made["config"]["mine"].append(2)
    assert provided == {"config": {"mine": [1]}}
    made = _Leaf.materialize({})
    made["config"]["deep"].append(2)
    assert _Leaf.materialize({})["config"]["deep"] == [1]


def test_the_manual_backend_is_the_default_and_does_nothing_a4():
    chosen = InferenceBackend.of(Provider(**ManualInferenceBackend.materialize({"name": "p"})))
    assert isinstance(chosen, ManualInferenceBackend)
    assert (Provider(name="p").backend_name, chosen.key, chosen.label) == ("manual", "manual", "Manual")
    assert chosen.list_models() == ()
    with pytest.raises(backbay.UnsupportedError):
        chosen.chat(request())
    with pytest.raises(backbay.ConfigurationError) as caught:
        chosen.connect_oauth_client("This provider", [])
    assert caught.value.code == "oauth_client_not_connectable"
    assert not any(chosen.provider.spec.capabilities.allows(facet) for facet in backbay.capabilities.FACETS)


def test_the_client_of_the_hint_is_found_production_first_a7(provider):
    view = InferenceBackend.of(provider(vendor="example"))
    clients = [OAuthClient(name="example-personal", environment=each) for each in ("test", "dev", "prod")]
    assert view.connect_oauth_client("P", clients).environment == "prod"
    assert view.connect_oauth_client("P", clients[:2]).environment == "dev"


@pytest.mark.parametrize(
    "clients", [[], [OAuthClient(name="other")], [OAuthClient(name="example-personal", enabled=False)]]
)
def test_a_client_that_is_not_there_or_disabled_is_not_connectable_a7(provider, clients):
    with pytest.raises(backbay.ConfigurationError, match="no enabled OAuth client") as caught:
        InferenceBackend.of(provider(vendor="example")).connect_oauth_client("P", clients)
    assert (caught.value.code, caught.value.status) == ("oauth_client_not_connectable", 400)


def test_options_that_backbay_owns_are_named_sorted_and_nothing_is_sent_a9(server, provider):
    with pytest.raises(backbay.OptionConflictError, match=r"max_tokens, model, stream\."):
        InferenceBackend.of(provider()).chat(
            request(options={"stream": True, "model": "x", "max_tokens": 1, "mine": 2})
        )
    with pytest.raises(backbay.OptionConflictError, match="stream_options"):
        InferenceBackend.of(provider()).chat(request(options={"stream_options": {}}))
    assert server.requests == []


def test_a_field_of_the_vendors_own_is_sent_as_it_is(server, provider):
    InferenceBackend.of(provider()).chat(request(options={"mine": {"a": [1]}}))
    assert server.requests[-1].json["mine"] == {"a": [1]}


def test_with_a_broker_each_model_has_two_names_and_one_is_sent_a10(server, provider):
    view = InferenceBackend.of(provider(broker="desk"))
    native, alias = view.list_models()
    assert (native.handle, native.display_name, native.context_window) == ("m", "Model M", 8192)
    assert (alias.handle, alias.display_name, alias.context_window) == ("desk/m", "Model M (desk)", 8192)
    assert alias.config == {"provider_model": "m"}
    view.chat(request(model="desk/m"))
    assert server.requests[-1].json["model"] == "m"
    assert b"desk" not in server.requests[-1].body


def test_a_system_prompt_comes_first_a11(server, provider):
    said = [{"role": "system", "content": "a"}, {"role": "user", "content": "Hi"}]
    InferenceBackend.of(provider()).chat(request(system="S", messages=said))
    assert [each["content"] for each in server.requests[-1].json["messages"]] == ["S", "a", "Hi"]


def test_chat_works_from_plain_code_and_from_a_thread_beside_a_loop_a12(provider):
    view = InferenceBackend.of(provider())
    assert view.chat(request()).text == "  spaced \n"

    async def beside():
        return await asyncio.to_thread(view.chat, request())

    assert asyncio.run(beside()).text == "  spaced \n"
    found = []
    threads = [threading.Thread(target=lambda: found.append(view.chat(request()).text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["  spaced \n"] * 4


def test_chat_on_a_loops_own_thread_is_refused_and_sends_nothing_a12(server, provider):
    async def on_the_loop():
        with pytest.raises(backbay.LoopError):
            InferenceBackend.of(provider()).chat(request())
        with pytest.raises(backbay.LoopError):
            InferenceBackend.of(provider()).list_models()

    asyncio.run(on_the_loop())
    assert server.connections == 0


def test_an_answer_has_its_text_untouched_and_all_else_as_json_a13(provider):
    got = InferenceBackend.of(provider()).chat(request(tools=[TOOL]))
    assert got.text == "  spaced \n"
    assert got.finish is backbay.Finish.TOOL_CALLS
    [call] = got.tool_calls
    assert (call.name, call.arguments) == ("weather", {"city": "Paris"})
    assert [part["type"] for part in got.content] == ["text", "tool_call"]
    assert got.usage == {"input": 3, "output": 2, "total": 5}
    assert (got.model, got.id, got.raw["id"]) == ("m-1", "a1", "a1")
    assert json.loads(json.dumps([got.content, got.usage, got.raw])) == [got.content, got.usage, got.raw]


def test_max_tokens_is_1024_unless_it_is_left_to_the_vendor(server, provider):
    view = InferenceBackend.of(provider())
    view.chat(request())
    assert server.requests[-1].json["max_tokens"] == 1024
    view.chat(request(max_tokens=None))
    assert "max_tokens" not in server.requests[-1].json
    assert "temperature" not in server.requests[-1].json
