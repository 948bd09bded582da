"""How the gateway is started, reloaded and stopped; what it logs, counts and shows."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from backbay.testing import Pause, Reply, sse
from backbay_gateway.config_file import load_config

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets of Unix")

ASK = {"model": "acme:m", "messages": [{"role": "user", "content": "a secret prompt"}]}
SLOW = Reply(headers={"content-type": "text/event-stream"}, steps=[sse("{}"), Pause(1.2), sse("{}")])


def started(process) -> tuple[str, str, list[str]]:
    """Return the address and the first key that a gateway prints, and all its lines."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Status:"):
            break
    text = "".join(lines)
    assert "Status:" in text, process.stderr.read()
    key = re.search(r"bb_[a-z0-9]{12}_[\w-]{43}", text)
    return re.search(r"listens on (\S+)", text)[1], key[0] if key else "", lines


def ask(url, path, key, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=10) as answer:
        return json.load(answer)


OPENAI_LINE = re.compile(r'OpenAI\(base_url="(\S+)", api_key="(\S+)"\)')


def test_without_a_configuration_the_local_model_is_offered_with_the_line_that_uses_it(command) -> None:
    pytest.importorskip("backbay_local")
    process = command("--port", "0")
    url, key, lines = started(process)
    assert OPENAI_LINE.search("".join(lines)).groups() == (f"{url}/v1", key)
    answer = ask(
        url, "/v1/chat/completions", key, {"model": "local:tiny", "messages": ASK["messages"], "max_tokens": 4}
    )
    assert answer["choices"][0]["message"]["content"]
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "a secret prompt" not in out + errors
    assert all(json.loads(line) for line in errors.splitlines())
    assert key not in errors


def test_every_backend_whose_key_is_in_the_environment_is_offered(monkeypatch) -> None:
    from backbay_gateway.defaults import default_config

    found = default_config()
    assert "acme" in [each.vendor for each in found.upstreams]
    monkeypatch.delenv("ACME_API_KEY")
    assert "acme" not in [each.vendor for each in default_config().upstreams]


def test_the_key_is_shown_at_the_first_start_alone(command, tmp_path: Path) -> None:
    pytest.importorskip("backbay_local")
    words = ("--port", "0", "--database", f"sqlite:///{tmp_path / 'k.sqlite'}")
    first = command(*words)
    _, key, _ = started(first)
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
    second = command(*words)
    _, again, lines = started(second)
    assert key
    assert not again
    assert "YOUR_KEY" in "".join(lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "TLS"),
        (["--host", "0.0.0.0", "--behind-proxy"], "server.hosts"),
        (["--host", "192.0.2.1", "--behind-proxy"], "server.hosts"),
        (["--config", "/no/such/gateway.toml"], "cannot be read"),
    ],
)
def test_what_is_not_safe_or_not_there_is_refused_before_anything_is_bound(command, words, said) -> None:
    process = command(*words)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert said in errors
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_told(command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = command("--port", str(taken.getsockname()[1]))
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "--port" in errors


def toml(path: Path, vendor, more: str = "", server: str = "") -> Path:
    path.write_text(
        f"[server]\nport = 0\n{server}\n[keys]\ndatabase = 'sqlite:///{path.parent / 'keys.sqlite'}'\n"
        f"[routing]\nretries = 0\nhealth_interval = 3600\n[[upstreams]]\nvendor = 'openai'\nwire = 'openai_chat'\n"
        f"base_url = '{vendor.url}'\nkey_env = 'K'\n{more}",
        encoding="utf-8",
    )
    return path


def stream(url: str, key: str) -> bytes:
    """Return what came of a stream."""
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({**ASK, "model": "openai:m", "stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        found = b""
        while more := connection.recv(65536):
            found += more
        return found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_row_164_a_stop_lets_streams_end_and_takes_no_more(command, vendor, tmp_path: Path, workers) -> None:
    pytest.importorskip("backbay_openai")
    server = vendor(SLOW)
    process = command("--config", str(toml(tmp_path / "g.toml", server)), "--workers", workers, K="k" * 20)
    url, key, _ = started(process)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(stream(url, key)))
    thread.start()
    while not server.requests:
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    with pytest.raises(OSError, match=r"refused|reset"):
        stream(url, key)
    thread.join(10)
    assert found[0].endswith(b"0\r\n\r\n")
    assert found[0].count(b"data: {}") == 2
    assert process.wait(10) == 0


def test_row_164_streams_that_do_not_end_in_time_are_told_so_and_broken_off(command, vendor, tmp_path: Path) -> None:
    pytest.importorskip("backbay_openai")
    endless = Reply(headers={"content-type": "text/event-stream"}, steps=[sse("{}"), Pause(30), sse("{}")])
    server = vendor(endless)
    process = command("--config", str(toml(tmp_path / "g.toml", server, server="drain = 0.2")), K="k" * 20)
    url, key, _ = started(process)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(stream(url, key)))
    thread.start()
    while not server.requests:
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    thread.join(10)
    assert b'"error"' in found[0]
    assert not found[0].endswith(b"0\r\n\r\n")
    assert process.wait(10) == 0


@pytest.mark.parametrize("how", ["file", "signal"])
def test_row_163_a_reload_is_whole_drops_no_stream_and_a_bad_one_changes_nothing(
    command, vendor, tmp_path: Path, how
) -> None:
    pytest.importorskip("backbay_openai")
    server = vendor(SLOW)
    path = toml(tmp_path / "g.toml", server, "[upstreams.models]\nold = 'm'\n")
    process = command("--config", str(path), K="k" * 20)
    url, key, _ = started(process)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(stream(url, key)))
    thread.start()
    while not server.requests:
        time.sleep(0.01)

    def names() -> list[str]:
        return [each["name"] for each in ask(url, "/status/data", key)["aliases"]]

    def change(more: str) -> None:
        toml(path, server, more)
        if how == "signal":
            process.send_signal(signal.SIGHUP)

    assert names() == ["old"]
    change("weight = 2\n[upstreams.models]\nnew = 'm'\n")
    until(lambda: names() == ["new"])
    change("wieght = 2\n")
    until(lambda: "wieght" in (ask(url, "/status/data", key)["config"]["problem"] or ""))
    assert names() == ["new"]
    thread.join(10)
    assert found[0].endswith(b"0\r\n\r\n"), "the stream that ran was cut"
    assert len(server.requests) >= 1
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert any(json.loads(line).get("in_force") for line in errors.splitlines())


