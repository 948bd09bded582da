"""The page: harmless whatever a vendor wrote, whole in one file, and at work in a real browser where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from backbay_catalogue import Model, Provenance, Source
from backbay_catalogue.page import STATIC_ROWS, page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
BAD = [
    "</script><script>document.title='broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    "@@data@@",
]
DAY = datetime(2026, 11, 21, tzinfo=UTC)


def model(handle, **fields):
    return Model(**{"provider": "mine", "handle": handle, "display_name": handle, "model_use": "chat", **fields})


@pytest.fixture(scope="module")
def models():
    plain = [model(f"m{number:03}", context_window=1000 * number or None) for number in range(150)]
    priced = [
        model("cheap", input_price=0.1, output_price=0.4, capabilities={"tools": "full"}, provider="other"),
        model("dear", input_price=9.0, capabilities={"tools": "versioned"}, missing_since="2026-01-02T00:00:00Z"),
    ]
    hand = Provenance(source=Source.PERSON, at="2026-01-01T00:00:00Z")
    priced.append(model("mine", input_price=1.0, provenance={"input_price": hand}, status="retired"))
    return [*(model(each, display_name=f"{each}\x1b\u202e", owned_by=each) for each in BAD), *priced, *plain]


@pytest.fixture(scope="module")
def text(models):
    return page(models, {"fast": "other:cheap"}, at=DAY)


def data_of(text):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)[1])


def test_nothing_that_a_vendor_wrote_is_markup(text):
    assert text.count("<script") == 2
    assert "<img" not in text
    assert not set("\x1b\u202e") & set(text)
    assert [row["handle"] for row in data_of(text)[:3]] == BAD
    assert html.escape(BAD[0]) in text


def test_the_page_needs_nothing_else(text):
    plain = page([model("m")], at=DAY)
    assert not re.findall(r"(?:https?:)?//[\w.]+\.\w+|\bsrc=|@import|url\(", plain)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_first_rows_stand_in_the_page_without_the_program(text):
    assert text.count('<tr role="row"><th role="rowheader"') == STATIC_ROWS
    assert "listed no more since 2026-01-02" in text
    assert "alias fast" in text
    assert "by hand" in text
    assert 'lang="en"' in text
    assert 'name="viewport"' in text


def test_an_empty_catalogue_is_a_page_too():
    assert data_of(page([], at=DAY)) == []


TRIAL = """
<script>
const said = {};
const rows = () => [...document.querySelectorAll("tbody tr th code")].map((each) => each.textContent);
const head = (key) => document.querySelector(`th[data-key=${key}]`);
const set = (id, value) => {
  const field = document.getElementById(id);
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
};
const later = () => new Promise((done) => setTimeout(done, 50));
(async () => {
  said.first = [rows().length, document.getElementById("status").textContent];
  head("in_price").querySelector("button").click();
  said.cheapest = [rows().slice(0, 3), head("in_price").getAttribute("aria-sort")];
  head("in_price").querySelector("button").click();
  said.dearest = [rows()[0], head("in_price").getAttribute("aria-sort")];
  document.getElementById("more").click();
  said.more = rows().length;
  set("can", "tools"); await later();
  said.tools = rows().sort();
  set("can", ""); set("text", "FAST"); await later();
  said.alias = rows();
  set("text", ""); set("context", "128000"); await later();
  said.context = rows().length;
  document.querySelector("button[type=reset]").click(); await later();
  said.reset = rows().length;
  said.wide = document.documentElement.scrollWidth <= window.innerWidth;
  said.unnamed = [...document.querySelectorAll("input, select")].filter((each) => !each.labels.length).length;
  const box = document.createElement("pre"); box.id = "said"; box.textContent = JSON.stringify(said);
  document.body.append(box);
})();
</script>
"""


def dom(file, width):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={file.parent / 'profile'}"]
    command += [f"--window-size={width},900", "--virtual-time-budget=4000", "--dump-dom", file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_sorts_filters_and_shows_more(text, tmp_path, width):
    # The policy lets no other program run than the page's own, so it is taken out for the trial.
    opened = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text).replace(
        "</body>", f"{TRIAL}</body>"
    )
    file = tmp_path / "page.html"
    file.write_text(opened, encoding="utf-8")
    said = json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', dom(file, width), re.DOTALL)[1]))
    assert said["first"] == [100, "156 of 156 models, the first 100 shown"]
    assert said["cheapest"] == [["cheap", "mine", "dear"], "ascending"]
    assert said["dearest"] == ["dear", "descending"]
    assert said["more"] == 156
    assert said["tools"] == ["cheap", "dear"]
    assert said["alias"] == ["cheap"]
    assert said["context"] == 22
    assert said["reset"] == 100
    assert said["wide"], "nothing is wider than the window"
    assert said["unnamed"] == 0


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_policy_lets_the_pages_own_program_run_and_no_other(text, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(text.replace("</body>", "<script>document.title='broken'</script></body>"), encoding="utf-8")
    found = dom(file, 900)
    assert "156 of 156 models" in found
    assert "<title>Model catalogue</title>" in found
