"""The loop of a model with tools: every call is answered, in order, and the loop ends."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import datetime as dt
import json
import pickle
import threading
import time

import pytest
from pydantic import BaseModel

import backbay
from backbay.errors import InvalidRequestError, ServerError, UnsupportedError
from backbay.testing import Pause, Reply, ScriptedServer
from backbay_compose import (
    CBlock,
    ChatContext,
    Composer,
    Context,
    ContextTypeMismatchError,
    Instruction,
    Message,
    ModelOption,
    ModelTool,
    SimpleContext,
    SpanError,
    ToolResult,
    ToolRoundsError,
    run_tools,
)


def said(text):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
    return Reply.events({"id": "c-1", "model": "m-1", "choices": [choice]})


def calling(*calls):
    """An answer that wants calls made: each is a name and arguments, as an object or as text."""
    wanted = []
    for index, (name, arguments) in enumerate(calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        function = {"name": name, "arguments": text}
        wanted.append({"index": index, "id": f"call-{index}", "type": "function", "function": function})
    choice = {"index": 0, "delta": {"tool_calls": wanted}, "finish_reason": "tool_calls"}
    return Reply.events({"id": "c-1", "model": "m-1", "choices": [choice]})


def ended(script, work):
    """Run ``work(composer)`` over a server with that script; return what it gives, and the server."""

    async def main(url):
        async with backbay.connect("openai:m-1", api_key="sk-test", base_url=url, retries=0) as backend:
            found = await asyncio.wait_for(work(Composer(backend)), 10)
            assert len(asyncio.all_tasks()) == 1, "nothing goes on behind the caller's back"
            return found

    with ScriptedServer(script) as server:
        return asyncio.run(main(server.url)), server


def looped(script, *tools, ctx=None, **options):
    """Run the loop; return the thunk, the context, and the conversation of each request."""

    def work(composer):
        return run_tools(composer, CBlock("Go."), ChatContext() if ctx is None else ctx, tools=tools, **options)

    (thunk, context), server = ended(script, work)
    return thunk, context, [request.json["messages"] for request in server.requests]


def told(script, *tools, **options):
    """Run one round of calls; return what the model was told of them."""
    _, _, talks = looped([script, said("Done.")], *tools, **options)
    return [turn["content"] for turn in talks[1] if turn["role"] == "tool"]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def greet(name: str = "you") -> str:
    """Greet somebody."""
    await asyncio.sleep(0)
    return f"Hi, {name}!"


def test_calls_are_made_and_told_until_the_model_wants_none():
    script = [calling(("add", {"a": 1, "b": 2}), ("greet", "")), calling(("add", {"a": 3, "b": 3})), said("6.")]
    thunk, context, talks = looped(script, add, greet)
    assert thunk.value == "6."
    assert [turn["role"] for turn in talks[2]] == ["user", "assistant", "tool", "tool", "assistant", "tool"]
    results = [(turn["tool_call_id"], turn["content"]) for turn in talks[2] if turn["role"] == "tool"]
    assert results == [("call-0", "3"), ("call-1", "Hi, you!"), ("call-0", "6")]
    assert talks[2][1]["tool_calls"][0]["function"]["name"] == "add"
    kinds = [type(span).__name__ for span in context.as_list()]
    thunks = ["ModelOutputThunk", "ToolResult"]
    assert kinds == ["CBlock", *thunks, "ToolResult", *thunks, "ModelOutputThunk"]
    assert context.node_data is thunk


def test_an_answer_without_calls_is_one_request():
    thunk, context, talks = looped(said("Hello."), add)
    assert (thunk.value, len(talks), len(context)) == ("Hello.", 1, 2)


@pytest.mark.parametrize("ctx", [SimpleContext(), ChatContext(window_size=1)])
def test_a_result_never_goes_without_its_call_whatever_the_context_shows(ctx):
    before = ctx.add(CBlock("Early.")).add(CBlock("Late."))
    script = [calling(("add", {"a": 1, "b": 2})), said("3.")]
    _, context, talks = looped(script, add, ctx=before)
    seen = [] if isinstance(ctx, SimpleContext) else ["Late."]
    assert [turn["content"] for turn in talks[1] if turn["role"] == "user"] == [*seen, "Go."]
    assert [turn["role"] for turn in talks[1]][-2:] == ["assistant", "tool"]
    assert type(context) is type(ctx)
    assert (len(before), len(context)) == (2, 6)


def test_calls_of_one_answer_run_at_once_and_results_keep_their_order():
    """Each but the last waits for the one after it: one at a time, none would ever end."""
    ended_ones = [threading.Event() for _ in range(4)]

    def plain(n: int) -> int:
        """Wait in a thread."""
        assert ended_ones[n + 1].wait(5)
        ended_ones[n].set()
        return n

    async def awaited(n: int) -> int:
        """Wait on the loop."""
        while n < 3 and not ended_ones[n + 1].is_set():
            await asyncio.sleep(0.001)
        ended_ones[n].set()
        return n

    calls = [("plain", {"n": 0}), ("awaited", {"n": 1}), ("plain", {"n": 2}), ("awaited", {"n": 3})]
    assert told(calling(*calls), plain, awaited) == ["0", "1", "2", "3"]


def test_no_more_run_at_once_than_were_allowed():
    now, most = [0], [0]

    async def count(n: int) -> int:
        """Count."""
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.01)
        now[0] -= 1
        return n

    calls = [("count", {"n": n}) for n in range(9)]
    assert told(calling(*calls), count, at_once=2) == [str(n) for n in range(9)]
    assert most == [2]


def test_what_cannot_be_made_or_raises_goes_back_as_an_error_and_nothing_is_lost_l13():
    """Also failures that end a thread's work in ways of their own, or look like a cancel."""

    def broken(how: str) -> str:
        """Break."""
        if how == "stop":
            return next(iter(()))
        raise ValueError("no such city" if how == "why" else "")

    async def gone() -> str:
        """Go."""
        raise asyncio.CancelledError

    calls = [
        ("broken", {"how": "why"}),
        ("broken", {"how": ""}),
        ("broken", {"how": "stop"}),
        ("gone", ""),
        ("fly", {}),
        ("add", {"a": "x", "b": 1}),
        ("add", '{"a": '),
        ("add", {"a": 1, "b": 1}),
    ]
    said_back = told(calling(*calls), broken, gone, add)
    assert said_back[:4] == [
        "Error: ValueError: no such city",
        "Error: ValueError",
        "Error: StopIteration",
        "Error: CancelledError",
    ]
    assert "there is no tool 'fly'; offered are: broken, gone, add" in said_back[4]
    assert "The arguments of add are wrong" in said_back[5]
    assert "not valid JSON" in said_back[6]
    assert said_back[7] == "2"
    assert not any("Traceback" in text or ".py" in text for text in said_back)


