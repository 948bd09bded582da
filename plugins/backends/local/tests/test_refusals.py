from __future__ import annotations

import asyncio
import importlib
import pickle
import struct
from pathlib import Path

import pytest

import backbay
from backbay import Message
from backbay_local.gguf import Head, read_head
from backbay_local.plans import TINY_PATH, Choices, find


def ask(reference, prompt="Say pong", *, config=None, **options):
    async def main():
        async with backbay.connect(reference, **(config or {})) as backend:
            return await backend.complete(prompt, **options)

    return asyncio.run(main())


def refusal(kind, reference, *args, **options):
    with pytest.raises(kind) as caught:
        ask(reference, *args, **options)
    assert type(caught.value) is kind
    assert caught.value.hint
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return caught.value


@pytest.fixture
def models(tmp_path):
    data = TINY_PATH.read_bytes()
    (tmp_path / "whole.gguf").write_bytes(data)
    (tmp_path / "cut.gguf").write_bytes(data[: len(data) // 2])
    (tmp_path / "stub.gguf").write_bytes(data[:40])
    (tmp_path / "page.gguf").write_bytes(b"<html>Not found</html>")
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    return tmp_path


def test_a_name_that_is_no_model_is_told_the_choices(loads):
    error = refusal(backbay.ModelNotFoundError, "local:other")
    assert "'tiny', or the path of a GGUF file" in str(error)
    assert "local:tiny" in error.hint
    assert (error.backend, error.model, loads) == ("local", "other", [])


@pytest.mark.parametrize("path", ["/no/such/file.gguf", "./none.gguf", "~/none.gguf", "none.gguf"])
def test_a_path_that_leads_nowhere_is_named_in_full(path):
    error = refusal(backbay.ModelNotFoundError, f"local:{path}")
    assert str(Path(path).expanduser().absolute()) in str(error)


def test_a_folder_is_refused_with_the_models_in_it(models, loads):
    error = refusal(backbay.ConfigurationError, f"local:{models}")
    assert "folder" in str(error)
    assert "whole.gguf" in error.hint
    assert "has none" in refusal(backbay.ConfigurationError, f"local:{models / 'folder'}").hint
    assert loads == []


@pytest.mark.parametrize(("file", "why"), [("page", "no GGUF"), ("empty", "no GGUF"), ("stub", "cut short")])
def test_a_file_that_is_no_model_is_refused_before_the_engine_sees_it(models, loads, file, why):
    assert why in str(refusal(backbay.ConfigurationError, f"local:{models / file}.gguf"))
    assert loads == []


def test_a_file_that_the_engine_cannot_load_is_a_typed_error(models):
    error = refusal(backbay.ConfigurationError, f"local:{models / 'cut.gguf'}")
    assert "cut.gguf" in str(error)


def test_a_path_may_be_relative_or_begin_with_a_tilde(models, monkeypatch):
    monkeypatch.chdir(models)
    monkeypatch.setenv("HOME", str(models))
    monkeypatch.setenv("USERPROFILE", str(models))
    for path in ("whole.gguf", "./whole.gguf", "~/whole.gguf"):
        answer = ask(f"local:{path}", temperature=0)
        assert (answer.model, bool(answer.text)) == ("whole.gguf", True)


def test_a_path_with_a_null_character_is_a_typed_error():
    refusal(backbay.ConfigurationError, "local:/a\0b.gguf")


def test_without_a_model_there_is_nothing_to_ask():
    """N7."""
    refusal(backbay.ConfigurationError, "local")


@pytest.mark.parametrize(
    ("name", "value"),
    [("context", -1), ("context", "2048"), ("context", True), ("slots", 0), ("slots", 1.5), ("threads", 0)],
)
def test_a_set_up_out_of_its_bounds_is_refused_when_connecting(name, value):
    with pytest.raises(backbay.ConfigurationError, match=f"{name} is "):
        backbay.connect("local:tiny", **{name: value})


def test_an_unknown_argument_is_refused_with_the_nearest_name():
    with pytest.raises(backbay.ConfigurationError, match="Did you mean context"):
        backbay.connect("local:tiny", contxt=3)


def test_more_context_than_the_model_was_trained_on_is_refused():
    assert "2048" in refusal(backbay.ConfigurationError, "local:tiny", config={"context": 4096}).hint


def test_a_prompt_that_does_not_fit_is_told_apart():
    """M4."""
    error = refusal(backbay.ContextLengthError, "local:tiny", "word " * 3000)
    assert (error.code, error.retryable, error.attempts) == ("exceed_context_size_error", False, 1)
    assert "2048" in str(error)


def test_a_library_that_cannot_be_imported_is_told_with_the_line_that_installs_it(monkeypatch):
    real = importlib.import_module

    def missing(name, package=None):
        if name == "xllamacpp":
            raise ImportError("No module named 'xllamacpp'")
        return real(name, package)

    monkeypatch.setattr("backbay_local.engine.import_module", missing)
    error = refusal(backbay.ConfigurationError, "local:tiny")
    assert "pip install" in error.hint


def test_half_of_a_surrogate_pair_is_no_text():
    with pytest.raises(backbay.InvalidRequestError):
        ask("local:tiny", "a\ud800b")


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ([Message(role="user", content="What is this?", images=("https://example.org/a.png",))], {}),
        ("Say pong", {"reasoning": "high"}),
    ],
)
def test_what_the_engine_is_not_used_for_is_refused_before_anything_is_loaded(loads, prompt, options):
    """M3."""
    with pytest.raises(backbay.UnsupportedError):
        ask("local:tiny", prompt, **options)
    assert loads == []


