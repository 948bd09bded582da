"""What explain() tells: states, figures, who waits for whom, and that nothing in it steers a terminal."""

from __future__ import annotations

import asyncio
import re

import pytest
from pydantic import BaseModel

from backbay.testing import Reply
from backbay_compose import (
    CBlock,
    ChatContext,
    Component,
    Composer,
    Instruction,
    ModelOption,
    ModelOutputThunk,
    SimpleContext,
    SpanError,
    explain,
)
from backbay_compose.shown import width

pytestmark = pytest.mark.filterwarnings("ignore::backbay_compose.ComposeWarning")

EMPTY = SimpleContext()


async def ask(composer, action, **options):
    thunk, _ = await composer.generate_from_context(
        CBlock(action) if isinstance(action, str) else action, EMPTY, **options
    )
    return thunk


def told_of(text, action):
    """The lines of one thunk, without the branches that are drawn before them."""
    lines = [line.lstrip("│├└─ ") for line in text.split("\n")]
    start = next(number for number, line in enumerate(lines) if re.match(rf"#\d+ .*{re.escape(action)}", line))
    end = next((number for number in range(start + 1, len(lines)) if re.match(r"(see )?#\d|$", lines[number])), None)
    return lines[start:end]


def test_each_state_is_told(staged, finish):
    async def main():
        going, held = asyncio.Event(), asyncio.Event()

        async def say(request):
            text = request.messages[-1].text
            if "fail" in text:
                raise ValueError("it broke \x1b[31m")
            yield "Twelve chars"
            if "hold" in text:
                going.set()
                await held.wait()

        composer = staged(say, concurrency=2)
        good, bad = await ask(composer, "good"), await ask(composer, "fail")
        await asyncio.wait([asyncio.ensure_future(each.wait()) for each in (good, bad)])
        cut = await ask(composer, "hold and cut")
        await going.wait()
        await cut.cancel_generation()
        running, second = await ask(composer, "hold one"), await ask(composer, "hold two")
        turn = await ask(composer, "for its turn")
        lazy = await ask(composer, "never", lazy=True)
        lazy_told = explain(lazy)
        every = [good, bad, cut, running, second, turn, lazy]
        action = Instruction("all: {{ a }}", {f"p{number}": thunk for number, thunk in enumerate(every)} | {"a": good})
        last = await ask(composer, action)
        await asyncio.sleep(0.02)
        text = explain(last)
        assert told_of(text, '"all')[1].startswith("waiting for ")
        assert told_of(text, '"good"')[1] == 'computed: "Twelve chars"'
        assert told_of(text, '"good"')[2].startswith("fake:fake-1 · tokens 1 in, 1 out")
        assert "failed: ProtocolError: The backend raised ValueError: it broke" in told_of(text, '"fail"')[1]
        assert told_of(text, '"hold and cut"')[1] == 'cancelled after 12 characters: "Twelve chars"'
        assert "tokens unknown" in told_of(text, '"hold and cut"')[2]
        assert told_of(text, '"hold one"')[1] == 'running, 12 characters so far: "Twelve chars"'
        assert "so far" in told_of(text, '"hold one"')[3]
        assert told_of(text, '"for its turn"')[1] == "waiting for its turn"
        assert told_of(lazy_told, '"never"')[1] == "not started"
        assert "No backend was asked." in lazy_told
        assert "\x1b" not in text
        held.set()
        await last.wait()
        text = explain(last)
        assert "failed as what it waits for did: ProtocolError" in told_of(text, '"all')[1]
        assert ", and was not sent" in text

    finish(main())


class Answer(BaseModel):
    a: str


