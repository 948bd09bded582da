"""What comes of the lines that Ollama answers in, of its errors, its models and its vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

import backbay
from backbay import Finish
from backbay.testing import Reply, ScriptedServer

CREATED = "2026-08-17T15:57:12.772341Z"


def line(done: bool = False, *, message: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """Return a line of a stream."""
    said = {"role": "assistant", "content": "", **(message or {})}
    return json.dumps({"model": "m", "created_at": CREATED, "message": said, "done": done, **fields}).encode() + b"\n"


def lines(*steps: bytes) -> Reply:
    """Return a streamed answer."""
    return Reply(headers={"content-type": "application/x-ndjson"}, steps=list(steps))


def answers(reply: Reply, *, wire: str | None = None) -> tuple[backbay.Response, backbay.Response]:
    """Return an answer streamed, and whole."""
    with ScriptedServer([reply, reply]) as server:
        with backbay.connect_sync("ollama:m", base_url=server.url, wire=wire, retries=0) as backend:
            with backend.stream("Say pong.") as stream:
                for _ in stream:
                    pass
                streamed = stream.response
            return streamed, backend.complete("Say pong.")


def failure(reply: Reply, *, wire: str | None = None, how: str = "stream") -> backbay.BackbayError:
    """Return the error of an answer that fails."""
    with ScriptedServer(reply) as server:
        with backbay.connect_sync("ollama:m", base_url=server.url, wire=wire, retries=0) as backend:
            with pytest.raises(backbay.BackbayError) as caught:
                if how == "complete":
                    backend.complete("Say pong.")
                else:
                    list(backend.stream("Say pong."))
    return caught.value


def test_calls_without_ids_get_ids_that_are_unique_and_always_the_same() -> None:
    """N3, N4: older servers give none; the finish says that there are calls, although the server says "stop"."""
    call = {"function": {"name": "f", "arguments": {"city": "Čakovec"}}}
    reply = lines(
        line(message={"tool_calls": [call, call]}), line(message={"tool_calls": [call]}), line(True, done_reason="stop")
    )
    streamed, whole = answers(reply)
    ids = [call.id for call in streamed.tool_calls]
    assert len(set(ids)) == 3
    assert all(ids)
    assert ids == [call.id for call in whole.tool_calls]
    assert [call.arguments for call in streamed.tool_calls] == [{"city": "Čakovec"}] * 3
    assert (streamed.finish, streamed.raw_finish) == (Finish.TOOL_CALLS, "stop")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("stop", Finish.STOP), ("length", Finish.LENGTH), ("load", Finish.OTHER), (None, Finish.OTHER)],
)
def test_the_finish_is_mapped_and_an_absent_word_stays_absent(reason: str | None, finish: Finish) -> None:
    """N9."""
    word = {} if reason is None else {"done_reason": reason}
    for answer in answers(lines(line(message={"content": "po"}), line(True, message={"content": "ng"}, **word))):
        assert (answer.text, answer.finish, answer.raw_finish) == ("pong", finish, reason)
        assert (answer.id, answer.usage) == (None, None)


def test_counts_that_the_server_leaves_out_are_unknown() -> None:
    """U7: it leaves out a count of 0, and older ones leave out what came from the cache."""
    streamed, _ = answers(lines(line(True, done_reason="length", eval_count=5, eval_duration=9)))
    assert streamed.usage is not None
    assert (streamed.usage.input, streamed.usage.output, streamed.usage.cached) == (None, 5, None)
    assert streamed.usage.raw == {"eval_count": 5, "eval_duration": 9}


def test_log_probabilities_and_images_are_kept() -> None:
    one = {"token": "po", "logprob": -0.1, "top_logprobs": []}
    two = {"token": "ng", "logprob": -0.2, "top_logprobs": []}
    reply = lines(
        line(message={"content": "po"}, logprobs=[one]), line(True, message={"images": ["aGk="]}, logprobs=[two])
    )
    for answer in answers(reply):
        assert answer.details == {"logprobs": {"content": [one, two]}, "images": ["aGk="]}


def test_an_error_in_the_stream_raises_with_what_came() -> None:
    reply = lines(line(message={"content": "po"}), b'{"error":"an error was encountered while running the model"}\n')
    error = failure(reply)
    assert isinstance(error, backbay.ServerError)
    assert "running the model" in error.message
    assert error.partial is not None
    assert error.partial.text == "po"
    assert error.retryable


def test_an_error_in_the_stream_may_say_its_status() -> None:
    """As that of a model in the cloud, which the local server passes on."""
    error = failure(lines(b'{"error":"too many requests","status":429}\n'))
    assert isinstance(error, backbay.RateLimitError)
    assert "too many requests" in error.message


@pytest.mark.parametrize("end", [b"", b'{"model":"m","message":{"role":"assi'])
def test_a_stream_that_never_says_done_is_cut(end: bytes) -> None:
    error = failure(lines(line(message={"content": "po"}), end))
    assert isinstance(error, backbay.TruncatedError)
    assert error.partial is not None
    assert error.partial.text == "po"


def test_a_whole_answer_that_is_not_done_is_no_answer() -> None:
    body = Reply(headers={"content-type": "application/json"}, steps=[line(message={"content": "po"})])
    assert isinstance(failure(body, how="complete"), backbay.DecodeError)


@pytest.mark.parametrize("how", ["complete", "stream"])
@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("ollama_chat", {"error": "model 'acme:7b' not found"}),
        ("ollama_chat", {"error": 'model "acme:7b" not found, try pulling it first'}),
        ("openai_chat", {"error": {"message": "model 'acme:7b' not found", "type": "api_error", "code": None}}),
        (
            "anthropic_messages",
            {"type": "error", "error": {"type": "not_found_error", "message": "model 'acme:7b' not found"}},
        ),
    ],
)
def test_a_model_that_is_not_there_is_named_with_what_gets_it(wire: str, body: dict[str, Any], how: str) -> None:
    """N12: a fallback goes by the class; a person goes by the hint."""
    error = failure(Reply.json(body, status=404), wire=wire, how=how)
    assert type(error) is backbay.ModelNotFoundError
    assert error.hint is not None
    assert "`ollama pull acme:7b`" in error.hint
    assert (error.status, error.retryable, error.model) == (404, False, "m")


def test_a_path_that_is_not_there_is_no_missing_model() -> None:
    reply = Reply(status=404, headers={"content-type": "text/plain"}, steps=[b"404 page not found"])
    assert type(failure(reply)) is backbay.NotFoundError


def test_the_model_list_has_names_windows_and_the_servers_own_record() -> None:
    details = {"family": "llama", "parameter_size": "3.2B", "context_length": 131072}
    listed = [{"name": "llama3.2:latest", "model": "llama3.2:latest", "size": 2019393189, "details": details}]
    listed.append({"name": "acme:7b", "details": {}})
    with ScriptedServer(Reply.json({"models": listed})) as server:
        with backbay.connect_sync("ollama", base_url=server.url) as backend:
            models = backend.list_models()
        assert server.requests[0].path == "/api/tags"
    assert [(model.id, model.context_window) for model in models] == [("llama3.2:latest", 131072), ("acme:7b", None)]
    assert models[0].native
    assert models[0].raw["details"] == details


def test_embeddings_take_the_servers_own_options() -> None:
    reply = Reply.json({"model": "e", "embeddings": [[1, 0.5], [0, 1]], "prompt_eval_count": 4})
    with ScriptedServer(reply) as server, backbay.connect_sync("ollama:e", base_url=server.url) as backend:
        found = backend.embed(["a", "b"], extra={"truncate": False, "keep_alive": 0})
        body = server.requests[0].json
    assert server.requests[0].path == "/api/embed"
    assert body == {"model": "e", "input": ["a", "b"], "truncate": False, "keep_alive": 0}
    assert (found.vectors, found.model) == ([[1.0, 0.5], [0.0, 1.0]], "e")
    assert found.usage is not None
    assert found.usage.input == 4
