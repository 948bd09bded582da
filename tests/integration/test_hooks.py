"""Hooks: called for every backend, only where somebody listens, and never a danger to a call."""

from __future__ import annotations

import asyncio

import pytest

import backbay
from backbay import Ended, Text, hooks
from backbay.hooks import HookWarning, hookimpl
from backbay.testing import Reply, ScriptedServer, connect_fake, sse


@pytest.fixture
def add():
    added = []

    def register(**functions):
        plugin = type("Hooks", (), {name: staticmethod(hookimpl()(function)) for name, function in functions.items()})()
        hooks.add(plugin)
        added.append(plugin)
        return plugin

    yield register
    for plugin in added:
        hooks.remove(plugin)


def test_before_request_changes_what_is_sent_and_each_sees_what_the_one_before_returned(ask, chat, add):
    def more(backend, request):
        return request.model_copy(update={"temperature": (request.temperature or 0) + 0.25})

    add(before_request=more)
    add(before_request=more)
    add(before_request=lambda request: None)
    for how in ("complete", "stream"):
        assert ask(chat.answer(), how).server.requests[0].json["temperature"] == 0.5


def test_what_before_request_raises_stops_the_call_before_any_connection(connect, chat, add):
    def refuse(request):
        raise PermissionError("not today")

    add(before_request=refuse)
    with ScriptedServer(chat.answer()) as server:
        backend = connect(server)
        with pytest.raises(PermissionError, match="not today"):
            asyncio.run(backend.complete("hi"))
        with pytest.raises(PermissionError):
            backend.stream("hi")
    assert server.connections == 0


def test_what_a_hook_puts_into_a_request_is_checked_too(ask, chat, add):
    add(before_request=lambda request: request.model_copy(update={"extra": {"model": "other"}}))
    asked = ask(chat.answer())
    assert isinstance(asked.error, backbay.OptionConflictError)
    assert asked.server.connections == 0


def test_a_before_request_that_returns_no_request_is_a_typed_error(ask, chat, add):
    add(before_request=lambda request: {"temperature": 1})
    asked = ask(chat.answer())
    assert isinstance(asked.error, backbay.PluginContractError)
    assert "dict" in str(asked.error)
    assert asked.server.connections == 0


def test_each_hook_sees_its_moment(connect, chat, add):
    seen = []
    add(
        on_event=lambda backend, request, event: seen.append(type(event).__name__),
        after_response=lambda backend, request, response: seen.append((backend.id, request.model, response.text)),
        on_error=lambda backend, request, error: seen.append((type(error).__name__, error.attempts)),
    )

    async def main(server):
        async with connect(server) as backend:
            await backend.stream("hi").collect()
            await backend.complete("hi")
            for call in (backend.complete("hi"), backend.stream("hi").collect()):
                with pytest.raises(backbay.ServerError):
                    await call

    with ScriptedServer([chat.stream("x"), chat.whole("y"), Reply.json({}, status=500)]) as server:
        asyncio.run(main(server))
        name = f"openai:{server.url}"
    assert seen == [
        *["Started", "Text", "UsageSeen", "Ended", (name, "m-1", "x"), (name, "m-1", "y")],
        *[("ServerError", 1), ("ServerError", 1)],
    ]


def test_an_error_in_the_middle_of_a_stream_is_seen_once(ask, chat, add):
    seen = []
    add(on_error=lambda backend, error: seen.append((backend.id, error)))
    error = ask(Reply(steps=[sse(chat.delta(content="x"))], end="cut")).error
    assert seen == [(error.backend, error)]


def test_events_are_reported_only_where_somebody_listens(add):
    add(after_response=lambda response: None)
    backend = connect_fake("a b")
    stream = backend.stream("hi")
    assert stream._listener.on_event is None
    assert stream._listener.on_response is not None
    add(on_event=lambda event: None)
    assert backend.stream("hi")._listener.on_event is not None


@pytest.mark.parametrize("name", ["on_event", "after_response"])
def test_a_hook_that_fails_while_it_looks_on_is_a_warning_and_the_answer_comes(ask, chat, add, name):
    def fail():
        raise ValueError("broken hook")

    add(**{name: fail})
    with pytest.warns(HookWarning, match="broken hook"):
        assert ask(chat.stream("x")).response.text == "x"


def test_a_hook_that_fails_on_an_error_does_not_hide_the_error(ask, add):
    def fail():
        raise ValueError("broken hook")

    add(on_error=fail)
    with pytest.warns(HookWarning, match="broken hook"):
        assert isinstance(ask(Reply.json({}, status=500), "complete").error, backbay.ServerError)


def test_no_backend_can_go_round_the_hooks(add):
    seen = []
    add(before_request=lambda request: seen.append("before"), after_response=lambda response: seen.append("after"))
    backend = connect_fake("x")
    asyncio.run(backend.complete("hi"))
    assert seen == ["before", "after"]
    for name in "stream complete list_models health embed rerank count_tokens aclose with_options capabilities".split():
        assert getattr(getattr(backbay.Backend, name), "__final__", False)


@pytest.fixture
def distribution(tmp_path):
    """Make a distribution by hand: a module, and metadata that declares its hooks."""

    def make(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[backbay.hooks]\n{name} = {name}\n")
        return tmp_path

    return make


WELL = """
from backbay.hooks import hookimpl

@hookimpl()
def before_request(request):
    return request.model_copy(update={"seed": 7})
"""


def test_installed_hooks_are_found_by_their_entry_point_and_a_broken_one_is_left_out(distribution, run_program):
    distribution("acme_hooks", WELL)
    distribution("example_hooks", "import sys; sys.exit(3)")
    folder = distribution("example_more", "raise RuntimeError('cannot load')")
    source = """
        import asyncio, sys, warnings
        sys.path.insert(0, sys.argv[1])
        import backbay
        from backbay import hooks
        from backbay.testing import connect_fake
        assert not any(name in sys.modules for name in ("acme_hooks", "example_hooks"))
        backend = connect_fake("x")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(backend.complete("hi"))
        assert backend.requests[0].seed == 7
        print(sorted(hooks.failures.items()))
        print(sum(issubclass(w.category, hooks.HookWarning) for w in caught))
    """
    failures, count = run_program(source, folder).splitlines()
    assert failures == "[('example_hooks', 'SystemExit: 3'), ('example_more', 'RuntimeError: cannot load')]"
    assert count == "2"


def test_an_allow_list_keeps_installed_hooks_out(distribution, run_program, monkeypatch):
    folder = distribution("acme_hooks", WELL)
    monkeypatch.setenv("BACKBAY_PLUGINS", "openai")
    source = """
        import asyncio, sys
        sys.path.insert(0, sys.argv[1])
        from backbay.testing import connect_fake
        backend = connect_fake("x")
        asyncio.run(backend.complete("hi"))
        assert backend.requests[0].seed is None
        assert "acme_hooks" not in sys.modules
    """
    run_program(source, folder)


def test_listeners_do_not_change_what_the_stream_gives(add):
    kinds = []
    add(on_event=lambda event: kinds.append(type(event)))

    async def main():
        return [type(event) async for event in connect_fake("a b").stream("hi")]

    assert asyncio.run(main()) == kinds
    assert (kinds.count(Text), kinds[-1]) == (2, Ended)
