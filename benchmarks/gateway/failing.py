"""Sixteen ways in which a vendor fails, and what the gateway makes of each: what the client sees, what the vendor saw.

The scenarios replay, as facts, what public failover benchmarks of gateways look at. A client's alias has a first
upstream that fails and a second one that is well, unless the scenario says otherwise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .broken import Broken, ask, vendor
from .results import machine, write
from .servers import Server, running


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one request.

    Attributes:
        status: HTTP status that the client got.
        text: The answer's text.
        finished: Whether the client was told that the answer is whole.
        error: The error that the client got, in its dialect, or ``None``.
        served: Who served, as the header says.
        seconds: How long it took.
        first: How often the first upstream was asked.
        second: How often the second one was asked.
        gaps: Seconds between the first upstream's attempts.
    """

    status: int
    text: str
    finished: bool
    error: dict[str, Any] | None
    served: str
    seconds: float
    first: int
    second: int
    gaps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to fail.

    Attributes:
        name: What it is called on the page.
        model: Of the first upstream.
        right: What is right.
        holds: Whether it was right.
        stream: Whether the client asks for a stream.
        alone: Whether there is no second upstream.
    """

    name: str
    model: str
    right: str
    holds: Callable[[Seen], bool]
    stream: bool = False
    alone: bool = False


def _moved(seen: Seen) -> bool:
    return seen.status == 200 and seen.second == 1 and "Hello." in seen.text and seen.served == "second:ok"


def _moved_stream(seen: Seen) -> bool:
    return (
        seen.status == 200 and seen.second == 1 and seen.finished and seen.text.startswith("w0") and seen.error is None
    )


def _told(seen: Seen) -> bool:
    """Whether a stream that had begun ended with an error, once, and not as if it were whole."""
    return seen.status == 200 and not seen.finished and seen.error is not None and seen.second == 0


SCENARIOS = (
    Scenario(
        "429 with Retry-After, nobody else",
        "flaky-1-429",
        "waits, asks again, answers",
        lambda s: s.status == 200 and s.first == 2,
        alone=True,
    ),
    Scenario("429, and another upstream", "fail-429", "the other one answers", _moved),
    Scenario(
        "500, then well", "flaky-1-500", "one retry, answered", lambda s: s.status == 200 and s.first == 2, alone=True
    ),
    Scenario("503 for good", "fail-503", "the other one answers", _moved),
    Scenario("connection closed instead of a head", "reset", "the other one answers", _moved),
    Scenario(
        "no head ever",
        "silent",
        "the other one, within the limit and not after a retry",
        lambda s: _moved(s) and s.first == 1 and s.seconds < 4,
    ),
    Scenario(
        "401: the gateway's own key is refused",
        "fail-401",
        "not tried again; the other one answers",
        lambda s: _moved(s) and s.first == 1,
    ),
    Scenario("a stream that breaks off", "cut-3", "an error in the stream, no end", _told, stream=True),
    Scenario(
        "a stream that goes silent",
        "stall-3",
        "an error in the stream within the limit",
        lambda s: _told(s) and s.seconds < 5,
        stream=True,
    ),
    Scenario(
        "broken JSON within a stream",
        "bad-3",
        "passed on as it came; the client's to judge",
        lambda s: s.status == 200 and s.second == 0,
        stream=True,
    ),
    Scenario(
        "no [DONE] after the finish",
        "nodone",
        "whole, and at once",
        lambda s: s.status == 200 and s.error is None and s.seconds < 1.5,
        stream=True,
    ),
    Scenario(
        "the prompt is too long",
        "context",
        "one attempt, nobody else is asked",
        lambda s: (
            s.status == 400
            and s.first == 1
            and s.second == 0
            and (s.error or {}).get("code") == "context_length_exceeded"
        ),
    ),
    Scenario(
        "an error event within a stream",
        "oops-3",
        "the client sees the error",
        lambda s: s.error is not None and s.second == 0,
        stream=True,
    ),
    Scenario("a stream without a finish", "noend-2", "an error in the stream, no end", _told, stream=True),
    Scenario(
        "a page of HTML with status 200",
        "html",
        "never an answer as if it were well",
        lambda s: _moved(s) or s.status >= 500,
    ),
    Scenario(
        "everybody is down",
        "fail-500",
        "502 to 504, in the client's dialect, and the vendor's host is not told",
        lambda s: s.status in (500, 502, 503, 504) and s.error is not None,
        alone=True,
    ),
)


def tables(url: str) -> str:
    """Return the configuration: two upstreams, which are one vendor under two names, and an alias for each scenario."""
    limits = "limits = { total = 30, first_event = 1.5, idle = 1.5 }\n"
    found = ["[routing]\nretries = 2\nbreaker_failures = 1000\nhealth_interval = 3600\n"]
    found += [
        f'[[upstreams]]\nvendor = "openai"\nname = "{name}"\nbase_url = "{url}"\n{limits}'
        for name in ("first", "second")
    ]
    for number, each in enumerate(SCENARIOS):
        targets = [f"first:{each.model}"] + ([] if each.alone else ["second:ok"])
        found.append(f'[[aliases]]\nname = "s{number}"\nstrategy = "fallback"\ntargets = {json.dumps(targets)}\n')
    return "".join(found)


def play(scenario: Scenario, number: int, server: Server, broken: Broken) -> Seen:
    """Ask once."""
    broken.forget()
    question = {"model": f"s{number}", "messages": [{"role": "user", "content": "Hi"}], "stream": scenario.stream}
    start = time.monotonic()
    bearer = {"authorization": f"Bearer {server.key}"}
    status, headers, body, whole = ask(
        server.port, "POST", "/v1/chat/completions", json.dumps(question).encode(), bearer
    )
    seconds = time.monotonic() - start
    text, finished, error = _read(body, streamed="event-stream" in headers.get("content-type", ""))
    seen = broken.seen()
    times = seen["times"].get(scenario.model, [])
    return Seen(
        status=status,
        text=text,
        finished=finished and whole,
        error=error,
        served=headers.get("x-backbay-served-by", ""),
        seconds=seconds,
        first=seen["asked"].get(scenario.model, 0),
        second=seen["asked"].get("ok", 0),
        gaps=tuple(b - a for a, b in itertools.pairwise(times)),
    )


def _read(body: bytes, *, streamed: bool) -> tuple[str, bool, dict[str, Any] | None]:
    if not streamed:
        try:
            found = json.loads(body)
        except ValueError:
            return body.decode("utf-8", "replace"), True, None
        if "error" in found:
            return "", True, found["error"]
        return found["choices"][0]["message"]["content"], True, None
    text, finished, error = "", False, None
    for line in body.decode().split("\n"):
        data = line.removeprefix("data: ")
        if data == line or not data.startswith("{"):
            finished = finished or data == "[DONE]"
            continue
        try:
            item = json.loads(data)
        except ValueError:
            continue
        error = item.get("error", error)
        for choice in item.get("choices", ()):
            text += choice["delta"].get("content", "")
            finished = finished or choice["finish_reason"] is not None
    return text, finished, error


def main() -> int:
    parser = argparse.ArgumentParser(description="Show what the gateway makes of sixteen failures of a vendor.")
    parser.add_argument("--results", type=Path, help="folder for the JSON (default results, beside this file)")
    options = parser.parse_args()
    rows = []
    with vendor() as broken, running("backbay", broken.url, extra=tables(broken.url)) as server:
        for number, scenario in enumerate(SCENARIOS):
            seen = play(scenario, number, server, broken)
            leaks = str(broken.port) in json.dumps(seen.error)
            rows.append(
                {
                    "scenario": scenario.name,
                    "right": scenario.right,
                    "holds": scenario.holds(seen) and not leaks,
                    "status": seen.status,
                    "first": seen.first,
                    "second": seen.second,
                    "seconds": round(seen.seconds, 2),
                    "finished": seen.finished,
                    "error": seen.error,
                }
            )
            print(f"{'pass' if rows[-1]['holds'] else 'FAIL'}  {scenario.name}: {rows[-1]}", file=sys.stderr)
    write("failover", {"machine": machine(), "rows": rows}, options.results)
    passed = sum(bool(row["holds"]) for row in rows)
    print(f"{passed} of {len(rows)} scenarios pass")
    return 0 if passed == len(rows) else 1
