"""Inputs and outputs in Parquet, through pyarrow, a few hundred rows at a time.

Columns of an input: ``custom_id``, and ``body`` (JSON, or a struct). Instead of ``body`` there may be one column for
each of its fields: ``messages`` (JSON, or a list of structs), or ``prompt`` and ``system`` (text), or ``input`` for
embeddings; ``model``, ``temperature``, ``max_tokens`` and so on beside them. ``url`` and ``method`` may be there. A
value that is null is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from .errors import BatchSetupError, storage_error
from .journal import Journal
from .rows import Place, Result
from .sources import Raw, Unchanged

try:
    import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError as failure:
    raise BatchSetupError(
        "Parquet needs pyarrow, which is not installed.", hint='pip install "backbay-batch[parquet]"'
    ) from failure

_ROWS = 500
_ENVELOPE = ("custom_id", "method", "url", "body")
_JSON = frozenset({"messages", "tools", "tool_choice", "response_format", "stop", "metadata", "logit_bias"})
"""Columns that hold JSON where they hold text that begins as JSON does."""


class ParquetSource:
    """A Parquet file.

    Args:
        path: The file.

    Raises:
        BatchSetupError: It is no Parquet, or has not the columns.
    """

    def __init__(self, path: Path) -> None:
        self._raw = path.open("rb")
        try:
            self._file = pq.ParquetFile(self._raw)
        except pa.ArrowException as failure:
            self._raw.close()
            raise BatchSetupError(f"{path} is no Parquet file: {failure}") from None
        names = set(self._file.schema_arrow.names)
        if "custom_id" not in names or not names & {"body", "messages", "prompt", "input"}:
            self.close()
            raise BatchSetupError(
                f"{path} has the columns {', '.join(sorted(names)) or 'none'}.",
                hint="It needs custom_id, and body, messages, prompt or input.",
            )
        self._watch = Unchanged(path, self._raw)
        self._rows: Iterator[tuple[int, Mapping[str, Any]]] = iter(())
        self._next = -1

    def scan(self) -> Iterator[Raw]:
        """Yield every row, from the beginning."""
        for row, values in self._from(0):
            yield _raw(row, values)

    def read(self, places: Sequence[Place]) -> list[bytes]:
        """Return the rows at some places, which are in order.

        Raises:
            ChangedBatchError: The file was changed since it was opened.
        """
        self._watch.check()
        return [self._row(place.offset) for place in places]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def _row(self, wanted: int) -> bytes:
        if self._next < 0 or wanted < self._next or wanted > self._next + 10 * _ROWS:
            self._rows = self._from(wanted)
        for row, values in self._rows:
            self._next = row + 1
            if row == wanted:
                return _raw(row, values).data
        return b""

    def _from(self, wanted: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield rows from the beginning of the row group that has the one that is wanted."""
        sizes = [self._file.metadata.row_group(each).num_rows for each in range(self._file.num_row_groups)]
        group, row = 0, 0
        while group < len(sizes) and row + sizes[group] <= wanted:
            row += sizes[group]
            group += 1
        groups = list(range(group, len(sizes)))
        for batch in self._file.iter_batches(batch_size=_ROWS, row_groups=groups) if groups else ():
            for values in batch.to_pylist():
                yield row, values
                row += 1


def _raw(row: int, values: Mapping[str, Any]) -> Raw:
    try:
        return Raw(row + 1, row, to_json(_line(values)))
    except (PydanticSerializationError, ValueError) as failure:
        return Raw(row + 1, row, b"", f"The row cannot be written as JSON: {failure}.")


def _line(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as a line of OpenAI's format."""
    given = {name: _without_nulls(value) for name, value in values.items() if value is not None}
    line = {name: given[name] for name in _ENVELOPE if name in given}
    if isinstance(line.get("custom_id"), int):
        line["custom_id"] = str(line["custom_id"])
    body = line.get("body")
    if isinstance(body, str | bytes):
        line["body"] = _decoded(body)
    elif body is None:
        line["body"] = _body({name: value for name, value in given.items() if name not in _ENVELOPE})
    if "url" not in line and isinstance(line["body"], dict) and "input" in line["body"]:
        line["url"] = "/v1/embeddings"
    return line


def _body(given: dict[str, Any]) -> dict[str, Any]:
    prompt, system = given.pop("prompt", None), given.pop("system", None)
    body = {
        name: _decoded(value) if name in _JSON and isinstance(value, str) and value[:1] in "[{" else value
        for name, value in given.items()
    }
    if prompt is not None and "messages" not in body:
        said = [] if system is None else [{"role": "system", "content": system}]
        body["messages"] = [*said, {"role": "user", "content": prompt}]
    return body


def _decoded(text: str | bytes) -> object:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text  # It is refused as what it is, with its line.


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 (a value of Parquet)
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


class ParquetOutput:
    """A Parquet file, which is written when the run ends, since it has no readable beginning; in the input's order.

    Columns: ``custom_id``, ``id``, ``status_code``, ``text``, ``body`` and ``error`` (JSON), ``error_code``, ``line``,
    ``input_tokens``, ``output_tokens``, ``cost``.

    Args:
        path: The file.
    """

    _SCHEMA = pa.schema(
        [
            *((name, pa.string()) for name in ("custom_id", "id", "text", "body", "error", "error_code")),
            ("status_code", pa.int32()),
            *((name, pa.int64()) for name in ("line", "input_tokens", "output_tokens")),
            ("cost", pa.float64()),
        ]
    )

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, journal: Journal) -> None:
        """Leave what is there until the run ends."""

    def add(self, journal: Journal, results: Sequence[Result]) -> None:
        """Leave them in the journal."""

    def sync(self) -> None:
        """Leave it to the end."""

    def close(self) -> None:
        """Nothing is open."""

    def finish(self, journal: Journal) -> None:
        """Write all results; what was there stays until the new file is whole.

        Raises:
            BatchStorageError: They cannot be written.
        """
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            with pq.ParquetWriter(part, self._SCHEMA) as writer:
                rows: list[dict[str, object]] = []
                for row in journal.records():
                    rows.append(_columns(*row))
                    if len(rows) >= _ROWS:
                        writer.write_table(pa.Table.from_pylist(rows, schema=self._SCHEMA))
                        rows = []
                if rows:
                    writer.write_table(pa.Table.from_pylist(rows, schema=self._SCHEMA))
            part.replace(self._path)
        except OSError as failure:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise storage_error(failure, self._path) from None


def _columns(number: int, given: int | None, made: int | None, cost: float | None, record: bytes) -> dict[str, object]:
    found = json.loads(record)
    response, error = found["response"], found["error"]
    body = None if response is None else response["body"]
    return {
        "custom_id": found["custom_id"],
        "id": found["id"],
        "status_code": None if response is None else response["status_code"],
        "text": _text(body),
        "body": None if body is None else json.dumps(body, ensure_ascii=False),
        "error": None if error is None else json.dumps(error, ensure_ascii=False),
        "error_code": None if error is None else error["code"],
        "line": number,
        "input_tokens": given,
        "output_tokens": made,
        "cost": cost,
    }


def _text(body: Mapping[str, Any] | None) -> str | None:
    """Return the text of a chat completion; ``None`` if there is none."""
    try:
        text = body["choices"][0]["message"]["content"] if body is not None else None
    except (KeyError, IndexError, TypeError):
        return None
    return text if isinstance(text, str) else None
