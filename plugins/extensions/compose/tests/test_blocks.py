"""Blocks: what they take, and how they look on the wire."""

from __future__ import annotations

import base64

import pytest

from backbay import ImagePart
from backbay_compose import AudioBlock, CBlock, ChatContext, ImageBlock, Instruction, Message, SimpleContext, SpanError

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PIXEL = base64.b64encode(PNG).decode()
SOUND = base64.b64encode(b"RIFF0000WAVE").decode()


def test_a_block_is_its_text_and_none_reads_as_nothing():
    assert (CBlock("x").value, str(CBlock("x"))) == ("x", "x")
    assert (CBlock().value, str(CBlock(None)), str(CBlock(""))) == (None, "", "")
    assert CBlock("x", {"a": 1}).meta == {"a": 1}
    assert repr(CBlock("x" * 100)) == f"CBlock({'x' * 39!r}…)"
    with pytest.raises(AttributeError):
        CBlock("x").value = "y"


@pytest.mark.parametrize("wrong", [7, b"x", ["x"], CBlock("x")])
def test_a_block_of_anything_but_text_is_a_type_error(wrong):
    with pytest.raises(TypeError, match=type(wrong).__name__):
        CBlock(wrong)
    with pytest.raises(SpanError):
        CBlock(wrong)


@pytest.mark.parametrize("wrong", ["", "no base64!", base64.b64encode(b"no image").decode(), "ftp://x/y.png"])
def test_an_image_that_is_none_is_refused(wrong):
    with pytest.raises(SpanError):
        ImageBlock(wrong)


def test_a_detail_or_a_format_that_nobody_knows_is_refused():
    with pytest.raises(SpanError, match="detail"):
        ImageBlock(PIXEL, detail="huge")
    with pytest.raises(SpanError, match="wav"):
        AudioBlock(SOUND, "midi")
    for wrong in ("", "###", None):
        with pytest.raises(SpanError):
            AudioBlock(wrong)


def test_an_image_is_read_from_a_file_a_data_url_and_a_url(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    assert ImageBlock.from_file(tmp_path / "a.png").part.media_type == "image/png"
    assert ImageBlock(f"data:image/png;base64,{PIXEL}").part.media_type == "image/png"
    assert ImageBlock("https://example.com/a.png", detail="low").part == ImagePart(
        url="https://example.com/a.png", detail="low"
    )
    (tmp_path / "b.png").write_bytes(b"text")
    with pytest.raises(SpanError):
        ImageBlock.from_file(tmp_path / "b.png")
    with pytest.raises(OSError, match=r"c\.png"):
        ImageBlock.from_file(tmp_path / "c.png")
    assert str(ImageBlock(PIXEL)) == str(AudioBlock(SOUND)) == ""


def test_images_and_sounds_stand_beside_the_text_once_each(served, said, finish):
    with served(said("x")) as (server, composer):
        image = ImageBlock(PIXEL)

        async def main():
            ctx = ChatContext().add(ImageBlock("https://example.com/a.png")).add(Message("user", "m", images=[image]))
            action = Instruction("look {{ it }}", {"it": image}, images=[image])
            thunk, _ = await composer.generate_from_context(action, ctx)
            await thunk.avalue()
            await composer.backend.aclose()

        finish(main())
        alone, beside, last = (turn["content"] for turn in server.requests[0].json["messages"])
        assert [part["type"] for part in alone] == ["image_url"]
        assert [part["type"] for part in beside] == ["text", "image_url"]
        assert [part["type"] for part in last] == ["text", "image_url"]
        assert last[0]["text"] == "look "
        assert PIXEL in last[1]["image_url"]["url"]


def test_a_sound_is_sent_as_what_it_is(served, said, finish):
    with served(said("x")) as (server, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(
                Message("user", "hear", audio=[AudioBlock(SOUND, "mp3")]), SimpleContext()
            )
            await thunk.avalue()
            await composer.backend.aclose()

        finish(main())
        [turn] = server.requests[0].json["messages"]
        assert turn["content"][1]["input_audio"] == {"data": SOUND, "format": "mp3"}


def test_a_block_can_mark_what_a_vendor_shall_keep(served, finish):
    from backbay.testing import Reply

    def answer(request):
        content = [{"type": "text", "text": "x"}]
        usage = {"input_tokens": 1, "output_tokens": 1}
        return Reply.json(
            {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage}
            | {"stop_reason": "end_turn", "stop_sequence": None}
        )

    with served(answer, "anthropic:m-1", model_options={"@@@stream@@@": False}) as (server, composer):

        async def main():
            ctx = ChatContext().add(CBlock("long", cache=True))
            thunk, _ = await composer.generate_from_context(CBlock("short"), ctx)
            assert await thunk.avalue() == "x"
            await composer.backend.aclose()

        finish(main())
        [turn] = server.requests[0].json["messages"]
        assert turn["content"][0]["cache_control"]["type"] == "ephemeral"
        assert "cache_control" not in turn["content"][1]
