from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from backbay import InvalidRequestError
from backbay_cli import inputs

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_an_image_file_becomes_data_with_its_media_type(tmp_path: Path) -> None:
    file = tmp_path / "dot"
    file.write_bytes(PNG)
    part = inputs.image(str(file))
    assert part.media_type == "image/png"
    assert base64.b64decode(part.data or "") == PNG


def test_an_image_url_is_passed_on_and_not_fetched() -> None:
    assert inputs.image("https://acme.example/dot.png").url == "https://acme.example/dot.png"


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "text.png"
    file.write_text("not an image")
    for source in (str(file), str(tmp_path / "missing.png"), str(tmp_path), "data:text/plain,hello", "a\0b"):
        with pytest.raises(InvalidRequestError, match="--image"):
            inputs.image(source)


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "not valid JSON"), ("[1]", "JSON list"), ("3", "JSON number"), ("\ufeff[]", "JSON list"), ("", "not valid")],
)
def test_a_schema_that_is_no_object_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "schema.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRequestError, match=said):
        inputs.schema(str(file))


@pytest.mark.parametrize("content", ["{}", "[]", "[1]", '"tool"', "null"])
def test_tools_that_are_no_list_of_objects_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tools.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRequestError, match="no list of tools"):
        inputs.tools(str(file))


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LARGEST_FILE", 1000)
    file = tmp_path / "schema.json"
    file.write_bytes(b" " * 1001)
    with pytest.raises(InvalidRequestError, match="larger than"):
        inputs.schema(str(file))


@pytest.mark.parametrize(("data", "text"), [(b"hi", "hi"), (b"hi\n", "hi"), (b"hi\r\n", "hi"), (b"a\n\n", "a\n")])
def test_one_line_end_at_the_end_of_standard_input_is_no_part_of_the_prompt(
    monkeypatch: pytest.MonkeyPatch, data: bytes, text: str
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert inputs.prompt_from_stdin() == text


@pytest.mark.parametrize("data", [b"", b" \n", b"\xff\xfe"])
def test_standard_input_without_text_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    with pytest.raises(InvalidRequestError):
        inputs.prompt_from_stdin()
