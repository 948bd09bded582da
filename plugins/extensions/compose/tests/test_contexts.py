"""Contexts: chains that never change, what of them a backend sees, and what cannot stand for one."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay_compose import (
    CBlock,
    ChatContext,
    Component,
    Composer,
    Context,
    ContextTypeMismatchError,
    Instruction,
    Message,
    ModelOutputThunk,
    SimpleContext,
    SpanError,
    ToolResult,
)


def told(request):
    return [(message.role, message.text) for message in request.messages]


def test_l9_a_generation_leaves_its_context_as_it_is_and_gives_one_of_its_type(echo, finish):
    async def main():
        for given in (SimpleContext(), ChatContext(), ChatContext(window_size=3)):
            first = CBlock("before")
            ctx = given.add(first)
            before, listed, state = ctx, ctx.as_list(), dict(ctx.__dict__)
            action = CBlock("a")
            thunk, after = await echo.generate_from_context(action, ctx)
            await thunk.avalue()
            assert ctx is before
            assert ctx.__dict__ == state
            assert ctx.as_list() == listed == [first]
            assert type(after) is type(ctx)
            assert after.as_list() == [first, action, thunk]
            assert len(after) == 3

    finish(main())


def test_l9_two_generations_on_one_context_are_independent_and_share_what_is_before(echo, finish):
    async def main():
        ctx = ChatContext().add(CBlock("before"))
        (one, after_one), (two, after_two) = await asyncio.gather(
            echo.generate_from_context(CBlock("one"), ctx), echo.generate_from_context(CBlock("two"), ctx)
        )
        assert await one.avalue() == "<one>"
        assert await two.avalue() == "<two>"
        assert one not in after_two.as_list()
        assert two not in after_one.as_list()
        assert after_one.previous_node.previous_node is after_two.previous_node.previous_node is ctx
        for request in echo.backend.requests:
            assert told(request) in ([("user", "before"), ("user", each)] for each in ("one", "two"))

    finish(main())


def test_l10_a_simple_context_sends_no_history_though_it_has_the_chain(echo, finish):
    async def main():
        ctx = SimpleContext()
        for text in ("one", "two", "three"):
            thunk, ctx = await echo.generate_from_context(CBlock(text), ctx)
            await thunk.avalue()
        assert [told(request) for request in echo.backend.requests] == [
            [("user", text)] for text in ("one", "two", "three")
        ]
        assert len(ctx.as_list()) == 6
        assert ctx.view_for_generation() == []

    finish(main())


def test_l10_a_chat_sends_all_in_order_and_thunks_in_it_are_computed_first(served, said, finish):
    def answer(request):
        last = request.json["messages"][-1]["content"]
        return said(f"<{last}>", before=0.1 if last == "one" else 0)

    with served(answer) as (server, composer):

        async def main():
            inner, _ = await composer.generate_from_context(CBlock("inner"), SimpleContext(), lazy=True)
            first, ctx = await composer.generate_from_context(CBlock("one"), ChatContext().add(Message("system", "S")))
            assert not first.is_computed()
            second, ctx = await composer.generate_from_context(Instruction("about {{ x }}", {"x": inner}), ctx)
            assert second.waits_for == (first, inner)
            assert await second.avalue() == "<about <inner>>"
            await composer.backend.aclose()

        finish(main())
        last = server.requests[-1].json["messages"]
        assert [(turn["role"], turn["content"]) for turn in last] == [
            ("system", "S"),
            ("user", "one"),
            ("assistant", "<one>"),
            ("user", "about <inner>"),
        ]
        assert len(server.requests) == 3


def test_l10_over_a_real_model(finish):
    async def main():
        async with Composer("local:tiny", record_prompts=True) as composer:
            inner, ctx = await composer.generate_from_context(CBlock("What can you do?"), ChatContext())
            outer, ctx = await composer.generate_from_context(Instruction("Say: {{ x }}", {"x": inner}), ctx)
            assert await outer.avalue()
            assert [(turn.role, turn.text) for turn in outer.prompt] == [
                ("user", "What can you do?"),
                ("assistant", inner.value),
                ("user", f"Say: {inner.value}"),
            ]
            assert len(ctx) == 4

    finish(main(), 60)


def test_a_window_shows_the_newest_and_keeps_all(echo, finish):
    ctx = ChatContext(window_size=2)
    for text in "abcd":
        ctx = ctx.add(CBlock(text))
    assert [str(span) for span in ctx.view_for_generation()] == ["c", "d"]
    assert [str(span) for span in ctx.as_list()] == list("abcd")
    assert [str(span) for span in ctx.as_list(3)] == list("bcd")
    assert ctx.as_list(0) == []


def test_a_limit_on_tokens_leaves_out_the_oldest_and_never_the_newest():
    ctx = ChatContext(token_limit=100)
    for number in range(10):
        ctx = ctx.add(CBlock(str(number) * 100))
    # 100 tokens are 400 bytes, of which a quarter is kept free.
    assert [str(span)[0] for span in ctx.view_for_generation()] == ["7", "8", "9"]
    ctx = ctx.add(Instruction("{{ x }}", {"x": CBlock("y" * 250)}))
    assert len(ctx.view_for_generation()) == 1
    ctx = ctx.add(CBlock("z" * 5000))
    assert [str(span)[0] for span in ctx.view_for_generation()] == ["z"]


@pytest.mark.parametrize("wrong", [{"window_size": 0}, {"token_limit": -1}])
def test_a_window_of_nothing_is_refused(wrong):
    with pytest.raises(InvalidRequestError, match="1 or more"):
        ChatContext(**wrong)


def test_what_a_context_tells_of_itself():
    root = ChatContext()
    assert root.is_root_node
    assert root.node_data is root.previous_node is root.last_output() is None
    assert root.last_turn() == (None, None)
    assert root.is_chat_context
    assert not SimpleContext().is_chat_context
    action, thunk, tool = CBlock("a"), ModelOutputThunk("x"), ToolResult("r", call_id="1", name="t")
    ctx = root.add(action).add(thunk)
    assert not ctx.is_root_node
    assert ctx.node_data is thunk
    assert ctx.previous_node.node_data is action
    assert ctx.last_turn() == (action, thunk)
    assert ctx.last_output() is thunk
    later = ctx.add(tool).add(CBlock("b"))
    assert later.last_turn() == (later.node_data, None)
    assert later.last_output() is thunk
    assert later.last_output(2) is None
    assert later.actions_for_available_tools() == [tool]
    assert root.add(thunk).last_turn() == (None, thunk)
    with pytest.raises(InvalidRequestError):
        ctx.as_list(-1)
    assert repr(ctx) == "<ChatContext of 2>"


@pytest.mark.parametrize("wrong", ["text", None, 7])
def test_only_spans_are_added(wrong):
    with pytest.raises(SpanError, match=type(wrong).__name__):
        ChatContext().add(wrong)


class Forgetful(SimpleContext):
    """Gives another type of context than it is."""

    def add(self, span):
        return SimpleContext().add(span)


class Tree(SimpleContext):
    """Cannot be read as a list."""

    def view_for_generation(self):
        return None


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (None, ContextTypeMismatchError),
        ("text", ContextTypeMismatchError),
        ([], ContextTypeMismatchError),
        (ChatContext, ContextTypeMismatchError),
        (Forgetful(), ContextTypeMismatchError),
        (Tree(), UnsupportedError),
    ],
)
def test_what_is_no_context_or_of_another_type_is_refused_before_any_request(served, said, finish, wrong, error):
    with served(said("x")) as (server, composer):

        async def main():
            heard = []
            composer.listen(heard.append)
            with pytest.raises(error):
                await composer.generate_from_context(CBlock("a"), wrong)
            assert heard == []

        finish(main())
        assert server.connections == 0


def test_a_subclass_keeps_its_settings_along_the_chain(echo, finish):
    class Named(ChatContext):
        def __init__(self, name):
            super().__init__(window_size=1)
            self.name = name

        def _settings_to(self, made):
            super()._settings_to(made)
            made.name = self.name

    async def main():
        _, after = await echo.generate_from_context(CBlock("a"), Named("n"))
        assert type(after) is Named
        assert after.name == "n"
        assert len(after.view_for_generation()) == 1

    finish(main())


def test_a_context_has_no_way_to_be_changed():
    assert not [
        name for name in ("append", "extend", "insert", "pop", "__setitem__", "clear") if hasattr(Context, name)
    ]
    with pytest.raises(TypeError):
        Context()
    with pytest.raises(TypeError):
        Component()


def test_a_long_conversation_is_kept_copied_pickled_and_let_go_of():
    ctx = ChatContext(window_size=3)
    for number in range(20_000):
        ctx = ctx.add(ModelOutputThunk(str(number)) if number % 2 else CBlock(str(number)))
    for other in (copy.copy(ctx), pickle.loads(pickle.dumps(ctx)), copy.deepcopy(ctx)):
        assert type(other) is ChatContext
        assert len(other) == len(other.as_list()) == 20_000
        assert [str(span) for span in other.view_for_generation()] == ["19997", "19998", "19999"]
        assert len(other.previous_node) == 19_999
        assert other.add(CBlock("x")).as_list()[-1].value == "x"
    del ctx, other


def test_an_empty_context_is_pickled_too():
    other = pickle.loads(pickle.dumps(SimpleContext()))
    assert other.is_root_node
    assert other.as_list() == []


def test_an_empty_context_is_true_so_that_nothing_takes_its_place():
    assert not len(SimpleContext())
    assert SimpleContext()
