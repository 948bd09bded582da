"""Writes docs/gateway-clients.md: ``python -m gateway_clients.page``, in the folder of this package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .abilities import ABILITIES, CANNOT, CLIENTS, elsewhere
from .places import PLACES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gateway-clients.md"

HEAD = """\
# Clients at the gateway

Clients that nobody of this project wrote are pointed at `backbay serve`, which runs as a process of its own, and do
what they do at the vendor. Behind it are the engine in its process (`local:tiny`), llama.cpp's server with the same
model, and vendors on the loopback that answer as OpenAI's chat completions, OpenAI's responses and Anthropic's messages
do.

```
python3 scripts/test.py tests/gateway   # the pairs, a part of the relay, the Python SDKs: part of the ordinary run
tox run -e gateway-clients              # the relay whole, langchain-openai and its suite, llm, pydantic-ai, aider
tox run -e gateway-js                   # the JavaScript SDKs, with node and npm
```

- `test_pairs.py`: all sixteen pairs of a client and a backend of {OpenAI chat, OpenAI responses, Anthropic messages,
  native} carry the canonical scenarios of the [conformance suite](conformance.md), whole and streamed; what reaches
  the backend is compared with what was asked, and a vendor's signature must come back to it byte for byte.
- `test_relay_bytes.py`: the bytes of every recorded stream of a client's own wire come through unchanged.
- `test_langchain_suite.py`: the standard suite of langchain-tests, with langchain-openai, over each replayed wire.
- Tables below are by `test_python_sdks.py`, `test_javascript.py` and `test_frameworks.py`. What fails is an expected
  failure with its reason, and strict: when it works, after all, the run fails until the line is taken out.

This page is written from those lists, by `python -m gateway_clients.page` in `tests/gateway`.

## What the sixteen pairs change

- The responses wire has no stop sequences: they are refused before anything is sent.
- Clients of the responses wire get 0 for counts that the backend did not tell beside others, and Anthropic's get 0 for
  an answer without any: their types must have numbers.
- Anthropic's wire must have `max_tokens`: a client of it always says some, and a backend of it gets the spec's default.
- Arguments of a tool call that are no JSON reach an Anthropic client in a whole answer as `{"INVALID_JSON": "..."}`.
- A budget for thinking, which Anthropic's clients send, becomes the effort nearest below where a backend has efforts
  alone: `high` from 16,384 tokens, `medium` from 8,192, `low` below.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_abilities(), "", *_table(), "", *_reasons()]) + "\n"


def _abilities() -> Iterator[str]:
    yield from ("## What is tried", "", "| ability | what must hold |", "|---|---|")
    yield from (f"| {_words(name)} | {claim} |" for name, claim in ABILITIES.items())


def _table() -> Iterator[str]:
    yield from ("## Who can do what", "")
    yield "**✓** works; a number is a reason below; **·** the client has no such thing, or it makes no sense there."
    yield ""
    for place in PLACES:
        yield from (f"### Over {place}", "", f"| client | {' | '.join(map(_words, ABILITIES))} |")
        yield "|---" * (len(ABILITIES) + 1) + "|"
        for client, has in CLIENTS.items():
            cells = [_cell(client, name, place) if name in has else "·" for name in ABILITIES]
            yield f"| {client} | {' | '.join(cells)} |"
        yield ""


def _cell(client: str, ability: str, place: str) -> str:
    if elsewhere(ability, place) is not None:
        return "·"
    reason = CANNOT.get((client, ability, place))
    return "✓" if reason is None else str(_all_reasons().index(reason) + 1)


def _all_reasons() -> list[str]:
    return list(dict.fromkeys(CANNOT.values()))


def _reasons() -> Iterator[str]:
    yield from ("## Why not", "")
    yield from (f"{number}. {reason}." for number, reason in enumerate(_all_reasons(), start=1))
    unfit = dict.fromkeys(why for name in ABILITIES for place in PLACES if (why := elsewhere(name, place)))
    yield from ("", f"Not tried: {'; '.join(unfit)}.")


def _words(name: str) -> str:
    return name.replace("_", " ")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
