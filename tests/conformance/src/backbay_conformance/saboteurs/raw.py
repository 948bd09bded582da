"""Saboteurs of raw text: each makes something else of a text that was to be continued as it is."""

from __future__ import annotations

from typing import Any

from backbay import BackbayError, DecodeError, Ended, Finish, Response, Text
from backbay.attempt import Call
from backbay.http.codec import Decoded, HTTPRequest
from backbay.http.driver import HTTPBackend
from backbay.rawtext import NO_PLACE
from backbay.request import Request

from .wire import Sabotaged

Body = dict[str, Any]


class ChatsInstead(Sabotaged):
    """Makes a conversation of the text."""

    def encode_raw(self, request: Request) -> HTTPRequest:
        return self.encode(request, stream=False)


class PutsRawTextIntoATemplate(Sabotaged):
    """Puts the text into a template of its own."""

    def raw_body(self, body: Body, request: Request) -> Body:
        return {**body, "prompt": f"### User:\n{body['prompt']}\n### Assistant:\n"}


class TrimsRawText(Sabotaged):
    """Takes the white space off the ends of the text."""

    def raw_body(self, body: Body, request: Request) -> Body:
        return {**body, "prompt": body["prompt"].strip()}


class NamesRolesBesideRawText(Sabotaged):
    """Says beside the text who said it."""

    def raw_body(self, body: Body, request: Request) -> Body:
        return {**body, "metadata": {"role": "user"}}


class LosesOptionsOfRawText(Sabotaged):
    """Sends the text without a limit and a seed."""

    def raw_body(self, body: Body, request: Request) -> Body:
        return {key: value for key, value in body.items() if key not in ("max_tokens", "seed")}


class LosesTheSchemaOfRawText(Sabotaged):
    """Leaves a schema out, and says nothing."""

    def encode_raw(self, request: Request) -> HTTPRequest:
        return super().encode_raw(request.model_copy(update={"response_format": None}))


class StripsWhatFollowsRawText(Sabotaged):
    """Takes the white space off the ends of the answer."""

    def decode_raw(self, body: bytes) -> Decoded:
        honest = super().decode_raw(body)
        return Decoded([Text(each.delta.strip()) if isinstance(each, Text) else each for each in honest.events])


class TakesAnythingForWhatFollows(Sabotaged):
    """Takes what it cannot read for a model that said nothing."""

    def decode_raw(self, body: bytes) -> Decoded:
        try:
            return super().decode_raw(body)
        except DecodeError:
            return Decoded([Ended(Finish.STOP, "stop")])


class RetriesRawTextByItself(HTTPBackend):
    """Sends a text again, though core does so already."""

    async def _continued(self, call: Call) -> Response:
        try:
            return await super()._continued(call)
        except BackbayError:
            return await super()._continued(call)


class DropsWhatRawTextHasNoPlaceFor(HTTPBackend):
    """Leaves tools and system prompts out, and says nothing."""

    async def complete_raw(self, prompt: str, **options: Any) -> Response:  # type: ignore[misc]
        kept: Any = {name: value for name, value in options.items() if name not in NO_PLACE}
        return await super().complete_raw(prompt, **kept)
