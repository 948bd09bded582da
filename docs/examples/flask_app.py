"""A web service on Flask, without an event loop of its own: the blocking methods of a backend, from many threads.

Run it, with a model that needs no key, or with any other:

    pip install backbay backbay-local flask
    flask --app flask_app run --port 8000
    MODEL=openai:gpt-5.4 flask --app flask_app run --port 8000

Ask it:

    curl -s localhost:8000/answer -H 'content-type: application/json' -d '{"prompt": "What can you do?"}'
    curl -sN localhost:8000/stream -H 'content-type: application/json' -d '{"prompt": "Tell me a story about a fox."}'
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator

from flask import Flask, Response, abort, request
from flask.typing import ResponseReturnValue

import backbay

app = Flask(__name__)
backend = backbay.connect_sync(os.environ.get("MODEL", "local:tiny"), limits={"total": 120, "idle": 30})
atexit.register(backend.close)


@app.post("/answer")
def answer() -> ResponseReturnValue:
    """Return a whole answer as JSON."""
    found = backend.complete(_prompt())
    return {
        "text": found.text,
        "finish": str(found.finish),
        "output_tokens": found.usage.output if found.usage else None,
    }


@app.post("/stream")
def stream() -> ResponseReturnValue:
    """Stream an answer as plain text. A client that leaves closes the generator, and with it the call to the vendor."""
    return Response(_pieces(_prompt()), mimetype="text/plain")


@app.errorhandler(backbay.BackbayError)
def failed(error: backbay.BackbayError) -> ResponseReturnValue:
    """Tell a client what the backend failed with."""
    return {"error": {"type": type(error).__name__, "message": str(error)}}, 502


def _pieces(prompt: str) -> Iterator[str]:
    with backend.stream(prompt) as events:
        yield from events.texts()


def _prompt() -> str:
    body = request.get_json(silent=True)
    prompt = body.get("prompt") if isinstance(body, dict) else None
    if not isinstance(prompt, str) or not prompt:
        abort(400, description='The body must be JSON like {"prompt": "..."}.')
    return prompt