def test_fields_that_backbay_writes_are_refused_in_extra():
    """M2."""
    with pytest.raises(backbay.BackbayError):
        ask("local:tiny", extra={"stream": False})


def test_there_is_no_address_and_no_transport():
    with pytest.raises(backbay.ConfigurationError):
        backbay.connect("local:tiny", base_url="http://127.0.0.1:1")


def test_the_head_of_a_file_is_read_without_the_engine():
    assert read_head(TINY_PATH) == Head("llama", "Backbay Tiny", 2048)


def gguf(*values, edition=3, count=None):
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    return (
        b"GGUF"
        + struct.pack("<IQQ", edition, 0, len(values) if count is None else count)
        + b"".join(text(key) + value for key, value in values)
    )


def test_values_of_every_type_are_stepped_over(tmp_path):
    word = struct.pack("<IQ", 8, 2) + b"hi"
    scalars = [
        (f"s{kind}", struct.pack("<I", kind) + bytes(size))
        for kind, size in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (6, 4), (7, 1), (10, 8), (11, 8), (12, 8)]
    ]
    arrays = [
        ("numbers", struct.pack("<IIQ", 9, 4, 3) + bytes(12)),
        ("words", struct.pack("<IIQ", 9, 8, 1) + word[4:]),
        ("nested", struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 0, 2) + bytes(2)),
    ]
    last = [("general.architecture", word), ("hi.context_length", struct.pack("<II", 4, 77))]
    path = tmp_path / "a.gguf"
    path.write_bytes(gguf(*scalars, *arrays, *last))
    assert read_head(path) == Head("hi", None, 77)


@pytest.mark.parametrize(
    "data",
    [
        gguf(edition=1),
        gguf(edition=0x03000000),
        gguf(count=1 << 60),
        gguf(count=3),
        gguf(("a", struct.pack("<I", 99))),
        gguf(("a", struct.pack("<IQ", 8, 1 << 62))),
        gguf(("a", struct.pack("<IIQ", 9, 8, 1 << 62))),
        gguf(("a", struct.pack("<IIQ", 9, 4, 1 << 63)), ("b", struct.pack("<I", 4))),
        gguf(("a", struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5000)),
    ],
)
def test_a_head_that_makes_no_sense_is_a_typed_error(tmp_path, data):
    """M5: whatever the bytes, never another exception."""
    path = tmp_path / "a.gguf"
    path.write_bytes(data)
    with pytest.raises(backbay.ConfigurationError):
        read_head(path)


def test_every_cut_of_a_head_is_a_typed_error(tmp_path):
    whole = TINY_PATH.read_bytes()[:400]
    path = tmp_path / "a.gguf"
    for size in range(0, 400, 7):
        path.write_bytes(whole[:size])
        try:
            read_head(path)
        except backbay.ConfigurationError:
            continue
        assert size > 100


def test_the_usual_set_up_fits_the_model():
    tiny, other = find("tiny"), find(str(TINY_PATH))
    assert (tiny.plan(Choices()).threads, tiny.plan(Choices()).slots, tiny.plan(Choices()).context) == (1, 4, 2048)
    assert other.plan(Choices()).threads >= 1
    assert other.plan(Choices(context=0)).context == 2048
    assert other.plan(Choices(context=512, slots=2, threads=3)).context == 512


def test_the_file_that_ships_is_the_one_that_is_described():
    import hashlib

    text = (TINY_PATH.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(TINY_PATH.read_bytes()).hexdigest() in text


def test_resolving_the_name_does_not_import_the_engine():
    import subprocess
    import sys

    script = "import backbay, sys; backbay.resolve('local'); sys.exit('xllamacpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=30).returncode == 0
