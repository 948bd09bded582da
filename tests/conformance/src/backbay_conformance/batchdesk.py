"""A vendor's batches, emulated: what is common to all, behind what one wire has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backbay.testing import Received, Reply

from .scenarios import PLAIN, Answer

if TYPE_CHECKING:
    from .vendor import Vendor


class BatchDesk(ABC):
    """Takes batches, and has them answered. One for each session; it is the session's script.

    Args:
        vendor: The emulator of the wire, which writes the answers.

    Attributes:
        answers: What each request is answered, by its custom id: an answer, or the status of an error. The scenario
            ``plain`` for those that are not there.
        made: The requests of each batch that was made: bodies by custom id.
        loses: How many of the next creations are made, and their answer is lost.
        omits: Custom ids of requests that get no result, though their batch is completed.
        repeats: Whether each result stands twice in what is read.
        elsewhere: Another vendor's address, which stands wherever an answer has an address in it; ``None`` for none.
        open: Whether batches do not end.
    """

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.answers: dict[str, Answer | int] = {}
        self.made: list[Mapping[str, bytes]] = []
        self.loses = 0
        self.omits: set[str] = set()
        self.repeats = False
        self.elsewhere: str | None = None
        self.open = False

    @abstractmethod
    def __call__(self, request: Received) -> Reply:
        """Return the answer to a request about batches; raise ``ValueError`` where it is none of this wire's."""

    def take(self, requests: Mapping[str, bytes], told: bytes) -> Reply:
        """Make a batch, and return what is answered; ``told`` is how the vendor describes it."""
        self.made.append(requests)
        if self.loses:
            self.loses -= 1
            return Reply(framing="raw", end="reset")
        return json_reply(told)

    def results(self, requests: Mapping[str, bytes]) -> Sequence[tuple[str, int, bytes]]:
        """Return id, status and body of each result, the last request's first."""
        found: list[tuple[str, int, bytes]] = []
        for custom_id in reversed(list(requests)):
            answer = self.answers.get(custom_id, PLAIN.answer)
            if custom_id in self.omits:
                continue
            if isinstance(answer, int):
                found.append((custom_id, answer, self.vendor.error(answer, "no")))
            else:
                found.append((custom_id, 200, self.vendor.whole(answer)))
        return [each for each in found for _ in range(1 + self.repeats)]


def json_reply(body: bytes, status: int = 200) -> Reply:
    """Return a body of JSON."""
    return Reply(status=status, headers={"content-type": "application/json"}, steps=[body])


def lines_reply(lines: Sequence[bytes]) -> Reply:
    """Return lines, in pieces that end anywhere."""
    data = b"".join(line + b"\n" for line in lines)
    steps = [data[at : at + 997] for at in range(0, len(data), 997)]
    return Reply(headers={"content-type": "application/octet-stream"}, steps=steps)


def file_in(request: Received) -> bytes:
    """Return the file in a form (RFC 7578); raise ``ValueError`` if there is none."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    boundary = parameters.partition("boundary=")[2].strip().strip('"').encode()
    if kind.strip() != "multipart/form-data" or not boundary:
        raise ValueError(f"the content type {kind!r} is no form's")
    for part in request.body.split(b"--" + boundary):
        head, _, body = part.partition(b"\r\n\r\n")
        if b'name="file"' in head and b"filename=" in head:
            return body.removesuffix(b"\r\n")
    raise ValueError("the form has no file")
