"""The whole server, with several workers, and its keys in PostgreSQL: made, used up, gone for a while, and back."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anthropic
import openai
import pytest

from backbay.testing import Pause, Reply, sse

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets of Unix")

USED = 5
"""Tokens that the vendor says of each answer."""
BUDGET = 400
ASKED = {"model": "openai:m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def serve(command, cluster, tmp_path: Path):
    """Start ``backbay serve`` before a vendor; gives the process, and the address that it prints."""
    pytest.importorskip("backbay_openai")

    def start(vendor, workers: int = 2) -> tuple[subprocess.Popen[str], str]:
        path = tmp_path / "gateway.toml"
        path.write_text(
            f"[server]\nport = 0\nworkers = {workers}\n[keys]\ndatabase = '{cluster.url}'\n[routing]\nretries = 0\n"
            "health_interval = 3600\n[logging]\nrequests = false\n[[upstreams]]\nvendor = 'openai'\n"
            f"wire = 'openai_chat'\nbase_url = '{vendor.url}'\nkey_env = 'K'\n",
            encoding="utf-8",
        )
        process = command("--config", str(path), K="k" * 20)
        said = ""
        while "Status:" not in said and (line := process.stdout.readline()):
            said += line
        assert "Status:" in said, process.stderr.read()
        return process, re.search(r"listens on (\S+)", said)[1]

    return start


def keys(cluster, *words: str) -> str:
    """Return what a command on keys prints."""
    line = [sys.executable, "-P", "-m", "backbay_cli", "gateway", "keys", *words, "--database", cluster.url]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def ask(url: str, key: str, **more) -> openai.types.chat.ChatCompletion:
    """Ask by OpenAI's library, on a connection of its own."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=10) as client:
        return client.chat.completions.create(**ASKED, **{"max_completion_tokens": 2, **more})