class Point(BaseModel):
    x: int
    at: dt.date = dt.date(2026, 1, 2)


@dataclasses.dataclass
class Pair:
    one: object
    two: object


class Odd:
    def __str__(self):
        return "odd"


def circle():
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ("as it is\n", "as it is\n"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        ({"a": [1, 2.5, None]}, '{"a":[1,2.5,null]}'),
        ("\u00fc", "\u00fc"),
        (["\u00fc"], '["\u00fc"]'),
        (Point(x=1), '{"x":1,"at":"2026-01-02"}'),
        ([Point(x=1)], '[{"x":1,"at":"2026-01-02"}]'),
        (Pair(dt.date(2026, 1, 2), Odd()), '{"one":"2026-01-02","two":"odd"}'),
        (Odd(), '"odd"'),
        (b"\xff", "b'\\xff'"),
        (circle(), "[[...]]"),
        (CBlock("a block"), "a block"),
        (Instruction("{{ what }}", {"what": "{{ no template }}"}), "{{ no template }}"),
    ],
)
def test_what_a_tool_gives_goes_back_as_text(found, text):
    def give() -> object:
        """Give."""
        return found

    assert told(calling(("give", "")), give) == [text]


def test_a_tool_may_give_a_thunk_and_its_failure_is_an_error_of_the_tool():
    async def work(composer):
        async def think(what: str) -> object:
            """Think."""
            thunk, _ = await composer.generate_from_context(CBlock(what), SimpleContext())
            return thunk

        return await run_tools(composer, CBlock("Go."), ChatContext(), tools=[think])

    def script(request):
        last = request.json["messages"][-1]
        if last["content"] == "well":
            return said("A thought.")
        if last["content"] == "badly":
            return Reply.json({"error": {"message": "broken"}}, status=500)
        return (
            calling(("think", {"what": "well"}), ("think", {"what": "badly"})) if last["role"] == "user" else said("!")
        )

    _, server = ended(script, work)
    results = [turn["content"] for turn in server.requests[-1].json["messages"] if turn["role"] == "tool"]
    assert results[0] == "A thought."
    assert results[1].startswith("Error: ServerError: ")


def test_a_result_that_cannot_be_told_is_an_error_of_the_tool():
    class Worse:
        def __str__(self):
            raise KeyError("worse")

    def give() -> object:
        """Give."""
        return Worse()

    (text,) = told(calling(("give", "")), give)
    assert text.startswith("Error: ")


