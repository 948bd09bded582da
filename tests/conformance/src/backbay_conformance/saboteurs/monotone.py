"""The backend that always answers the same words, whatever it is asked: in this process, and over HTTP.

It ignores the prompt, stop sequences, the temperature, ``max_tokens`` and limits, says that it used no token, never
raises and cleans nothing up. A suite that looks at the types of what comes back finds nothing wrong with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from backbay import Embeddings, Ended, Event, Finish, Health, ModelInfo, Response, Text, Usage, UsageSeen
from backbay.attempt import Call
from backbay.backend import Backend
from backbay.http.driver import HTTPBackend
from backbay.request import Request

WORDS = "you you you"
_NOTHING = Usage(input=0, output=0)
_WHOLE = Response(text=WORDS, finish=Finish.STOP, raw_finish="stop", usage=_NOTHING)


async def _answer() -> AsyncIterator[Event]:
    yield Text(WORDS)
    yield UsageSeen(_NOTHING)
    yield Ended(Finish.STOP, "stop")


class SameWords(Backend):
    """Answers "you you you" to everything, used no token, and never fails; in this process."""

    def _stream(self, request: Request) -> AsyncIterator[Event]:
        return _answer()

    async def _complete_raw(self, request: Request) -> Response:
        return _WHOLE

    async def _list_models(self) -> Sequence[ModelInfo]:
        return []


class SameWordsOverHTTP(HTTPBackend):
    """Answers "you you you" to everything, used no token, and never fails; over HTTP, where it sends nothing."""

    def _events(self, call: Call) -> AsyncIterator[Event]:
        return _answer()

    async def _whole(self, call: Call) -> Response:
        return _WHOLE

    async def _continued(self, call: Call) -> Response:
        return _WHOLE

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        return []

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        return Embeddings(vectors=[[0.0] for _ in inputs])

    async def _probe(self) -> Health:
        return Health(reachable=True)

    async def _aclose(self) -> None:
        return None