def test_a_file_that_changes_while_a_worker_starts_or_is_started_again_is_taken(
    command, vendor, tmp_path: Path
) -> None:
    pytest.importorskip("backbay_openai")
    server = vendor(SLOW)
    for left in tmp_path.glob("keys.sqlite*"):  # of a run that was too slow, and is made again
        left.unlink()
    path = toml(tmp_path / "g.toml", server, "[upstreams.models]\nold = 'm'\n")
    process = command("--config", str(path), "--workers", "2", K="k" * 20)
    url, key, _ = started(process)

    def names() -> set[tuple[str, ...]]:
        return {tuple(each["name"] for each in ask(url, "/status/data", key)["aliases"]) for _ in range(12)}

    until(lambda: names() == {("old",)}, 40)
    toml(path, server, "[upstreams.models]\nnew = 'm'\n")
    until(lambda: names() == {("new",)}, 40)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell a process's children")
    before = children.read_text().split()
    os.kill(int(before[0]), signal.SIGKILL)
    until(lambda: len(now := children.read_text().split()) == 2 and now != before, 40)
    process.send_signal(signal.SIGHUP)  # A worker that has just begun must not die of it.
    time.sleep(1.0)
    until(lambda: names() == {("new",)}, 40)
    assert len(set(children.read_text().split()) - set(before)) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_missing_key_is_told_with_what_the_file_can_say(command, tmp_path: Path) -> None:
    pytest.importorskip("backbay_openai")
    path = tmp_path / "g.toml"
    path.write_text("[[upstreams]]\nvendor = 'openai'\n", encoding="utf-8")
    process = command("--config", str(path), "--check")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "Set OPENAI_API_KEY, or let key_env name the variable" in " ".join(errors.split())
    assert "--api-key-env" not in errors


def until(condition, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_several_workers_share_the_port_the_key_and_the_figures(command, vendor, tmp_path: Path, chat) -> None:
    pytest.importorskip("backbay_openai")
    server = vendor(chat)
    process = command("--config", str(toml(tmp_path / "g.toml", server)), "--workers", "2", K="k" * 20)
    url, key, _ = started(process)
    if not key:
        key = re.search(r"bb_[a-z0-9]{12}_[\w-]{43}", process.stdout.readline() + process.stdout.readline())[0]
    for _ in range(20):
        ask(url, "/v1/chat/completions", key, {**ASK, "model": "openai:m"})
    until(lambda: ask(url, "/status/data", key)["totals"]["output_tokens"] == 40)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_workers_whose_supervisor_was_killed_let_their_streams_end_and_stop(command, vendor, tmp_path: Path) -> None:
    pytest.importorskip("backbay_openai")
    server = vendor(SLOW)
    process = command("--config", str(toml(tmp_path / "g.toml", server)), "--workers", "2", K="k" * 20)
    url, key, _ = started(process)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(stream(url, key)))
    thread.start()
    until(lambda: server.requests)
    process.kill()
    # The pipes end when the last worker has.
    process.communicate(timeout=10)
    thread.join(10)
    assert found[0].count(b"data: {}") == 2
    with pytest.raises(OSError, match=r"refused|reset"):
        stream(url, key)


