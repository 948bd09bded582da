"""Random programs of thunks against a simple model of them: trees, contexts, failures, cancels and readers.

Each step does one thing, lets the loop come to rest, and compares all that can be seen. A step that does not come to
rest, or takes longer than a watchdog waits, is a failure. The ordinary profile takes a thousand steps; with
``--hypothesis-profile=fuzz`` it is ten thousand and more, and others each time.
"""

from __future__ import annotations

import asyncio
import re
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from backbay.errors import ServerError
from backbay.events import Ended, Started, Text
from backbay.response import Finish
from backbay.testing.fake import FakeBackend
from backbay_compose import (
    CBlock,
    ChatContext,
    Component,
    Composer,
    SimpleContext,
    TemplateRepresentation,
    do_generate_walks,
    generate_walk,
)

STEPS, EXAMPLES = 50, 25
if settings.get_current_profile_name() == "fuzz":
    EXAMPLES = 275

WATCHDOG = 5.0
"""Seconds after which a step hangs; the slowest takes a few milliseconds."""

TURNS = 20_000
"""Turns of the loop after which it will not come to rest."""

IDLE, BLOCKED, RUNNING, DONE, FAILED, CANCELLED = "idle blocked running done failed cancelled".split()
END = object()


class Scheduled(FakeBackend):
    """Does what it is told, one order at a time; knows which answers it is giving, and what it was asked."""

    def __init__(self):
        super().__init__()
        self.orders, self.prompts = {}, {}

    async def _stream(self, request):
        number = int(re.match(r"#(\d+) ", request.messages[-1].text)[1])
        self.prompts.setdefault(number, []).append([(turn.role, turn.text) for turn in request.messages])
        self.orders[number] = orders = asyncio.Queue()
        try:
            yield Started("m", str(number))
            while (order := await orders.get()) is not END:
                if isinstance(order, Exception):
                    raise order
                yield Text(order)
            yield Ended(Finish.STOP, "stop")
        finally:
            del self.orders[number]


class Bundle(Component):
    def __init__(self, held):
        self.held = held

    def parts(self):
        return self.held

    def format_for_llm(self):
        return TemplateRepresentation(
            obj=self, args={"all": self.held}, template="{% for x in all %}{{ x }}{% endfor %}"
        )


# The model. A tree is a text, the number of a thunk, or a list of trees.


@dataclass
class Known:
    """What is known of a thunk."""

    number: int
    view: list
    tree: list
    waits_for: list
    state: str = IDLE
    pieces: list = field(default_factory=list)
    error: str | None = None
    prompt: list | None = None
    loose: bool = False

    @property
    def computed(self):
        return self.state in (DONE, CANCELLED)

    @property
    def over(self):
        return self.state in (DONE, CANCELLED, FAILED)

    @property
    def text(self):
        return "".join(self.pieces)


@dataclass
class Walk:
    order: list
    limit: int
    cancels: bool
    task: asyncio.Task
    active: list = field(default_factory=list)
    place: int = 0
    ended: bool = False
    stopped: bool = False
    error: str | None = None


def leaves(tree):
    return [leaf for each in tree for leaf in leaves(each)] if isinstance(tree, list) else [tree]


