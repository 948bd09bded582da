"""The catalogue as one page that needs nothing else: no network, no fonts, no other file.

The rows are data beside a small program that sorts and filters them; without it the first of them stand in the page all
the same. Nothing that a vendor wrote can become markup or code: in the table it is escaped, in the data every ``<`` is,
and the page's policy lets no other program run than its own.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files

from .facts import Source
from .rows import Model
from .shown import UNKNOWN, dollars, number

STATIC_ROWS = 100
"""Rows that stand in the page as markup; the program shows as many at once."""

SHOWN_CAPABILITIES = {
    "tools": "tools",
    "structured_output": "structured output",
    "reasoning": "reasoning",
    "image_input": "images",
    "audio_input": "audio",
    "file_input": "files",
    "embeddings": "embeddings",
}
"""Capabilities that the page shows, with their names for people."""

_CAN = {"full": "", "versioned": "?"}
"""What stands behind a capability: nobody has said whether it is this model that can, or only others of its backend."""

_MARKS = {Source.PERSON: "by hand", Source.IMPORTED: "imported", Source.PROBED: "probed"}
_UNSAFE = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_UNSAFE |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)
_NUMBERS = ("context_window", "max_output_tokens", "input_price", "output_price")


def page(models: Sequence[Model], aliases: Mapping[str, str] | None = None, *, at: datetime | None = None) -> str:
    """Return the page.

    Args:
        models: What it shows, in the order that it begins with.
        aliases: What each alias means, as ``"provider:model"``.
        at: The date on it; ``None``: now.
    """
    names: dict[str, list[str]] = {}
    for alias, reference in (aliases or {}).items():
        names.setdefault(reference, []).append(alias)
    rows = [_row(model, sorted(names.get(model.reference, ()))) for model in models]
    style, program = _part("page.css"), _part("page.js")
    when = (at or datetime.now(UTC)).strftime("%Y-%m-%d")
    parts = {
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(program)}'; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "program": program,
        "date": when,
        "count": f"{len(rows):,}",
        "providers": _options(sorted({str(row["provider"]) for row in rows})),
        "uses": _options(sorted({str(row["use"]) for row in rows if row["use"]})),
        "capabilities": _options(SHOWN_CAPABILITIES.values()),
        "rows": "\n".join(_markup(row) for row in rows[:STATIC_ROWS]),
        "data": _data(rows),
    }
    text = _part("page.html")
    # One pass, so that what a vendor wrote cannot name a part.
    pieces = text.split("@@")
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def _row(model: Model, aliases: Sequence[str]) -> dict[str, object]:
    marks = {
        name: _MARKS[model.provenance[name].source]
        for name in _NUMBERS
        if name in model.provenance and model.provenance[name].source in _MARKS and getattr(model, name) is not None
    }
    return {
        "provider": model.provider,
        "handle": _clean(model.handle),
        "name": _clean(model.display_name or "") if model.display_name != model.handle else "",
        "owner": _clean(model.owned_by or ""),
        "use": _clean(model.model_use or ""),
        "context": model.context_window,
        "output": model.max_output_tokens,
        "in_price": model.input_price,
        "out_price": model.output_price,
        "can": [
            shown + _CAN[model.capabilities[name]]
            for name, shown in SHOWN_CAPABILITIES.items()
            if model.capabilities.get(name) in _CAN
        ],
        "status": "" if model.status == "active" else _clean(model.status),
        "gone": (model.missing_since or "")[:10],
        "aliases": list(aliases),
        "marks": marks,
    }


def _markup(row: Mapping[str, object]) -> str:
    """Return a row as markup; the program makes the same."""
    marks = row["marks"] if isinstance(row["marks"], Mapping) else {}
    can = row["can"] if isinstance(row["can"], list) else []
    below = [str(row[name]) for name in ("name", "owner") if row[name]]
    tags = [f"listed no more since {row['gone']}"] if row["gone"] else []
    tags += [str(row["status"])] if row["status"] else []
    tags += [f"alias {alias}" for alias in row["aliases"]] if isinstance(row["aliases"], list) else []
    head = f"<code>{html.escape(str(row['handle']))}</code>"
    head += f"<small>{html.escape(' · '.join(below))}</small>" if below else ""
    head += "".join(f'<span class="tag">{html.escape(tag)}</span>' for tag in tags)
    cells = [
        ("Provider", "", html.escape(str(row["provider"]))),
        ("Use", "", html.escape(str(row["use"])) or UNKNOWN),
        ("Context", "number", _count(row["context"], marks.get("context_window"))),
        ("Answer", "number", _count(row["output"], marks.get("max_output_tokens"))),
        ("$/M in", "number", _price(row["in_price"], marks.get("input_price"))),
        ("$/M out", "number", _price(row["out_price"], marks.get("output_price"))),
        ("Can", "can", "".join(f"<span>{html.escape(each)}</span>" for each in can) or UNKNOWN),
    ]
    inside = "".join(
        f'<td role="cell" data-label="{label}"{f" class={kind}" if kind else ""}>{value}</td>'
        for label, kind, value in cells
    )
    return f'<tr role="row"><th role="rowheader" scope="row">{head}</th>{inside}</tr>'


def _count(value: object, mark: object) -> str:
    return (number(value if isinstance(value, int) else None) or UNKNOWN) + _mark(mark)


def _price(value: object, mark: object) -> str:
    return (dollars(value if isinstance(value, float) else None) or UNKNOWN) + _mark(mark)


def _mark(mark: object) -> str:
    return f"<small>{html.escape(str(mark))}</small>" if mark else ""


def _clean(text: str) -> str:
    return text.translate(_UNSAFE)


def _options(values: Iterable[str]) -> str:
    return "".join(f"<option>{html.escape(value)}</option>" for value in values)


def _data(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as JSON that can stand in a page: no ``<`` is left that could end the element."""
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _part(name: str) -> str:
    return files("backbay_catalogue").joinpath("page_parts", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