def test_a_plain_tool_sees_the_callers_context_variables_and_holds_up_nothing():
    who = contextvars.ContextVar("who")

    def ask() -> str:
        """Ask."""
        time.sleep(0.2)
        return f"{who.get()} {threading.current_thread() is threading.main_thread()}"

    turns = []

    async def tick():
        while True:
            turns.append(await asyncio.sleep(0.005))

    async def work(composer):
        who.set("Ada")
        ticking = asyncio.create_task(tick())
        thunk, _ = await run_tools(composer, CBlock("Go."), ChatContext(), tools=[ask])
        ticking.cancel()
        await asyncio.wait([ticking])
        return thunk

    _, server = ended([calling(("ask", "")), said("Done.")], work)
    assert server.requests[1].json["messages"][-1]["content"] == "Ada False"
    assert len(turns) > 10


def test_methods_are_tools_too_and_may_go_by_other_names():
    class Doubles:
        async def double(self, n: int) -> int:
            """Double."""
            return 2 * n

    tools = {"twice": Doubles().double, "hello": ModelTool(greet, name="hello")}

    def work(composer):
        return run_tools(composer, CBlock("Go."), ChatContext(), tools=tools)

    _, server = ended([calling(("twice", {"n": 4}), ("hello", "")), said("8")], work)
    assert [turn["content"] for turn in server.requests[1].json["messages"][-2:]] == ["8", "Hi, you!"]


def test_tools_of_options_context_and_action_are_offered_the_later_one_wins_l13():
    def which(place):
        def where() -> str:
            """Say where."""
            return place

        return ModelTool(where)

    async def work(composer):
        ctx = SimpleContext().add(CBlock("x"))
        action = Instruction("Go.", tools=[which("action")])
        options = {ModelOption.TOOLS: [which("options"), add]}
        return [
            await run_tools(composer, action, ctx, model_options=options),
            await run_tools(composer, action, ctx, model_options=options, tools=[which("tools")]),
        ]

    script = [calling(("where", "")), said("."), calling(("where", "")), said(".")]
    _, server = ended(script, work)
    names = [[tool["function"]["name"] for tool in request.json["tools"]] for request in server.requests]
    assert names == [["where", "add"]] * 2 + [["where"]] * 2
    assert [server.requests[index].json["messages"][-1]["content"] for index in (1, 3)] == ["action", "action"]


def test_tools_are_offered_in_every_round_also_those_of_an_iterator():
    options = {ModelOption.TOOLS: iter([add])}

    def work(composer):
        return run_tools(composer, CBlock("Go."), ChatContext(), model_options=options)

    _, server = ended([calling(("add", {"a": 1, "b": 2})), calling(("add", {"a": 2, "b": 2})), said("4")], work)
    assert [len(request.json["tools"]) for request in server.requests] == [1, 1, 1]


def test_who_is_asked_may_refuse_a_call_and_is_asked_one_by_one_before_any_is_made():
    log = []

    def touch(n: int) -> str:
        """Touch."""
        log.append(("made", n))
        return "touched"

    async def ask(call):
        log.append(("asked", call.args["n"]))
        await asyncio.sleep(0.01)
        return "The user said no." if call.args["n"] == 1 else None

    calls = [("touch", {"n": 0}), ("fly", {}), ("touch", {"n": 1}), ("touch", {"n": 2})]
    texts = told(calling(*calls), touch, on_call=ask)
    assert [texts[0], *texts[2:]] == ["touched", "The user said no.", "touched"]
    assert "no tool 'fly'" in texts[1]
    assert log[:3] == [("asked", 0), ("asked", 1), ("asked", 2)]
    assert sorted(log[3:]) == [("made", 0), ("made", 2)]


def test_who_is_asked_may_block_and_may_refuse_with_an_empty_string():
    def ask(call):
        time.sleep(0.01)
        return ""

    assert told(calling(("add", {"a": 1, "b": 2})), add, on_call=ask) == [""]


@pytest.mark.parametrize("found", [False, True, 0, b"no"])
def test_an_answer_that_neither_allows_nor_refuses_makes_no_call(found):
    made = []

    def touch() -> None:
        """Touch."""
        made.append(True)

    with pytest.raises(InvalidRequestError, match="on_call returned a"):
        looped([calling(("touch", "")), said(".")], touch, on_call=lambda call: found)
    assert not made


def test_what_on_call_raises_ends_the_loop():
    failure = PermissionError("stop")

    async def ask(call):
        raise failure

    with pytest.raises(PermissionError) as caught:
        looped([calling(("add", {"a": 1, "b": 2})), said(".")], add, on_call=ask)
    assert caught.value is failure