class Model:
    """Says what must be so, with no task and no future."""

    def __init__(self):
        self.thunks, self.walks = {}, []

    def open_in(self, trees):
        found = [leaf for tree in trees for leaf in leaves(tree) if isinstance(leaf, int)]
        return [number for number in found if not self.thunks[number].computed]

    def text_of(self, tree):
        return "".join(leaf if isinstance(leaf, str) else self.thunks[leaf].text for leaf in leaves(tree))

    def prompt_of(self, known):
        turns = []
        for each in [*known.view, known.tree]:
            text = self.text_of(each)
            if isinstance(each, list) or text:
                turns.append(("assistant" if isinstance(each, int) else "user", text))
        return turns

    def start(self, number):
        known = self.thunks[number]
        if known.state == IDLE:
            known.state = BLOCKED
            for other in known.waits_for:
                self.start(other)

    def cancel(self, number):
        known = self.thunks[number]
        if not known.over:
            known.state = CANCELLED

    def fail(self, number, error):
        self.thunks[number].state, self.thunks[number].error = FAILED, error

    def settle(self):
        while any([self._unblock(known) for known in self.thunks.values()] + [self._walk(walk) for walk in self.walks]):
            continue

    def _unblock(self, known):
        others = [self.thunks[number] for number in known.waits_for]
        if known.state != BLOCKED or not all(other.over for other in others):
            return False
        failed = [other for other in others if other.state == FAILED]
        if failed:
            self.fail(known.number, failed[0].error)
        else:
            known.state, known.prompt = RUNNING, self.prompt_of(known)
        return True

    def _walk(self, walk):
        if walk.ended or walk.stopped:
            return False
        before = (walk.place, list(walk.active))
        over = [number for number in walk.active if self.thunks[number].over]
        walk.active = [number for number in walk.active if number not in over]
        broken = walk.cancels and any(self.thunks[number].state == FAILED for number in over)
        starts = []
        while not broken and len(walk.active) < walk.limit and walk.place < len(walk.order):
            known = self.thunks[walk.order[walk.place]]
            walk.place += 1
            if not known.over:
                walk.active.append(known.number)
                starts.append(known.number)
            broken = walk.cancels and known.state == FAILED
        if broken or (not walk.active and walk.place == len(walk.order)):
            walk.ended = True
            failed = [number for number in walk.order if self.thunks[number].state == FAILED]
            walk.error = self.thunks[failed[0]].error if failed else None
            for number in walk.order if broken else ():
                self.cancel(number)
            return True
        for number in starts:
            self.start(number)
        return before != (walk.place, walk.active)

    def leans_on(self, number, seen=None):
        """Return all thunks that a thunk waits for, directly or not."""
        seen = set() if seen is None else seen
        for other in self.thunks[number].waits_for:
            if other not in seen:
                seen.add(other)
                self.leans_on(other, seen)
        return seen


@dataclass
class Reader:
    number: int
    task: asyncio.Task
    got: list | None = None
    gave_up: bool = False


