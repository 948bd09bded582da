"""What runs the documentation notices what is wrong with it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from doc_blocks.pages import blocks


@pytest.fixture
def run_page(tmp_path, bare_environment):
    """A function that runs a page with some text, and returns its exit code and what it wrote to standard error."""

    def run(text):
        page = tmp_path / "page.md"
        page.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "doc_blocks.run", str(page), str(tmp_path / "project")]
        ended = subprocess.run(command, cwd=tmp_path, env=bare_environment, capture_output=True, text=True, timeout=120)
        return ended.returncode, ended.stderr

    return run


def test_a_block_that_fails_is_named_by_its_page_and_line(run_page):
    code, said = run_page("# Title\n\n```python\none_name = 1\n```\n\nText.\n\n```python\nno_such_name\n```\n")
    assert code == 1
    assert 'page.md#10", line 10' in said
    assert "NameError: name 'no_such_name'" in said


def test_blocks_share_names_and_may_await_and_call_asyncio_run(run_page):
    text = (
        "```python\nimport asyncio\n\nasync def three():\n    return 3\n\nassert asyncio.run(three()) == 3\n```\n\n"
        "```python\nnumber = await three()\n```\n\n    ```python\n    assert number == 3\n    ```\n"
    )
    assert run_page(text)[0] == 0


def test_a_warning_is_an_error(run_page):
    code, said = run_page("```python\nimport warnings\n\nwarnings.warn('old')\n```\n")
    assert (code, "UserWarning: old" in said) == (1, True)


def test_no_page_reaches_another_machine(run_page):
    code, said = run_page("```python\nimport socket\n\nsocket.create_connection(('vendor.example', 443))\n```\n")
    assert (code, "wanted to connect to vendor.example" in said) == (1, True)


def test_a_vendor_is_answered_on_the_loopback_in_each_wire(run_page):
    text = (
        "```python\nkeys = {'api_key': 'made-up'}\n"
        "for wire in ('openai_chat', 'openai_responses'):\n"
        "    answer = await backbay.connect('openai:gpt-5.4', wire=wire, **keys).complete('Say pong.')\n"
        "    assert answer.text == 'pong.', answer\n```\n"
    )
    assert run_page(text)[0] == 0


def test_a_page_has_no_key_that_it_does_not_name(run_page):
    code, said = run_page("```python\nbackbay.connect('openai:gpt-5.4')\n```\n")
    assert (code, "MissingCredentialError" in said) == (1, True)


def test_a_block_with_a_reason_is_not_run_and_is_counted(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: it opens a window -->\n```python\nopen_window()\n```\n", encoding="utf-8")
    assert [block.not_run for block in blocks(str(page))] == ["it opens a window"]


def test_indented_blocks_and_fences_within_lists_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Text:\n\n    pip install it\n    second\n\n- item\n\n  ```sh\n  backbay doctor\n  ```\n", encoding="utf-8"
    )
    found = [(block.line, block.language, block.code) for block in blocks(str(page))]
    assert found == [(3, "", "pip install it\nsecond\n"), (9, "sh", "backbay doctor\n")]
