"""The status page in a browser: what it shows, on a desktop and on a phone, and that it asks for nothing elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from backbay.testing import Reply
from backbay_gateway.pages.app import PAGE

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.fixture
def browse(tmp_path):
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")

    def run(url: str, *options: str) -> str:
        words = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        words += [
            "--virtual-time-budget=3000",
            "--disable-extensions",
            "--disable-background-networking",
            *options,
            url,
        ]
        found = subprocess.run(words, capture_output=True, text=True, timeout=120)
        return found.stdout

    return run


def text_of(page: str) -> str:
    body = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_the_page_shows_what_is_up_and_what_failed(one, chat, browse) -> None:
    running, _ = one([chat, Reply.json({"error": {"message": "<b>the prompt</b>"}}, status=500)])
    ask = {"model": "acme:m", "messages": [{"role": "user", "content": "Hi"}]}
    assert [running.ask("/v1/chat/completions", ask).status for _ in range(2)] == [200, 502]
    running.until(lambda: running.live == 0)
    shown = text_of(browse(f"{running.url}/status#key={running.key}", "--dump-dom"))
    assert "acme" in shown
    assert "3 / 2" in shown  # tokens
    assert "ServerError" in shown
    assert "status 500" in shown
    assert "the prompt" not in shown
    assert "2 requests in 30 minutes" in shown
    assert shown.count("status 500") == 1, "a failure is told twice: as the request's, and as the upstream's"
    assert running.key not in shown


def test_without_a_key_the_page_asks_for_one_and_shows_nothing(one, chat, browse) -> None:
    running, _ = one(chat)
    page = browse(f"{running.url}/status", "--dump-dom")
    assert "signed out" in text_of(page)
    assert "acme" not in text_of(page)


def test_nothing_of_the_page_is_wider_than_a_phone(one, chat, browse, tmp_path) -> None:
    running, _ = one(chat, models={"a-rather-long-alias-" * 3: "m"}, tables={"server": {"open_status": True}})
    data = running.ask("/status/data").body.decode()
    # A window without a screen is wider than a phone, and the page may not be framed: so a copy of it is, with figures.
    page = PAGE.read_text(encoding="utf-8").replace("refresh();\n</script>", "</script>")
    shown = f"<script>show({data}); get('figures').hidden = false;</script>"
    told = "<script>parent.postMessage(document.documentElement.scrollWidth, '*')</script>"
    (tmp_path / "inner.html").write_text(page.replace("</body>", f"{shown}{told}</body>"), encoding="utf-8")
    (tmp_path / "outer.html").write_text(
        "<title>none</title><script>onmessage = each => { document.title = `width ${each.data}`; }</script>"
        '<iframe width="390" height="1500" src="inner.html"></iframe>',
        encoding="utf-8",
    )
    found = browse((tmp_path / "outer.html").as_uri(), "--dump-dom")
    assert re.search(r"<title>(.*?)</title>", found)[1] in {f"width {number}" for number in range(300, 391)}


def test_the_page_needs_nothing_from_elsewhere_and_says_its_structure() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "https://" not in page
    assert '<html lang="en">' in page
    assert page.count("<caption>") == page.count("<table ")
    assert page.count('scope="col"') >= 10
    assert page.count('role="table"') == page.count('role="rowgroup"') == page.count("<table ") == 3
    assert "prefers-color-scheme: dark" in page
    assert " style=" not in page, "the policy allows no such thing"
    assert "innerHTML" not in page