@contextmanager
def watchdog():
    """Break off what hangs without giving the loop a turn."""

    def bite(number, frame):
        raise AssertionError(f"a step took more than {WATCHDOG} s")

    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, bite)
    signal.setitimer(signal.ITIMER_REAL, WATCHDOG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Programs(RuleBasedStateMachine):
    """One random program."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: self.unexpected.append(context))
        self.unexpected = []
        self.backend = Scheduled()
        self.composer = Composer(self.backend)
        self.model = Model()
        self.thunks = {}
        self.contexts = [(ChatContext(), []), (SimpleContext(), [])]
        self.trees = []
        self.readers, self.walks = [], []
        self.count = 0

    # How a step is done.

    def do(self, step):
        async def whole():
            await step()
            for _ in range(TURNS):
                if not self.loop._ready:
                    return
                await asyncio.sleep(0)
            raise AssertionError("the loop does not come to rest")

        with watchdog():
            self.loop.run_until_complete(asyncio.wait_for(whole(), WATCHDOG))
        self.model.settle()

    def draw_tree(self, data):
        kinds = ["text"] + ["thunk"] * 2 * bool(self.thunks) + ["tree"] * bool(self.trees)
        model, real = [], []
        for kind in data.draw(st.lists(st.sampled_from(kinds), max_size=4)):
            if kind == "text":
                text = data.draw(st.sampled_from(["", "a", "{{ b }}", "é "]))
                model.append(text)
                real.append(CBlock(text))
            elif kind == "thunk":
                number = self.draw_thunk(data)
                self.model.thunks[number].loose = False
                model.append(number)
                real.append(self.thunks[number])
            else:
                tree, made = data.draw(st.sampled_from(self.trees))
                model.append(tree)
                real.append(made)
        made = Bundle(real)
        if len(leaves(model)) < 30:
            self.trees.append((model, made))
        return model, made

    def draw_thunk(self, data, *states):
        found = [number for number, known in self.model.thunks.items() if not states or known.state in states]
        return data.draw(st.sampled_from(found))

    def any_in(self, *states):
        return any(known.state in states for known in self.model.thunks.values())

    # Steps.

    @rule(data=st.data(), lazy=st.sampled_from([True, True, False]), keep=st.booleans())
    def generate(self, data, lazy, keep):
        number, self.count = self.count, self.count + 1
        inner, made = self.draw_tree(data)
        tree, action = [f"#{number} ", inner], Bundle([CBlock(f"#{number} "), made])
        ctx, view = data.draw(st.sampled_from(self.contexts))
        seen = list(view) if isinstance(ctx, ChatContext) else []
        waits_for = list(dict.fromkeys(self.model.open_in([*seen, tree])))
        self.model.thunks[number] = Known(number, seen, tree, waits_for, loose=not keep)

        async def step():
            thunk, after = await self.composer.generate_from_context(action, ctx, lazy=lazy)
            assert type(after) is type(ctx)
            assert after.as_list() == [*ctx.as_list(), action, thunk]
            assert thunk.waits_for == tuple(self.thunks[n] for n in waits_for)
            assert generate_walk(action) == [self.thunks[n] for n in self.model.open_in([tree])]
            self.thunks[number] = thunk
            if keep:
                self.contexts.append((after, [*view, tree, number]))

        if not lazy:
            self.model.start(number)
        self.do(step)

    @precondition(lambda self: self.any_in(RUNNING))
    @rule(data=st.data(), text=st.sampled_from(["x", "yy", "<z>", " "]))
    def say(self, data, text):
        number = self.draw_thunk(data, RUNNING)
        self.model.thunks[number].pieces.append(text)
        self.order(number, text)

    @precondition(lambda self: self.any_in(RUNNING))
    @rule(data=st.data())
    def end(self, data):
        number = self.draw_thunk(data, RUNNING)
        self.model.thunks[number].state = DONE
        self.order(number, END)

    @precondition(lambda self: self.any_in(RUNNING))
    @rule(data=st.data())
    def fail(self, data):
        number = self.draw_thunk(data, RUNNING)
        self.model.fail(number, f"failure of {number}")
        self.order(number, ServerError(f"failure of {number}", status=500))

    def order(self, number, what):
        async def step():
            self.backend.orders[number].put_nowait(what)

        self.do(step)

    @precondition(lambda self: self.thunks)
    @rule(data=st.data())
    def cancel(self, data):
        number = self.draw_thunk(data)
        self.model.cancel(number)
        self.do(self.thunks[number].cancel_generation)

    @precondition(lambda self: self.any_in(IDLE))
    @rule(data=st.data())
    def start(self, data):
        number = self.draw_thunk(data, IDLE)
        self.model.start(number)

        async def step():
            self.thunks[number].start()
            self.thunks[number].start()

        self.do(step)

    @precondition(lambda self: self.thunks)
    @rule(data=st.data(), kind=st.sampled_from(["await", "wait", "iterate"]))
    def read(self, data, kind):
        number = self.draw_thunk(data)
        thunk, got = self.thunks[number], [] if kind == "iterate" else None
        self.model.thunks[number].loose = False
        whole_before = self.model.thunks[number].over

        async def iterate():
            async for piece in thunk:
                got.append(piece)
            return None if whole_before else "".join(got)

        async def wait():
            await thunk.wait()
            return await thunk.avalue()

        async def step():
            task = asyncio.ensure_future({"await": thunk.avalue, "wait": wait, "iterate": iterate}[kind]())
            self.readers.append(Reader(number, task, None if whole_before else got))

        self.model.start(number)
        self.do(step)

    @precondition(lambda self: any(not reader.task.done() for reader in self.readers))
    @rule(data=st.data())
    def give_up_reading(self, data):
        reader = data.draw(st.sampled_from([reader for reader in self.readers if not reader.task.done()]))
        reader.gave_up = True

        async def step():
            reader.task.cancel()

        self.do(step)

    @precondition(lambda self: self.thunks)
    @rule(data=st.data(), limit=st.sampled_from([1, 2, None]), cancels=st.booleans())
    def walk(self, data, limit, cancels):
        still_open = [number for number, known in self.model.thunks.items() if not known.computed]
        still_open.sort(key=lambda number: self.model.thunks[number].state != IDLE)  # What a limit holds back.
        numbers = data.draw(st.lists(st.sampled_from(still_open), min_size=3, max_size=6)) if still_open else []
        for number in numbers:
            self.model.thunks[number].loose = False
        chosen = [(numbers, Bundle([self.thunks[number] for number in numbers]))]
        if data.draw(st.booleans()):
            chosen.append(self.draw_tree(data))
        order = list(dict.fromkeys(self.model.open_in([tree for tree, _ in chosen])))
        # Whether one is cancelled before it fails by itself is a matter of turns of the loop: nothing that is to be
        # cancelled may lean on another of the same walk, and one such walk is under way at a time.
        cancels = (
            cancels
            and not any(other.cancels and not (other.ended or other.stopped) for other in self.walks)
            and not any(self.model.leans_on(number) & set(order) for number in order)
        )

        async def step():
            mode = "cancel" if cancels else "wait"
            call = do_generate_walks([made for _, made in chosen], concurrency=limit, on_failure=mode)
            self.walks.append(Walk(order, limit or max(len(order), 1), cancels, asyncio.ensure_future(call)))
            self.model.walks = self.walks

        self.do(step)

    @precondition(lambda self: any(not walk.task.done() for walk in self.walks))
    @rule(data=st.data())
    def give_up_walking(self, data):
        walk = data.draw(st.sampled_from([walk for walk in self.walks if not walk.task.done()]))
        walk.stopped = True

        async def step():
            walk.task.cancel()

        self.do(step)

    @precondition(lambda self: any(known.loose for known in self.model.thunks.values()))
    @rule(data=st.data())
    def drop(self, data):
        number = data.draw(st.sampled_from([n for n, known in self.model.thunks.items() if known.loose]))
        del self.model.thunks[number]

        async def step():
            del self.thunks[number]

        self.do(step)

    # What must be so after each.

    @invariant()
    def thunks_are_as_the_model_says(self):
        for number, known in self.model.thunks.items():
            thunk = self.thunks[number]
            seen = (thunk.is_computed(), thunk.is_done, thunk.cancelled, thunk.value, _message(thunk.error))
            value = known.text if known.computed else None
            assert seen == (known.computed, known.over, known.state == CANCELLED, value, known.error), number
            assert str(thunk) == (value or "")

    @invariant()
    def each_is_asked_for_once_with_its_whole_prompt_and_let_go_of_at_its_end(self):
        running = {number for number, known in self.model.thunks.items() if known.state == RUNNING}
        assert set(self.backend.orders) == running
        for number, known in self.model.thunks.items():
            asked = self.backend.prompts.get(number, [])
            assert len(asked) <= 1
            if known.prompt is not None and known.state != CANCELLED:
                assert asked == [known.prompt]
            if known.state in (IDLE, BLOCKED):
                assert asked == []

    @invariant()
    def who_waits_has_what_there_is_and_waits_no_longer(self):
        for reader in self.readers:
            known = self.model.thunks[reader.number]
            if reader.got is not None and not reader.gave_up:
                assert reader.got == known.pieces
            if reader.gave_up:
                assert reader.task.cancelled()
            elif not known.over:
                assert not reader.task.done()
            elif known.state == FAILED:
                assert _message(reader.task.exception()) == known.error
            else:
                assert reader.task.result() in (known.text, None)
        for walk in self.walks:
            if walk.stopped:
                assert walk.task.cancelled()
            else:
                assert walk.task.done() == walk.ended
                assert not walk.ended or _message(walk.task.exception()) == walk.error

    @invariant()
    def nothing_goes_wrong_unseen(self):
        assert self.unexpected == []

    def teardown(self):
        async def step():
            for thunk in self.thunks.values():
                await thunk.cancel_generation()
            for each in [*self.readers, *self.walks]:
                each.task.cancel()
            await asyncio.gather(*(each.task for each in [*self.readers, *self.walks]), return_exceptions=True)

        try:
            self.do(step)
            assert self.backend.orders == {}
            assert asyncio.all_tasks(self.loop) == set()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


def _message(error):
    return None if error is None else error.message


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
