"""The page of a run: what it tells, that nothing in it can become markup, and how it does in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import html.parser
import re
import shutil
from decimal import Decimal
from types import SimpleNamespace

import pytest
from pydantic import BaseModel

from backbay.errors import InvalidRequestError
from backbay.testing import Pause, Reply, sse
from backbay_compose import (
    CBlock,
    ChatContext,
    Composer,
    ImageBlock,
    Instruction,
    Message,
    ModelOption,
    ModelOutputThunk,
    SimpleContext,
    SyncComposer,
    record,
)
from backbay_compose.run_lanes import MAX_LANES

pytestmark = pytest.mark.filterwarnings("ignore::backbay_compose.ComposeWarning")

EMPTY = SimpleContext()
BAD = [
    "</script><script>document.title='broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    "</pre></details></style><style>*{display:none}</style>",
    "{{ 7 * 7 }}{% raw %} ' onload='x' &lt;b&gt; <!-- -->",
    "\x1b[31m\u202egnp.exe\x00",
]
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Answer(BaseModel):
    a: str


def weather(city: str) -> str:
    """Tell the weather."""
    return city


def answer(request):
    """What a vendor says, hostile in all places in which it can be."""
    body = request.json
    text = str(body["messages"][-1]["content"])
    if "fail" in text:
        return Reply.json({"error": {"message": " ".join(BAD), "code": "<b>x</b>"}}, status=400)
    head = {"id": "</td>7", "model": "m-1-<i>served</i>"}

    def chunk(delta, finish=None):
        return sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    steps = [Pause(0.05), chunk({"reasoning_content": f"Thinking of {BAD[0]}"})]
    if body.get("tools"):
        calls = [("c1", "weather", '{"city": "<i>Paris</i>"}'), ("c2", "<u>none</u>", "{")]
        listed = [
            {"index": number, "id": call, "function": {"name": name, "arguments": given}}
            for number, (call, name, given) in enumerate(calls)
        ]
        steps += [chunk({"tool_calls": listed}), chunk({}, "tool_calls")]
    else:
        said = '{"a": "<b>"}' if body.get("response_format") else f"Said: {' '.join(BAD)}"
        steps += [chunk({"content": said[:9]}), Pause(0.3 if "slow" in text else 0.03), chunk({"content": said[9:]})]
        steps.append(chunk({}, "stop"))
    if "silent" not in text:
        usage = {"prompt_tokens": 1000, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 7}}
        steps.append(sse({**head, "choices": [], "usage": usage}))
    return Reply(headers={"content-type": "text/event-stream"}, steps=[*steps, sse("[DONE]")])


async def ask(composer, action, context=EMPTY, **options):
    action = CBlock(action) if isinstance(action, str) else action
    return (await composer.generate_from_context(action, context, **options))[0]


async def varied(composer):
    """A run with a thunk in every state and of every kind, as of a moment in its middle."""
    with record(composer, name=f"A run {BAD[0]}") as run:
        first = await ask(composer, BAD[0], model_options={ModelOption.SYSTEM_PROMPT: f"You are {BAD[1]}."})
        silent = await ask(composer, f"silent {' '.join(BAD)}")
        failed = await ask(composer, "fail")
        slow = await ask(composer, "slow")
        both = Instruction("{{ a }} and {{ b }}", {"a": first, "b": slow})
        joined = await ask(composer, both, model_options={ModelOption.CONTEXT_WINDOW: 4096}, format=Answer)
        doomed = await ask(composer, Instruction("{{ a }}", {"a": failed, "given": ModelOutputThunk("given")}))
        called = await ask(composer, "call", tool_calls=True, model_options={ModelOption.TOOLS: [weather]})
        seen = await ask(composer, Message("user", "look", images=[ImageBlock(DOT)]))
        await ask(composer, "never started", lazy=True)
        for each in (first, silent, failed, slow, joined, doomed, called, seen):
            await each.wait()
        cut = await ask(composer, "slow, and cut")
        async for _ in cut:
            break
        await cut.cancel_generation()
        running = await ask(composer, "slow, and running")
        async for _ in running:
            break
    return run, running


def price(model, usage):
    assert model == "m-1"
    return None if usage.output is None else Decimal("0.000002") * usage.input + Decimal("0.00001") * usage.output


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a varied run over a socket, and the run's figures."""
    import backbay
    from backbay.testing import ScriptedServer

    path = tmp_path_factory.mktemp("run") / "run.html"

    async def main(url):
        async with backbay.connect("openai:m-1", api_key="canary-key", base_url=url, retries=0) as backend:
            run, running = await varied(Composer(backend))
            assert run.page(path, price=price) == path
            summary = run.summary()
            await running.wait()
        return summary

    with ScriptedServer(answer) as server:
        summary = asyncio.run(main(server.url))
    return SimpleNamespace(path=path, text=path.read_text(encoding="utf-8"), summary=summary)