def test_a_model_that_never_stops_is_ended_with_the_context_so_far():
    made = []

    def again(n: int) -> int:
        """Count."""
        made.append(n)
        return n

    async def work(composer):
        with pytest.raises(ToolRoundsError, match="wants 1 calls made after 3 rounds") as caught:
            await run_tools(composer, CBlock("Go."), SimpleContext(), tools=[again], rounds=3)
        error = caught.value
        assert made == [7, 7, 7]
        assert [call.name for call in error.thunk.tool_calls] == ["again"]
        assert type(error.context) is SimpleContext
        spans = error.context.as_list()
        assert len(spans) == 7
        assert isinstance(spans[-1], ToolResult)
        copied = pickle.loads(pickle.dumps(error))
        assert (str(copied), copied.context, copied.thunk) == (str(error), None, None)
        talk = ChatContext()
        for span in spans:
            talk = talk.add(span)
        thunk, _ = await composer.generate_from_context(CBlock("Answer now."), talk)
        return await thunk.avalue()

    def script(request):
        if request.json["messages"][-1]["content"] == "Answer now.":
            return said("Fine.")
        return calling(("again", {"n": 7}))

    found, server = ended(script, work)
    assert found == "Fine."
    assert len(server.requests) == 5


@pytest.mark.parametrize("place", ["call", "composer"])
def test_a_forced_call_is_forced_once(place):
    forced = {"tool_choice": "required"}

    async def work(composer):
        if place == "composer":
            composer = Composer(composer.backend, model_options=forced)
        options = forced if place == "call" else None
        return await run_tools(composer, CBlock("Go."), ChatContext(), tools=[add], model_options=options)

    _, server = ended([calling(("add", {"a": 1, "b": 2})), said("3")], work)
    assert [request.json.get("tool_choice") for request in server.requests] == ["required", "auto"]


@pytest.mark.parametrize("when", ["asking", "calling"])
def test_a_cancel_passes_through_and_leaves_nothing_running(when):
    reached, let_go = threading.Event(), []

    async def forever() -> str:
        """Wait."""
        reached.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            let_go.append(True)
            raise
        return ""

    slow = Reply(headers={"content-type": "text/event-stream"}, steps=[b": wait\n\n", Pause(5)])

    async def main(server):
        async with backbay.connect("openai:m-1", api_key="sk-test", base_url=server.url) as backend:
            loop = run_tools(Composer(backend), CBlock("Go."), ChatContext(), tools=[forever])
            work = asyncio.create_task(loop)
            while not (server.requests if when == "asking" else reached.is_set()):
                await asyncio.sleep(0.005)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert len(asyncio.all_tasks()) == 1

    with ScriptedServer(slow if when == "asking" else calling(("forever", ""), ("forever", ""))) as server:
        asyncio.run(main(server))
        if when == "asking":
            assert server.wait_for(lambda seen: bool(seen.hangups), 1.0)
    assert let_go == ([] if when == "asking" else [True, True])


def test_an_error_of_the_vendor_comes_as_it_is():
    with pytest.raises(ServerError):
        looped([calling(("add", {"a": 1, "b": 2})), Reply.json({"error": {"message": "broken"}}, status=500)], add)


class Tree(Context):
    def view_for_generation(self):
        return None


def test_bad_input_is_refused_before_anything_is_sent():
    async def work(composer):
        action, ctx = CBlock("Go."), ChatContext()
        for wrong in ({"rounds": 0}, {"rounds": True}, {"at_once": 0}, {"at_once": 1.5}, {"model_options": 3}):
            with pytest.raises(InvalidRequestError):
                await run_tools(composer, action, ctx, **wrong)
        for tools in ("add", [3], [add, add], 3):
            with pytest.raises(SpanError):
                await run_tools(composer, action, ctx, tools=tools)
        with pytest.raises(SpanError):
            await run_tools(composer, "Go.", ctx)
        with pytest.raises(ContextTypeMismatchError):
            await run_tools(composer, action, None)
        with pytest.raises(UnsupportedError, match="A Tree is no list of turns"):
            await run_tools(composer, action, Tree())

    _, server = ended(said("."), work)
    assert server.connections == 0


def test_a_real_model_calls_a_tool_and_hears_what_it_gave():
    made = []

    def weather(city: str) -> str:
        """Return the weather in a city."""
        made.append(city)
        return "rain"

    async def main():
        options = {"tool_choice": "required", ModelOption.MAX_NEW_TOKENS: 64, ModelOption.SEED: 1}
        async with Composer("local:tiny", record_prompts=True) as composer:
            action = Message("user", "Use the tool weather for Oslo.")
            try:
                thunk, context = await run_tools(
                    composer, action, ChatContext(), tools=[weather], rounds=2, model_options=options
                )
            except ToolRoundsError as error:
                thunk, context = error.thunk, error.context
            return thunk, context.as_list()

    thunk, spans = asyncio.run(main())
    assert made
    results = [span for span in spans if isinstance(span, ToolResult)]
    assert len(results) >= len(made)
    assert [message.role for message in thunk.prompt][:3] == ["user", "assistant", "tool"]
    assert any("rain" in str(message.content) for message in thunk.prompt if message.role == "tool")