def raw(url: str, key: str) -> tuple[int, dict[str, str], bytes]:
    """Ask on a connection of its own, so that any worker may have it; return status, headers and body."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    head = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps({**ASKED, "max_tokens": 2}), head)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def budget_of(cluster, key: str) -> dict[str, int]:
    [found] = json.loads(keys(cluster, "show", key.split("_")[1], "--json"))["remaining"]
    return found


def until(condition, seconds: float = 8.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found


def test_a_budget_holds_over_two_workers_and_what_the_command_makes_and_revokes_holds_at_both(
    serve, cluster, vendor, chat
) -> None:
    process, url = serve(vendor(chat))
    key = keys(cluster, "create", "--label", "ci", "--budget-tokens", str(BUDGET))
    until(lambda: works(url, key))
    ids, refused = [], []

    def one(_: int) -> int:
        status, headers, body = raw(url, key)
        ids.append(headers["x-request-id"])
        if status == 429:
            refused.append(json.loads(body)["error"]["code"])
        return USED if status == 200 else 0

    with ThreadPoolExecutor(8) as pool:
        used = sum(pool.map(one, range(BUDGET // USED + 40)))
    assert len({each[:16] for each in ids}) == 2, "one worker had nothing to do"
    assert len(set(ids)) == len(ids), "two requests have one id"
    assert refused
    assert set(refused) <= {"insufficient_quota", "rate_limit_exceeded"}
    assert used <= BUDGET
    # What is reserved by one worker is not there for the other until it is settled, so that some may be left.
    until(lambda: b"insufficient_quota" in raw(url, key)[2])
    # A request that would need more than is left is refused before it is sent.
    assert BUDGET - 100 < until(lambda: settled(cluster, key)) <= BUDGET
    with pytest.raises(openai.RateLimitError) as caught:
        ask(url, key)
    assert caught.value.code == "insufficient_quota"
    keys(cluster, "revoke", key.split("_")[1])
    until(lambda: all(raw(url, key)[0] == 401 for _ in range(6)))
    with pytest.raises(openai.AuthenticationError):
        ask(url, key)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def settled(cluster, key: str) -> int:
    """Return what was used, once nothing is reserved; else 0."""
    found = budget_of(cluster, key)
    return 0 if found["reserved"] else found["used"]


def works(url: str, key: str) -> bool:
    return raw(url, key)[0] == 200


def test_while_the_database_is_away_clients_are_told_so_streams_go_on_and_what_they_used_is_written_later(
    serve, cluster, vendor, chat, chunks
) -> None:
    slow = [sse(json.dumps(chunks[0])), Pause(2.5), *[sse(json.dumps(each)) for each in chunks[1:]], sse("[DONE]")]
    streamed = Reply(headers={"content-type": "text/event-stream"}, steps=slow)
    process, url = serve(vendor(lambda received: streamed if received.json.get("stream") else chat))
    key = keys(cluster, "create", "--budget-tokens", "1000000")
    until(lambda: works(url, key))
    told: list[str] = []

    def read() -> None:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20) as client:
            options = {"stream": True, "stream_options": {"include_usage": True}}
            for piece in client.chat.completions.create(**ASKED, **options):
                told.extend(choice.delta.content or "" for choice in piece.choices)

    thread = threading.Thread(target=read)
    thread.start()
    until(lambda: told)
    cluster.stop()
    try:
        errors = until(lambda: refusals(url, key))
        time.sleep(0.5)
        for error in [*errors, *refusals(url, key)]:
            assert error.status_code == 503
            said = str(error.body) + str(dict(error.response.headers))
            assert error.response.headers["retry-after"] == "1"
            for secret in (str(cluster.folder), "postgres", "psycopg", "acme", "Traceback", "k" * 20, key):
                assert secret not in said, said
        assert health(url) == {"status": "ok"}
        thread.join(10)
        assert "".join(told) == "Hello."
    finally:
        cluster.start()
    until(lambda: recovered(url, key))
    usage = until(lambda: whole(cluster, key))
    assert usage["output_tokens"] * USED == (usage["input_tokens"] + usage["output_tokens"]) * 2
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=15)
    assert process.returncode == 0
    assert all(json.loads(line) for line in log.splitlines())
    assert key not in log


def health(url: str) -> object:
    import urllib.request

    with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
        return json.load(answer)


def refusals(url: str, key: str) -> list[openai.APIStatusError | anthropic.APIStatusError]:
    """Return how both libraries are refused; nothing if one of them is not."""
    found: list[openai.APIStatusError | anthropic.APIStatusError] = []
    try:
        ask(url, key)
    except openai.InternalServerError as error:
        found.append(error)
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=10) as claude:
        try:
            claude.messages.create(**ASKED, max_tokens=10)
        except anthropic.InternalServerError as error:
            found.append(error)
    return found if len(found) == 2 else []


def recovered(url: str, key: str) -> bool:
    return all(works(url, key) for _ in range(6))


def whole(cluster, key: str) -> dict[str, int] | None:
    """Return what the ledger has of a key, once nothing of its budget is reserved."""
    if budget_of(cluster, key)["reserved"]:
        return None
    rows = json.loads(keys(cluster, "usage", key.split("_")[1], "--json"))["rows"]
    [row] = rows
    return row


def test_a_stop_while_the_database_is_away_ends_all_the_same_and_says_what_is_lost(
    serve, cluster, vendor, chat
) -> None:
    process, url = serve(vendor(chat), workers=1)
    key = keys(cluster, "create", "--budget-tokens", "1000")
    until(lambda: works(url, key))
    cluster.stop()
    try:
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=30)
    finally:
        cluster.start()
    assert process.returncode == 1
    assert "The key store" in log
    assert "cannot be used at the moment" in log
    assert "Traceback" not in out + log
    assert key not in log


def test_a_start_while_the_database_is_away_is_refused_with_its_reason(command, cluster, tmp_path: Path) -> None:
    cluster.stop()
    try:
        process = command("--database", cluster.url.replace("acme@", "acme:hunter2@"), "--port", "0")
        out, errors = process.communicate(timeout=30)
    finally:
        cluster.start()
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert "hunter2" not in errors + out
    assert "The key store" in errors
