"""Saboteurs of secrecy: backends over HTTP that give the key away, each in another place."""

from __future__ import annotations

import logging

from backbay import BackbayError, Response
from backbay.attempt import Call
from backbay.http.driver import HTTPBackend


class ShowsTheKey(HTTPBackend):
    """Has the key in its ``repr``."""

    def __repr__(self) -> str:
        key = self.settings.api_key.reveal() if self.settings.api_key else None
        return f"ShowsTheKey(api_key={key!r})"


class LogsTheKey(HTTPBackend):
    """Writes the key into its log."""

    async def _whole(self, call: Call) -> Response:
        if self.settings.api_key:
            logging.getLogger("backbay.saboteur").debug("calling with %s", self.settings.api_key.reveal())
        return await super()._whole(call)


class AttachesTheKeyToItsLog(HTTPBackend):
    """Attaches the headers of a request, with the key, to a record of its log."""

    async def _whole(self, call: Call) -> Response:
        if self.settings.api_key:
            headers = {"authorization": f"Bearer {self.settings.api_key.reveal()}"}
            logging.getLogger("backbay.saboteur").debug("calling", extra={"headers": headers})
        return await super()._whole(call)


class PicklesTheKey(HTTPBackend):
    """Has the key in what a pickle of it holds."""

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (self.settings.api_key.reveal() if self.settings.api_key else "",)


class KeyInFrames(HTTPBackend):
    """Holds the key in a local variable where its error is raised."""

    async def _whole(self, call: Call) -> Response:
        try:
            return await super()._whole(call)
        except BackbayError as error:
            header = f"Bearer {self.settings.api_key.reveal()}" if self.settings.api_key else ""
            error.hint = error.hint or f"The request had a key of {len(header)} characters."
            raise


class KeyInErrors(HTTPBackend):
    """Has the key in the words of its errors."""

    async def _whole(self, call: Call) -> Response:
        try:
            return await super()._whole(call)
        except BackbayError as error:
            if self.settings.api_key:
                error.message = f"{error.message} (key {self.settings.api_key.reveal()})"
                error.args = (error.message,)
            raise
