"""Laws of media: each image, sound and file of a turn reaches the vendor, in its order, or the request is refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from backbay import Message, RequestError, UnsupportedError
from backbay.capabilities import Capability
from backbay.messages import AudioPart, FilePart, ImagePart, Part, TextPart

from ..scenarios import PIXEL, PLAIN, Scenario
from ..subject import Subject
from .asked import assert_untouched, read
from .base import Laws, ask, lacks, run

DOT = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""A GIF of one pixel, in base64."""

URL = "https://acme.example/pixel.png?size=1&v=2"
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
PDF = "JVBERi0xLjQKJeLjz9MKMSAwIG9iago8PC9UeXBlL0NhdGFsb2c+PgplbmRvYmoK"


@dataclass(frozen=True, slots=True)
class Medium:
    """A turn with media in it.

    Attributes:
        name: What it is about.
        needs: The capabilities without which it is refused.
        parts: The content of the turn.
        images: How many images are in it.
    """

    name: str
    needs: tuple[Capability, ...]
    parts: tuple[Part, ...]
    images: int = 0

    def __str__(self) -> str:
        return self.name

    @property
    def scenario(self) -> Scenario:
        """The turn as a scenario."""
        return Scenario(self.name, PLAIN.answer, (Message(role="user", content=self.parts),), needs=self.needs)

    @property
    def stands(self) -> tuple[str, ...]:
        """What must stand in the request, in this order."""
        found = []
        for part in self.parts:
            found += [value for name in ("text", "data", "url") if (value := getattr(part, name, None))]
        return tuple(found)


_IMAGE, _FILE, _AUDIO = Capability.IMAGE_INPUT, Capability.FILE_INPUT, Capability.AUDIO_INPUT
_FIRST, _SECOND = ImagePart(data=PIXEL), ImagePart(data=DOT)

MEDIA = (
    Medium("an_image", (_IMAGE,), (TextPart(text="What is this?"), _FIRST), 1),
    Medium("two_images", (_IMAGE,), (TextPart(text="First:"), _FIRST, TextPart(text="Second:"), _SECOND), 2),
    Medium("images_before_text", (_IMAGE,), (_SECOND, _FIRST, TextPart(text="Which is larger?")), 2),
    Medium("an_image_by_url", (_IMAGE,), (TextPart(text="What is this?"), ImagePart(url=URL)), 1),
    Medium(
        "a_document",
        (_FILE,),
        (TextPart(text="Sum it up."), FilePart(data=PDF, media_type="application/pdf", filename="report.pdf")),
    ),
    Medium("a_recording", (_AUDIO,), (TextPart(text="What is said?"), AudioPart(data=WAV, format="wav"))),
    Medium(
        "an_image_and_a_document",
        (_IMAGE, _FILE),
        (_FIRST, FilePart(data=PDF, media_type="application/pdf", filename="a.pdf"), TextPart(text="Compare.")),
        1,
    ),
)


class MediaLaws(Laws):
    """What a turn has beside text is sent, or refused."""

    @pytest.mark.wire
    @pytest.mark.parametrize("how", ["complete", "stream"])
    @pytest.mark.parametrize("medium", MEDIA, ids=str)
    def test_media_are_sent_whole_and_in_order_or_refused(self, subject: Subject, medium: Medium, how: str) -> None:
        """The words "the first" must mean something; an answer about what the model never saw is an invention."""
        scenario = medium.scenario
        missing = lacks(subject, scenario)
        fetched = any(isinstance(part, ImagePart) and part.url for part in medium.parts)

        async def law() -> None:
            with subject.session(scenario.answer) as session:
                if missing is not None:
                    with pytest.raises(UnsupportedError, match=missing):
                        await ask(session.backend, scenario, how)
                    assert_untouched(session)
                elif fetched and not subject.the_vendor.image_urls:
                    with pytest.raises(RequestError):
                        await ask(session.backend, scenario, how)
                    assert_untouched(session)
                else:
                    await ask(session.backend, scenario, how)
                    [asked] = read(subject, session)
                    found = asked.turns[-1].images
                    assert found == medium.images, f"{medium.images} images were given, and {found} were sent"
                    assert session.server is not None
                    _assert_in_order(session.server.requests[0].body, medium)
                await session.backend.aclose()

        run(law())


def _assert_in_order(body: bytes, medium: Medium) -> None:
    text, place = body.decode().replace("\\/", "/"), 0
    for value in medium.stands:
        assert value in text, f"{medium}: {value!r} is not in the request {text!r}"
        assert value in text[place:], f"{medium}: {value!r} has another place than it was given: {text!r}"
        place = text.index(value, place) + len(value)
