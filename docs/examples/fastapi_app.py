"""A web service on FastAPI: one answer as JSON, or streamed as server-sent events.

Run it, with a model that needs no key, or with any other:

    pip install backbay backbay-local fastapi uvicorn
    uvicorn fastapi_app:app --port 8000
    MODEL=openai:gpt-5.4 uvicorn fastapi_app:app --port 8000

Ask it:

    curl -s localhost:8000/answer -H 'content-type: application/json' -d '{"prompt": "What can you do?"}'
    curl -sN localhost:8000/stream -H 'content-type: application/json' -d '{"prompt": "Tell me a story about a fox."}'
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

import backbay


class Question(BaseModel):
    """The body of a request."""

    prompt: str = Field(min_length=1, max_length=20_000)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one backend for the life of the service: it serves all requests at once, and keeps connections open."""
    async with backbay.connect(os.environ.get("MODEL", "local:tiny"), limits={"total": 120, "idle": 30}) as backend:
        app.state.backend = backend
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/answer")
async def answer(question: Question, request: Request) -> dict[str, object]:
    """Return a whole answer."""
    backend: backbay.Backend = request.app.state.backend
    try:
        found = await backend.complete(question.prompt)
    except backbay.BackbayError as error:
        raise HTTPException(502, detail=f"{type(error).__name__}: {error}") from error
    return {"text": found.text, **_about(found)}


@app.post("/stream")
async def stream(question: Question, request: Request) -> StreamingResponse:
    """Stream an answer. A client that leaves ends the generator, and with it the call to the vendor."""
    return StreamingResponse(_events(request.app.state.backend, question.prompt), media_type="text/event-stream")


async def _events(backend: backbay.Backend, prompt: str) -> AsyncIterator[str]:
    try:
        async with backend.stream(prompt) as events:
            async for event in events:
                if isinstance(event, backbay.Text):
                    yield _sse("text", {"delta": event.delta})
            found = await events.collect()
    except backbay.BackbayError as error:  # the head is gone already, so the client is told in the stream
        yield _sse("error", {"type": type(error).__name__, "message": str(error)})
        return
    yield _sse("done", _about(found))


def _about(found: backbay.Response) -> dict[str, object]:
    """Return why an answer ended, and how long it is; ``None`` where the vendor does not say."""
    return {"finish": str(found.finish), "output_tokens": found.usage.output if found.usage else None}


def _sse(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