def test_a_reader_of_the_log_who_stalls_keeps_nobody_waiting_and_what_was_lost_is_counted(
    one, chat, monkeypatch
) -> None:
    from backbay_gateway import logwriter

    monkeypatch.setattr(logwriter, "MOST_WAITING", 20_000)
    running, _ = one(chat)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stalled, os.fdopen(reader, "rb") as pipe:
        os.set_blocking(reader, False)
        running.server.gateway.log._writer._stream = stalled
        longest = 0.0
        for number in range(400):
            start = time.monotonic()
            assert running.ask("/v1/chat/completions", {**ASK, "user": "x" * 10}).status == 200
            longest = max(longest, time.monotonic() - start)
            if number % 40 == 0:
                running.soon(running.server.gateway.log._hand_over)
        assert longest < 5.0
        read = bytearray()

        def told() -> bool:
            running.soon(running.server.gateway.log._hand_over)
            read.extend(pipe.read() or b"")
            return b"lost_lines" in read

        until(told)
        running.server.gateway.log._writer._stream = None
    lines = [json.loads(line) for line in read.splitlines() if line.endswith(b"}")]
    lost = sum(line["lost_lines"] for line in lines if line["event"] == "log")
    assert lost > 0
    assert lost + sum(line["event"] == "request" for line in lines) <= 400


def test_a_process_without_a_thread_for_its_log_waits_for_no_reader_and_loses_no_line() -> None:
    from backbay_gateway.config import Logging
    from backbay_gateway.logs import Log

    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stalled, os.fdopen(reader, "rb", buffering=0) as pipe:
        log = Log(Logging(), stalled)
        began = time.monotonic()
        for number in range(900):
            log.say("error", "worker_died", pid=number, why="x" * 200)
        assert time.monotonic() - began < 1.5
        text = b""
        while text.count(b"\n") < 900:
            text += pipe.read(2**16)
            log.flush()
    assert [json.loads(line)["pid"] for line in text.splitlines()] == list(range(900))


def test_a_request_has_one_line_in_the_log_without_prompt_answer_or_key(one, chat, capfd) -> None:
    running, _ = one(chat)
    running.ask("/v1/chat/completions", ASK)
    running.ask("/v1/chat/completions", b'{"model": "acme:m", "a secret prompt')
    running.until(lambda: running.live == 0)
    running.soon(running.server.gateway.log.flush)
    text = capfd.readouterr().err
    lines = [json.loads(line) for line in text.splitlines() if '"request"' in line]
    assert [line["status"] for line in lines] == [200, 400]
    assert lines[0]["input_tokens"] == 3
    assert lines[0]["served_by"] == "acme:m"
    assert lines[0]["key"] == running.key.split("_")[1]
    for secret in ("a secret prompt", "Hello.", running.key, "acme-upstream-secret"):
        assert secret not in text


def test_metrics_are_told_as_prometheus_reads_them(one, chat) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    running, _ = one([chat, Reply.json({}, status=500)])
    for _ in range(2):
        running.ask("/v1/chat/completions", ASK)
    running.until(lambda: running.live == 0)
    text = running.ask("/metrics").body.decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    requests = {tuple(each.labels.values()): each.value for each in found["backbay_requests"].samples}
    assert requests["chat_completions", "acme:m", "200", "relay"] == 1
    assert requests["chat_completions", "acme:m", "502", "relay"] == 1
    buckets = [each for each in found["backbay_request_duration_seconds"].samples if each.name.endswith("_bucket")]
    assert buckets[-1].value == 2
    assert [each.value for each in found["backbay_tokens"].samples] == [3, 2]


def test_a_client_cannot_make_the_figures_grow_without_end(one) -> None:
    from backbay_gateway.metrics import MOST_LABELS

    running, _ = one(Reply.json({}))
    metrics = running.server.gateway.metrics
    for number in range(MOST_LABELS + 50):
        metrics.failed(f"acme:{number}", "ServerError")
    assert len(metrics.data()["upstream_failures"]) == MOST_LABELS + 1


def test_figures_and_metrics_can_be_opened_to_all_and_health_always_is(one, chat) -> None:
    running, _ = one(chat)
    assert running.ask("/health", key=None).json == {"status": "ok"}
    assert running.ask("/status/data", key=None).status == 401
    page = running.ask("/status", key=None)
    assert page.status == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    other, _ = one(chat, tables={"server": {"open_status": True}})
    assert other.ask("/status/data", key=None).status == 200
    assert other.ask("/metrics", key=None).status == 200


def test_the_configuration_of_the_documentation_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[4] / "docs" / "gateway.md"
    if not page.exists():
        pytest.skip("the pages are not beside an installed distribution")
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, encoding="utf-8")
        assert load_config(path).upstreams