def test_figures_of_a_run_over_a_socket(served, finish):
    """Unknown tokens are unknown, the model that answered and what was left out are told, and concurrency shows."""

    def answer(request):
        text = request.json["messages"][-1]["content"]
        chunk = {"id": "1", "model": "m-1-served"}
        said = '{"a": "b"}' if "form" in text else "Yes."
        events = [
            {**chunk, "choices": [{"index": 0, "delta": {"content": said}}]},
            {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        if "silent" not in text:
            events.append({**chunk, "choices": [], "usage": {"prompt_tokens": 1200, "completion_tokens": 34}})
        return Reply.events(*events, pause=0.05)

    async def main(composer):
        known, silent = await ask(composer, "known"), await ask(composer, "silent")
        both = Instruction("form of {{ a }} and {{ b }}", {"a": known, "b": silent})
        last = await ask(composer, both, format=Answer, model_options={ModelOption.CONTEXT_WINDOW: 4096})
        await last.wait()
        text = explain(last)
        assert told_of(text, '"known"')[2] == "openai:m-1 (answered by m-1-served) · tokens 1,200 in, 34 out"
        assert told_of(text, '"silent"')[2] == "openai:m-1 (answered by m-1-served) · tokens unknown"
        assert "form by schema" in told_of(text, '"form of')[2]
        assert "left out: CONTEXT_WINDOW" in told_of(text, '"form of')[4]
        times = re.findall(r"([\d.]+) (m?s)", told_of(text, '"form of')[3])
        waited, first, done = (float(figure) * (1 if unit == "ms" else 1000) for figure, unit in times)
        assert 0 < waited < first <= done
        assert "In all 3 thunks: 3 computed." in text
        assert "Tokens: 2,400 in, 68 out; not all known for 1 of 3 generations." in text
        assert "2 at most." in text
        await composer.backend.aclose()

    with served(answer) as (_, composer):
        finish(main(composer))


def test_a_shared_thunk_is_told_once(echo, finish):
    async def main():
        shared = await ask(echo, "shared")
        left = await ask(echo, Instruction("left of {{ a }}", {"a": shared}))
        right = await ask(echo, Instruction("right of {{ a }}", {"a": shared}))
        top = await ask(echo, Instruction("top {{ l }} {{ r }} {{ s }}", {"l": left, "r": right, "s": shared}))
        await top.wait()
        text = explain(top)
        assert text.count('CBlock "shared"') == 1
        assert text.count("see #3") == 2
        assert "In all 4 thunks: 4 computed." in text

    finish(main())


def test_a_chain_of_ten_thousand_is_told_whole(echo, finish):
    async def main():
        thunk = await ask(echo, "first", lazy=True)
        for _ in range(9_999):
            thunk = await ask(echo, Instruction("more of {{ a }}", {"a": thunk}), lazy=True)
        return thunk

    text = explain(finish(main(), 60))
    numbers = [int(each) for each in re.findall(r"^[│├└─ ]*#(\d+) ", text, re.MULTILINE)]
    assert numbers == list(range(1, 10_001))
    assert max(map(width, text.split("\n"))) <= 100
    assert "In all 10,000 thunks: 10,000 not started." in text


def test_no_line_is_wider_than_a_hundred_columns_and_none_steers_a_terminal(staged, finish):
    hostile = "日本語" * 40 + "\x1b[2J\u202e\x07\x9b31m\ud800 " + "x" * 300 + "\r\n" * 5

    async def say(request):
        if "fail" in request.messages[-1].text:
            raise ValueError(hostile)
        yield hostile

    async def main():
        composer = staged(say)
        thunk = await ask(composer, "日本" * 100)
        failed = await ask(composer, "fail " + hostile.replace("\ud800", ""))
        await asyncio.wait([asyncio.ensure_future(each.wait()) for each in (thunk, failed)])
        for top in (thunk, failed):
            chain = [top]
            for _ in range(8):
                chain.append(await ask(composer, Instruction("名前" * 30, {"a": chain[-1]}), lazy=True))
            text = explain(chain[-1])
            assert max(map(width, text.split("\n"))) <= 100
            assert not set("\x1b\u202e\x07\x9b\ud800\r") & set(text)
            assert text.encode()

    finish(main())


class Broken(Component):
    calls = 0

    def parts(self):
        self.calls += 1
        if self.calls > 3:
            raise RuntimeError("no more")
        return [CBlock("a part")]

    def format_for_llm(self):
        return "Broken."


def test_a_component_that_fails_later_does_not_stop_it(echo, finish):
    async def main():
        action = Broken()
        thunk = await ask(echo, action)
        await thunk.wait()
        action.calls = 10
        assert '#1 Broken\n   computed: "<Broken.>"' in explain(thunk)

    finish(main())


def test_what_no_backend_was_asked_for():
    assert explain(ModelOutputThunk("given")).split("\n")[:2] == ["#1 a text that was given", '   computed: "given"']
    assert explain(ModelOutputThunk("")).split("\n")[1] == "   computed, empty"
    assert "nothing stands behind" in explain(ModelOutputThunk())


def test_only_thunks_are_explained():
    with pytest.raises(SpanError, match="not a str"):
        explain("text")


def test_a_run_of_the_tiny_model(finish):
    async def main():
        async with Composer("local:tiny", model_options={"max_tokens": 8}) as composer:
            first, context = await composer.generate_from_context(CBlock("What can you do?"), ChatContext())
            second, _ = await composer.generate_from_context(
                Instruction("Say more about {{ a }}", {"a": first}), context
            )
            await second.avalue()
            text = explain(second)
        assert told_of(text, "Say more")[2].startswith("local:tiny · tokens ")
        assert "unknown" not in text
        assert "In all 2 thunks: 2 computed." in text
        assert re.search(r"└─ #2 CBlock \"What can you do\?\"", text)

    finish(main())
