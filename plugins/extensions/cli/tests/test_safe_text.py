from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from backbay_cli.safe_text import FORBIDDEN, one_line, safe

# Every code point, lone surrogates too, and those that matter far more often than chance would give them.
RISKY = st.sampled_from(
    [
        *map(chr, range(0x20)),
        *map(chr, range(0x7F, 0xA0)),
        *"\u202a\u202b\u202c\u202d\u202e",
        *"\u2066\u2067\u2068\u2069",
    ]
)
ANY = st.text(st.one_of(RISKY, st.characters(exclude_categories=()), st.sampled_from("[31m]0;\\")), max_size=80)


@given(ANY)
def test_no_control_character_override_or_surrogate_comes_through(text: str) -> None:
    shown = safe(text)
    assert not FORBIDDEN & set(shown)
    for character in shown:
        kind = unicodedata.category(character)
        assert kind not in ("Cc", "Cs") or character in "\n\t"
        assert not 0x202A <= ord(character) <= 0x202E
        assert not 0x2066 <= ord(character) <= 0x2069


@given(st.lists(ANY, max_size=6))
def test_any_split_gives_the_same_text(pieces: list[str]) -> None:
    assert "".join(map(safe, pieces)) == safe("".join(pieces))


@given(ANY)
def test_it_is_idempotent_and_can_be_encoded(text: str) -> None:
    assert safe(safe(text)) == safe(text)
    assert safe(text).encode().decode() == safe(text)


@given(ANY)
def test_one_line_has_one_line(text: str) -> None:
    shown = one_line(text)
    assert not {"\n", "\t"} & set(shown)
    assert not FORBIDDEN & set(shown)


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn"))))
def test_ordinary_text_of_any_script_is_left_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_joined_emoji_and_marks_of_direction_stay() -> None:
    text = "👩‍👩‍👧 \u200eleft\u200f שלום\n\tend"
    assert safe(text) == text


def test_an_escape_sequence_is_shown_and_a_carriage_return_vanishes() -> None:
    assert safe("a\x1b[2Jb\r\nc\x7f\x9b\u202e") == "a␛[2Jb\nc␡\ufffd\ufffd"