class Reader(html.parser.HTMLParser):
    """Elements with their attributes, and the text of each generation."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.said = [], [], {}
        self.current = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in {"meta", "input", "rect", "path"}:
            self.open.append(tag)
        found = dict(attributes).get("id") or ""
        if re.fullmatch(r"g\d+", found):
            self.current = int(found[1:])

    def handle_endtag(self, tag):
        if tag in {"rect", "path"}:
            return
        assert self.open.pop() == tag
        if tag == "details":
            self.current = 0

    def handle_data(self, data):
        self.said[self.current] = self.said.get(self.current, "") + data


def test_nothing_that_was_said_is_markup(page):
    reader = Reader(page.text)
    assert reader.open == []
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "img", "iframe", "object", "link", "base", "form", "b i", "i", "u"}
    assert [tag for tag, _ in reader.elements].count("style") == 1
    for _, attributes in reader.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "src", "srcset"}]
        assert (attributes.get("href") or "#").startswith("#")
    assert not set("\x1b\u202e\x00") & set(page.text)
    assert "49" not in reader.said[2]
    for bad in BAD[:4]:
        assert bad in reader.said[2]
    assert "canary-key" not in page.text


def test_the_page_needs_nothing_else(page):
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page.text)[1]
    assert policy.startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
    assert "unsafe" not in policy
    assert 'lang="en"' in page.text
    assert 'name="viewport"' in page.text
    ids = re.findall(r' id="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page.text)) <= set(ids)


def test_each_generation_is_told_whole(page):
    said = Reader(page.text).said
    assert "You are <img" in said[1]
    assert "Thinking of </script>" in said[1]
    assert "Said: </script>" in said[1]
    assert "Tokens in from a cache" in said[1]
    assert "BadRequestError: The server answered 400" in said[3]
    assert "Left out: CONTEXT_WINDOW" in said[5]
    assert re.search(r"Waited for, or holds\s*#1 .*computed\s*#4 ", said[5])
    assert re.search(r"Was waited for, or is held, by\s*#5 ", said[4])
    assert "not of this run: a text that was given" in said[6]
    assert "It was not sent." in said[6]
    assert "weather (c1)" in said[7]
    assert "<u>none</u> (c2): cannot be made, there is no tool" in said[7]
    assert re.search(r"Image: image/png, \d+ bytes", said[8])
    assert "What came of it" in said[10]
    assert "Said: </s" in said[10]
    rows = re.findall(r'<tr role="row" data-state="([^"]+)">(.*?)</tr>', page.text)
    assert [state for state, _ in rows] == [
        *("computed", "computed", "failed", "computed", "computed", "failed", "computed", "computed", "not-started"),
        *("cancelled", "running"),
    ]
    assert "schema" in rows[4][1]
    assert "answered by" in rows[0][1]
    assert re.search(r'data-label="Tokens in" class="number">1,000</td>', rows[0][1])
    assert re.search(r'data-label="Cost" class="number">\$0.00220</td>', rows[0][1])
    assert rows[1][1].count(">unknown<") == 3


def test_totals_count_what_is_known_and_say_what_is_not(page):
    found = page.summary
    assert found.thunks == 11
    assert found.states == {
        "not started": 1,
        "waiting": 0,
        "running": 1,
        "computed": 6,
        "cancelled": 1,
        "failed": 2,
    }
    assert (found.sent, found.unknown_usage) == (9, 4)
    assert (found.input_tokens, found.output_tokens) == (5000, 100)
    assert found.most_at_once >= 2
    assert found.wall_ms < found.summed_ms
    assert found.average_at_once == found.summed_ms / found.wall_ms
    text = re.sub(r"<[^>]+>", " ", page.text)
    assert re.search(r"Tokens in\s+5,000\s+not all known for 4 of 9", text)
    assert re.search(r"Cost\s+\$0.0110\s+not known for 4 of 9", text)
    assert re.search(r"At once\s+\d\.\d\s+on average; \d at most", text)


def test_recording_ends_and_leaves_the_composer_as_it_was(echo, finish):
    async def main():
        with record(echo) as outer:
            one = await ask(echo, "one")
            with record(echo) as inner:
                two = await ask(echo, "two")
                await two.wait()
            three = await ask(echo, "three")
            await asyncio.wait([asyncio.ensure_future(each.wait()) for each in (one, three)])
            assert echo.record_prompts
        after = await ask(echo, "after")
        await after.wait()
        assert not echo.record_prompts
        assert outer.thunks == (one, two, three)
        assert inner.thunks == (two,)
        assert [each.prompt[0].text for each in outer.thunks] == ["one", "two", "three"]
        assert after.prompt == ()
        with inner:
            with pytest.raises(InvalidRequestError, match="already"):
                inner.__enter__()
            await (await ask(echo, "once more")).wait()
        assert len(inner.thunks) == 2
        inner.clear()
        assert inner.thunks == ()
        assert not echo.record_prompts

    finish(main())


def test_a_composer_that_records_already_goes_on_recording(staged, finish):
    async def say(request):
        yield "x"

    composer = staged(say, record_prompts=True)
    with record(composer):
        pass
    assert composer.record_prompts


def test_a_blocking_composer_is_recorded_too(tmp_path):
    with SyncComposer("local:tiny", model_options={"max_tokens": 6}) as composer:
        with record(composer) as run:
            thunk, context = composer.generate_from_context(CBlock("What can you do?"), ChatContext())
            composer.value(thunk)
            thunk, _ = composer.generate_from_context(CBlock("And what not?"), context)
            composer.value(thunk)
    text = run.page(tmp_path / "run.html").read_text(encoding="utf-8")
    assert run.summary().unknown_usage == 0
    assert "What can you do?" in text
    assert "Run of 20" in text
    assert 'data-label="Cost"' not in text


def test_a_conversation_is_not_told_again_with_each_turn(echo, finish, tmp_path):
    async def main():
        context = ChatContext()
        with record(echo) as run:
            for number in range(30):
                thunk, context = await echo.generate_from_context(CBlock(f"turn {number}."), context)
                await thunk.wait()
        said = Reader(run.page(tmp_path / "run.html").read_text(encoding="utf-8")).said
        assert "Begins with 57 turns that #29 begins with too." in said[30]
        assert sum(text.count("turn 0.") for number, text in said.items() if number) <= 5

    finish(main())


def test_long_texts_are_cut_and_say_so_unless_they_are_wanted(staged, finish, tmp_path):
    async def say(request):
        yield "y" * 30_000

    async def main():
        composer = staged(say)
        with record(composer) as run:
            await (await ask(composer, "x" * 25_000)).wait()
        cut = run.page(tmp_path / "cut.html").read_text(encoding="utf-8")
        assert "Cut here; 5,000 characters more." in cut
        assert "Cut here; 10,000 characters more." in cut
        assert len(cut) < 80_000
        assert "y" * 30_000 in run.page(tmp_path / "whole.html", max_chars=None).read_text(encoding="utf-8")
        with pytest.raises(InvalidRequestError, match="max_chars"):
            run.page(tmp_path / "no.html", max_chars=0)
        assert not (tmp_path / "no.html").exists()

    finish(main())


def test_what_no_file_can_hold_is_shown_all_the_same(staged, finish, tmp_path):
    async def say(request):
        yield "half \ud83d of a pair"

    async def main():
        composer = staged(say)
        with record(composer, name="half \ud83d") as run:
            await (await ask(composer, "a")).wait()
            await (await ask(composer, "half \ud83d asked")).wait()
        assert "half \\ud83d of a pair" in run.page(tmp_path / "run.html").read_text(encoding="utf-8")

    finish(main())


@pytest.mark.parametrize("amount", [0.5, "1", Decimal("NaN")])
def test_a_price_that_is_none_is_refused_before_anything_is_written(echo, finish, tmp_path, amount):
    async def main():
        with record(echo) as run:
            await (await ask(echo, "a")).wait()
        with pytest.raises(InvalidRequestError, match="finite Decimal"):
            run.page(tmp_path / "run.html", price=lambda model, usage: amount)
        assert not (tmp_path / "run.html").exists()

    finish(main())


def test_an_empty_run_is_a_page_too(echo, tmp_path):
    with record(echo) as run:
        pass
    text = run.page(tmp_path / "run.html", price=price).read_text(encoding="utf-8")
    assert "There were no generations." in text
    assert "Nothing was started." in text
    assert run.summary().wall_ms is None
    assert run.summary().input_tokens is None


def many(staged, finish, path, number=2_000):
    async def say(request):
        await asyncio.sleep(0)
        if request.messages[-1].text.endswith("999"):
            raise ValueError("no")
        yield "yes"

    async def main():
        composer = staged(say, concurrency=50)
        with record(composer, name="Many") as run:
            thunks = [await ask(composer, f"number {each}") for each in range(number)]
            await asyncio.wait([asyncio.ensure_future(each.wait()) for each in thunks])
        run.page(path)

    finish(main(), 60)


def test_of_two_thousand_some_lanes_are_drawn_and_it_is_said(staged, finish, tmp_path):
    many(staged, finish, tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert text.count('<li class="lane"') == MAX_LANES
    assert f"Drawn are {MAX_LANES}:" in text
    assert "1,800 more are not drawn" in text
    assert '<a href="#g1000">#1000</a> <bdi>CBlock &#34;number 999&#34;' in text[: text.index("<table")]
    assert text.count("<details") == 2_000
    assert len(text) < 8_000_000


# In a browser.


@contextlib.contextmanager
def chromium():
    """Open pages of a headless Chromium by path: ``show(path, **settings)``; skipped without one."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if path is None:
        pytest.skip("there is no Chromium to look at the page with")
    with playwright.sync_playwright() as running:
        with contextlib.closing(running.chromium.launch(executable_path=path, args=["--no-sandbox"])) as opened:

            def show(file, fragment="", **settings):
                tab = opened.new_page(**settings)
                tab.heard, tab.asked = [], []
                tab.on("console", lambda message: tab.heard.append(message.text))
                tab.on("pageerror", lambda failure: tab.heard.append(str(failure)))
                tab.on("request", lambda request: tab.asked.append(request.url))
                tab.goto(file.as_uri() + fragment)
                return tab

            yield show


