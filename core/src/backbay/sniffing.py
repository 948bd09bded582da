"""Reads token counts beside the path of a relay: it sees the bytes that go by, changes none, and never fails.

What it knows, each recorded: OpenAI's chunks and its last one without choices, ``response.completed``, Anthropic's
``message_start`` and ``message_delta``, the last line of Ollama's own wire, Gemini's and Cohere's counts, and each of
them as one body that is not streamed. Of each count the last one holds, since they are cumulative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic_core import from_json

MAX_LINE = 2**20
"""Bytes of a line that are held; a longer one is passed over, unless it is the one body of an answer."""

MAX_BODY = 2**22
"""Bytes of an answer in one body that are held; the counts of a longer one stay unknown."""

_COUNTED = re.compile(rb"_tokens\"|okenCount\"|eval_count\"|\"usage\"(?! ?: ?null)")
_INPUT = ("input_tokens", "prompt_tokens", "input", "prompt_eval_count", "promptTokenCount", "inputTokens")
_OUTPUT = ("output_tokens", "completion_tokens", "output", "eval_count", "candidatesTokenCount", "outputTokens")
# Some vendors count apart what belongs to a sum elsewhere: Anthropic (and Converse) what came from a cache or went into
# one, Gemini its thoughts.
_APART = {
    "input": (
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
    ),
    "output": ("thoughtsTokenCount",),
}
# By name: which count it is, and its rank among the names of one count, of which the first that is there holds.
_KNOWN: dict[str, tuple[str, int]] = {
    **{name: (name, 0) for names in _APART.values() for name in names},
    **{name: ("input", rank) for rank, name in enumerate(_INPUT)},
    **{name: ("output", rank) for rank, name in enumerate(_OUTPUT)},
}
_AROUND = ("message", "response", "delta", "x_groq")


class UsageSniffer:
    """Reads the counts of one answer.

    Its memory is bounded, and so is its work: nothing is parsed but lines in which counts may stand.
    """

    __slots__ = ("_body", "_counts", "_line", "_off", "_only", "_skipping", "_spread", "_started")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._line = bytearray()
        self._skipping = False
        self._started = self._spread = False
        self._body: bytearray | None = None
        # What came first, while it may be a whole answer: then it need not be looked at before the end.
        self._only: bytes | None = None
        self._off = False

    @property
    def input(self) -> int | None:
        """Prompt tokens, cached ones included; ``None`` while unknown."""
        return self._sum("input")

    @property
    def output(self) -> int | None:
        """Completion tokens, thoughts included; ``None`` while unknown."""
        return self._sum("output")

    def feed(self, data: bytes) -> None:
        """Take more bytes, at any split. Never raises: what cannot be read leaves the counts as they are."""
        if self._off:
            return
        try:
            if self._only is not None:
                first, self._only = self._only, None
                self._take(first)
            elif not self._started and _may_be_all(data):
                self._only = data
                return
            self._take(data)
        except Exception:  # noqa: BLE001 (a relay goes on whatever is wrong with its bytes)
            self._stop()

    def finish(self) -> None:
        """Take the end of the answer. Never raises."""
        if self._off:
            return
        try:
            if self._only is not None:
                self._read(self._only)
            elif self._body is None:
                self._read(bytes(self._line))
            else:
                self._read(bytes(self._body))
                if len(self._body) > len(self._line):
                    self._read(bytes(self._line))
        except Exception:  # noqa: BLE001
            self._off = True
        self._stop()

    def _stop(self) -> None:
        self._off, self._line, self._body, self._only = True, bytearray(), None, None

    def _sum(self, what: str) -> int | None:
        counted = self._counts.get(what)
        if counted is None or len(self._counts) < 3:
            return counted  # Nothing is counted apart.
        return counted + sum(self._counts.get(name, 0) for name in _APART[what])

    def _take(self, data: bytes) -> None:
        if not self._started:
            data = self._begin(data)
        if self._body is not None:
            self._gather(self._body, data)
        if self._spread:
            return  # One JSON body on several lines, which are nothing by themselves.
        if not self._line and not self._skipping and data.endswith(b"\n") and not _COUNTED.search(data):
            return  # Whole lines without a count, which is what nearly every read is.
        if b"\r" in data:
            data = data.replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        for line in lines:
            if not self._skipping:
                self._whole_line(bytes(self._line + line))
            self._line, self._skipping = bytearray(), False
        if not self._skipping:
            self._line += rest
            if len(self._line) > MAX_LINE:
                self._line, self._skipping = bytearray(), True

    def _gather(self, body: bytearray, data: bytes) -> None:
        body += data
        if len(body) > MAX_BODY:
            self._body = None

    def _whole_line(self, line: bytes) -> None:
        if self._body is not None and line.startswith(b"{") and line.rstrip().endswith(b"}"):
            self._body = None  # Lines of JSON, each an object: no answer in one body.
        self._read(line)

    def _begin(self, data: bytes) -> bytes:
        """Find out, by the first byte that is no white space, whether this may be one JSON body."""
        data = data.lstrip(b" \t\r\n")
        if data:
            self._started = True
            if data[:1] in (b"{", b"["):
                self._body = bytearray()
                first = data.find(b"\n")
                # The first line alone is no whole value, so that this is no answer in lines of JSON.
                self._spread = first > 0 and not data[:first].rstrip().endswith((b"}", b"]", b","))
        return data

    def _read(self, line: bytes) -> None:
        if not _COUNTED.search(line):
            return
        try:
            found = from_json(line.removeprefix(b"data:"))
        except ValueError:
            return
        for item in found if isinstance(found, list) else [found]:
            if isinstance(item, dict):
                self._note(item)

    def _note(self, item: Mapping[str, object]) -> None:
        for usage in _usages(item):
            found: dict[str, tuple[int, int]] = {}
            for name, value in usage.items():
                known = _KNOWN.get(name)
                # JSON's true and false are no counts.
                if known is None or type(value) is not int or value < 0:
                    continue
                what, rank = known
                if what not in found or rank < found[what][0]:
                    found[what] = (rank, value)
            for what, (_, value) in found.items():
                self._counts[what] = value


def _may_be_all(data: bytes) -> bool:
    return data[:1] == b"{" and len(data) <= MAX_LINE and b"\n" not in data and b"\r" not in data


def _usages(item: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield every object of an answer's chunk that holds counts."""
    if item.get("done") is True:
        yield item  # Ollama's own wire has them beside everything else.
    # Of a chunk; of Anthropic's first event, of a responses event, of Cohere's last event, of Groq's last chunk.
    for around in (item, *map(item.get, _AROUND)):
        if not isinstance(around, dict):
            continue
        for name in ("usage", "usageMetadata"):
            usage = around.get(name)
            if isinstance(usage, dict):
                tokens = usage.get("tokens")  # Cohere's
                yield tokens if isinstance(tokens, dict) else usage
