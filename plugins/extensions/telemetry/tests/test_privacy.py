"""What is never exported, what is exported only on request, and in which form."""

from __future__ import annotations

import asyncio
import json

import pytest

import backbay
import backbay_telemetry
from backbay.testing import ScriptedServer, connect_fake
from backbay_telemetry import names

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "of-a-tool-91c", "parameters": {}}}


def both_ways(backend, *messages, **options):
    async def call():
        async with backend:
            for how in (backend.complete, lambda *a, **o: backend.stream(*a, **o).collect()):
                try:
                    await how(list(messages), **options)
                except backbay.BackbayError:
                    continue

    asyncio.run(call())


def scripts(chat, secrets):
    """Answers, streams and errors, all of which repeat the prompt, the answer and the key."""
    words = f"{secrets.prompt} {secrets.answer} {secrets.key}"

    def answers(asked):
        return chat.stream(words) if asked.json["stream"] else chat.whole(words)

    return [answers, chat.error(400, words), chat.error(500, words), chat.error(401, words)]


def prompt(secrets):
    return {"role": "system", "content": secrets.prompt}, {"role": "user", "content": f"{secrets.prompt} {secrets.key}"}


def test_nothing_exported_holds_the_key_or_content_by_default(seen, connect, chat, secrets):
    for script in scripts(chat, secrets):
        with ScriptedServer(script) as server:
            both_ways(connect(server), *prompt(secrets), tools=[TOOL])
    text = seen.everything()
    assert len(seen.spans()) == 8
    for secret in (secrets.key, secrets.prompt, secrets.answer, "of-a-tool-91c"):
        assert secret not in text


def test_the_key_is_in_no_export_with_content_on_either(seen, connect, chat, secrets):
    backbay_telemetry.configure(capture_content=True, tracer_provider=seen.tracers, meter_provider=seen.meters)
    for script in scripts(chat, secrets):
        with ScriptedServer(script) as server:
            both_ways(connect(server), *prompt(secrets), tools=[TOOL])
    text = seen.everything()
    assert {secret for secret in (secrets.prompt, secrets.answer, "of-a-tool-91c") if secret not in text} == set()
    assert secrets.key not in text


def test_a_vendor_that_repeats_the_key_as_an_id_or_a_model_does_not_get_it_exported(seen, connect, chat, secrets):
    with ScriptedServer(chat.whole("Hello.", id=f"id-{secrets.key}", model=f"of-{secrets.key}")) as server:
        both_ways(connect(server), *prompt(secrets), stop=[secrets.key])
    assert seen.spans()[0].attributes["gen_ai.response.id"] == "id-***"
    assert secrets.key not in seen.everything()


@pytest.mark.parametrize("value", ["true", "True", "SPAN_ONLY", "span_and_event"])
def test_the_environment_turns_content_on(seen, secrets, monkeypatch, value):
    monkeypatch.setenv(names.CAPTURE_CONTENT, value)
    both_ways(connect_fake(), *prompt(secrets))
    assert secrets.prompt in seen.everything()


@pytest.mark.parametrize("value", ["false", "", "NO_CONTENT", "EVENT_ONLY", "yes please"])
def test_any_other_value_leaves_it_off(seen, secrets, monkeypatch, value):
    monkeypatch.setenv(names.CAPTURE_CONTENT, value)
    both_ways(connect_fake(), *prompt(secrets))
    assert secrets.prompt not in seen.everything()


def test_configure_has_the_last_word_over_the_environment(seen, secrets, monkeypatch):
    monkeypatch.setenv(names.CAPTURE_CONTENT, "true")
    backbay_telemetry.configure(capture_content=False, tracer_provider=seen.tracers, meter_provider=seen.meters)
    both_ways(connect_fake(), *prompt(secrets))
    assert secrets.prompt not in seen.everything()


def test_content_has_the_form_of_the_conventions_schemas(seen, connect, chat):
    backbay_telemetry.configure(capture_content=True, tracer_provider=seen.tracers, meter_provider=seen.meters)
    call = {"id": "call-1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Zagreb"}'}}
    image = "data:image/png;base64,iVBORw0KGgo="
    messages = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Weather?"},
                {"type": "image_url", "image_url": {"url": image}},
                {"type": "image_url", "image_url": {"url": "https://images.example/a.png"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call-1", "content": "rainy"},
    ]
    with ScriptedServer(chat.whole("Rain.", tool_calls=[call], finish="tool_calls")) as server:
        both_ways(connect(server), *messages, tools=[TOOL])
    said = seen.spans()[0].attributes
    assert json.loads(said["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Weather?"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "", "omitted": True},
                {"type": "uri", "modality": "image", "mime_type": None, "uri": "https://images.example/a.png"},
            ],
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "call-1", "name": "get_weather", "arguments": {"city": "Zagreb"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call-1", "response": "rainy"}]},
    ]
    [answer] = json.loads(said["gen_ai.output.messages"])
    assert (answer["role"], answer["finish_reason"]) == ("assistant", "tool_calls")
    assert answer["parts"] == [
        {"type": "text", "content": "Rain."},
        {"type": "tool_call", "id": "call-1", "name": "get_weather", "arguments": {"city": "Zagreb"}},
    ]
    [tool] = json.loads(said["gen_ai.tool.definitions"])
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "get_weather", "of-a-tool-91c")