@pytest.fixture
def browser(page):
    # After the page, whose run needs the loop that the browser's own would be in the way of.
    with chromium() as show:
        yield show


CONTRAST = """() => {
  const part = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = c => {
    const [r, g, b] = c.match(/[\\d.]+/g).map(Number);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05);
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(c)) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = [];
  for (const e of document.body.querySelectorAll("*")) {
    if (!e.checkVisibility() || e.closest("svg")) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const found = ratio(getComputedStyle(e).color, behind(e));
    if (found < 4.5) bad.push([e.className, e.textContent.slice(0, 30), found]);
  }
  for (const e of document.querySelectorAll("rect")) {
    const found = ratio(getComputedStyle(e).fill, behind(document.body));
    if (found < 3) bad.push([e.getAttribute("class"), "bar", found]);
  }
  return bad;
}"""


def test_in_a_browser_it_says_and_asks_nothing_and_can_be_read(page, browser):
    for scheme in ("light", "dark"):
        tab = browser(page.path, color_scheme=scheme, viewport={"width": 1280, "height": 900})
        tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert tab.evaluate(CONTRAST) == []
        assert tab.heard == []
        assert tab.asked == [page.path.as_uri()]
        assert tab.title() == f"A run {BAD[0]}"
    grounds = [
        browser(page.path, color_scheme=each).evaluate("getComputedStyle(document.body).backgroundColor")
        for each in ("light", "dark")
    ]
    assert grounds[0] != grounds[1]


