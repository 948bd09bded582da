"""The log as text: JSON Lines, which can be read back, and Markdown, which people read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .records import Record, text_of


def as_jsonl(records: Iterable[Record]) -> Iterator[str]:
    """Yield a line of JSON for each record, in ASCII; ``read_jsonl`` takes them back."""
    for record in records:
        yield json.dumps(record.document(), ensure_ascii=True) + "\n"


def read_jsonl(lines: Iterable[str]) -> Iterator[Record]:
    """Yield the records of lines that ``as_jsonl`` gave.

    Raises:
        ValueError: A line is none of them; the message has its number.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Record.from_document(json.loads(line))
        except (ValueError, TypeError, AttributeError):
            raise ValueError(f"line {number} is no record of a log") from None


def as_markdown(records: Iterable[Record]) -> Iterator[str]:
    """Yield Markdown for each record. What was said stands in fences, so that nothing in it is taken for markup."""
    for record in records:
        yield shown(record) + "\n"


def shown(record: Record) -> str:
    """Return one record in Markdown."""
    lines = [f"## {record.id} · {when(record.time)} · {_code(record.backend)} · {_code(record.model or '-')}", ""]
    lines += [f"- {name}: {value}" for name, value in _facts(record)]
    for message in record.messages:
        lines += ["", f"### {message.get('role', '?')}", "", *_said(message)]
    if record.thinking:
        lines += ["", "### thinking", "", *_fenced(record.thinking)]
    if record.text or not (record.error or record.tool_calls or record.closed):
        lines += ["", "### answer", "", *_fenced(record.text)]
    for call in record.tool_calls:
        lines += [
            "",
            f"### call of {_code(call.get('name', '?'))}",
            "",
            *_fenced(str(call.get("arguments", "")), "json"),
        ]
    if record.error:
        lines += ["", "### error", "", *_fenced(f"{record.error.get('type')}: {record.error.get('message')}")]
    return "\n".join(lines) + "\n"


def when(seconds: float) -> str:
    """Return a time as people here read it, to the second."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    yield "took", f"{record.duration:.2f} s"
    if record.first_event is not None:
        yield "first event after", f"{record.first_event:.2f} s"
    if record.usage is not None:
        counted = {name: count for name, count in record.usage.items() if count is not None}
        yield "tokens", ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counted.items())
    if record.attempts is not None and record.attempts != 1:
        yield "attempts", str(record.attempts)
    if record.finish is not None:
        yield "finish", record.finish
    if record.closed:
        yield "left", "by the caller, before its end"
    if record.options:
        yield "options", _code(json.dumps(record.options, ensure_ascii=False))


def _said(message: Mapping[str, Any]) -> list[str]:
    lines = _fenced(text_of(message))
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    others: Callable[[Mapping[str, Any]], bool] = lambda part: part.get("type") != "text"  # noqa: E731
    for part in [*filter(others, parts), *message.get("images", ()), *message.get("tool_calls", ())]:
        lines += ["", *_fenced(json.dumps(part, ensure_ascii=False), "json")]
    return lines


def _fenced(text: str, language: str = "") -> list[str]:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language or 'text'}", text, fence]


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    mark = "`" * (longest + 1)
    return f"{mark} {text} {mark}" if longest else f"`{text}`"