def test_on_a_phone_nothing_scrolls_sideways(page, browser):
    tab = browser(page.path, viewport={"width": 360, "height": 780})
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    beyond = """[...document.querySelectorAll("body *")].filter(each => each.checkVisibility() &&
      !each.closest(".hidden, .skip, svg, .what, thead, .ticks") && each.getBoundingClientRect().right > 361).length"""
    assert tab.evaluate(beyond) == 0


def test_links_unfold_what_they_lead_to_and_states_can_be_chosen(page, browser):
    tab = browser(page.path)
    assert not tab.locator("#g5").is_visible()
    tab.locator("table a[href='#g5']").click()
    assert tab.locator("#g5").is_visible()
    tab.locator("#g5 a[href='#g4']").click()
    assert tab.locator("#g4").is_visible()
    tab.get_by_label("failed (2)").check()
    assert tab.locator("details:visible").count() == 2
    assert tab.locator("tbody tr:visible").count() == 2
    tab.get_by_label("all 11").check()
    assert tab.locator("details:visible").count() == 11


def test_it_is_used_without_a_mouse_and_told_without_a_screen(page, browser):
    tab = browser(page.path)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the generations"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    summary = tab.locator("summary").first
    summary.focus()
    tab.keyboard.press("Enter")
    assert tab.locator("#g1").is_visible()
    assert tab.get_by_role("table").count() == 1
    assert tab.get_by_role("columnheader", name="Tokens in").count() == 1
    assert tab.get_by_role("row").count() == 12
    assert tab.get_by_role("group", name="Show").count() == 1
    assert tab.get_by_role("img", name=re.compile("How many went on at once: [0-9]+ at most")).count() == 1
    assert [tab.get_by_role("heading", level=level).count() for level in (1, 2)] == [1, 4]
    assert tab.get_by_role("heading", level=3).count() == 11


def test_on_paper_all_is_unfolded_and_light(page, browser):
    tab = browser(page.path, color_scheme="dark", viewport={"width": 718, "height": 1000})
    tab.emulate_media(media="print")
    flat = "[...document.querySelectorAll('pre')].filter(each => each.getBoundingClientRect().height < 5).length"
    assert tab.evaluate(flat) == 0
    assert tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ground')") == "#fff"
    assert tab.evaluate("document.documentElement.scrollWidth") == 718
    assert not tab.get_by_role("group", name="Show").is_visible()


def test_two_thousand_generations_are_a_page_that_works(staged, finish, tmp_path):
    path = tmp_path / "run.html"
    many(staged, finish, path)
    with chromium() as show:
        tab = show(path, fragment="#g1500")
        assert tab.locator("#g1500").is_visible()
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.heard == []
