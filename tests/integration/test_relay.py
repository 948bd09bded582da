"""Jobs over real sockets: bytes up and down as they are, backpressure, the sink's errors, deadlines and refusals.

Holds U1, U2, U4, U5, U6, U8 and U9 of the jobs' behaviour; U3 and U13 have modules of their own.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager

import pytest

import backbay
from backbay import Job, errors, job_error_code
from backbay.jobs import with_model
from backbay.testing import Pause, Reply, ScriptedServer

KEY = "sk-test-0123456789abcdef"
WIRES = {
    ("openai", "openai"): "/v1/chat/completions",
    ("openai", "openai_responses"): "/v1/responses",
    ("vllm", "anthropic"): "/v1/messages",
    ("anthropic", "anthropic"): "/v1/messages",
    ("mistral", "mistral_chat"): "/v1/chat/completions",
    ("ollama", "ollama_chat"): "/api/chat",
    ("cohere", "cohere_v2"): "/v1/chat",
    ("google", "gemini"): "/v1/models/m-1:generateContent",
    ("bedrock", "bedrock_converse"): "/v1/model/m-1/converse",
    ("bedrock", "bedrock_invoke"): "/v1/model/m-1/invoke",
}
EACH_WIRE = pytest.mark.parametrize(("vendor", "format"), WIRES, ids="-".join)
BODIES = {
    "invalid UTF-8": [b'data: {"usage":"\xff\xfe\x80"}\n\n', b"\xc3"],
    "CRLF": [b"data: 1\r\n\r\ndata: [DONE]\r\n\r\n"],
    "1-byte reads": [bytes([byte]) for byte in b'data: {"a": 1}\r\n\r\n'],
    "no trailing newline": [b'data: {"usage":{"prompt_tokens":1'],
    "0 bytes": [],
    "every byte": [bytes(range(256)) * 40],
    "one body": [b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}'],
}


class Sink:
    """Keeps what it gets; ``chunk`` is called with each chunk before that."""

    def __init__(self, chunk=None):
        self.chunks = []
        self.started = []
        self.at = []
        self._chunk = chunk

    async def start(self, status, content_type):
        assert not self.chunks
        self.started.append((status, content_type))

    async def send_chunk(self, data):
        self.at.append(time.monotonic())
        if self._chunk is not None:
            await self._chunk(data)
        self.chunks.append(data)

    @property
    def body(self):
        return b"".join(self.chunks)


@asynccontextmanager
async def connected(server, vendor="openai", format="openai", **config):
    wire = {"bedrock_invoke": "bedrock_invoke"}.get(format)
    more = {"region": "eu-west-1"} if vendor == "bedrock" else {}
    given = {"api_key": KEY, "retries": 0, "base_url": server.url, "wire": wire, **more, **config}
    async with backbay.connect(f"{vendor}:m-1", **given) as backend:
        yield backend


def job(request=b'{"messages":[]}', format="openai", **more):
    return Job("job-1", more.pop("model_id", "m-1"), request, format, **more)


def carried(server, the_job, sink, vendor="openai", **config):
    async def call():
        async with connected(server, vendor, the_job.format, **config) as backend:
            return await backend.execute(the_job, sink)

    return asyncio.run(call())


@EACH_WIRE
@pytest.mark.parametrize("body", BODIES)
def test_the_sink_gets_the_bytes_that_came(vendor, format, body):
    """U1, U2: on every wire, whatever the bytes are."""
    sink = Sink()
    with ScriptedServer(Reply(headers={"content-type": "text/x-odd; a=b"}, steps=BODIES[body])) as server:
        result = carried(server, job(format=format), sink, vendor)
    assert sink.body == b"".join(BODIES[body])
    assert sink.started == [(200, "text/x-odd; a=b")]
    assert all(sink.chunks)
    assert (result.input_tokens, result.output_tokens) == ((3, 2) if body == "one body" else (None, None))
    assert result.duration_ms >= 0
    request = server.requests[0]
    assert request.headers["accept-encoding"] == "identity"
    assert request.path == WIRES[vendor, format]


@EACH_WIRE
def test_the_vendor_gets_the_bytes_that_were_given(vendor, format):
    """U8: the model alone is written; where the address names it, the body loses it."""
    request = b' { "x":[1.0, 1e5,"\\u00e9\xc3\xa9"],\r\n"model" : "m-1" ,"stream_options":{"a":1} } \n'
    with ScriptedServer(Reply()) as server:
        carried(server, job(request, format), Sink(), vendor)
    sent = server.requests[0].body
    assert sent in (request, request.replace(b'"model" : "m-1" ,', b""))
    assert json.loads(sent) | {"model": "m-1"} == json.loads(request)


def test_a_missing_model_is_inserted_and_nothing_else_is_touched():
    """U8: neither ``stream`` nor ``stream_options`` is added, and the caller's own dict stays as it is."""
    given = {"messages": [{"role": "user", "content": "é"}], "temperature": 1.0, "n": 10**30, "stream": True}
    before = json.dumps(given)
    with ScriptedServer(Reply()) as server:
        carried(server, job(given), Sink())
        carried(server, job(json.dumps(given).encode()), Sink())
    for request in server.requests:
        assert request.json == {**given, "model": "m-1"}
    assert server.requests[1].body == b'{"model":"m-1",' + before.encode()[1:]
    assert json.dumps(given) == before


@pytest.mark.parametrize("request_", [{"model": "m-2"}, b'{"model":"m-2"}', rb'{"mod\u0065l":"m-2"}'])
def test_a_request_for_another_model_is_refused(request_):
    """U8."""
    with ScriptedServer(Reply()) as server:
        with pytest.raises(errors.InvalidRequestError, match="m-2") as caught:
            carried(server, job(request_), Sink())
        assert (server.connections, caught.value.attempts, caught.value.phase) == (0, 0, "prepare")
        carried(server, job(with_model(request_, "m-1")), Sink())
        assert server.requests[0].json["model"] == "m-1"


@pytest.mark.parametrize("request_", [b"", b"[]", b'{"a":}', b'{"model":1}', b'{"model":"m-1","model":"m-1"}', b"\xff"])
def test_what_is_no_request_is_refused(request_):
    with ScriptedServer(Reply()) as server:
        with pytest.raises(errors.InvalidRequestError):
            carried(server, job(request_), Sink())
        assert server.connections == 0


def test_a_job_without_a_model_takes_the_backends_or_the_requests_own():
    with ScriptedServer(Reply()) as server:
        carried(server, job(b"{}", model_id=None), Sink())

        async def nameless(request):
            async with backbay.connect("openai", api_key=KEY, base_url=server.url) as backend:
                await backend.execute(job(request, model_id=None), Sink())

        asyncio.run(nameless({"model": "m-3"}))
        with pytest.raises(errors.ConfigurationError, match="no model"):
            asyncio.run(nameless({}))
    assert [request.json["model"] for request in server.requests] == ["m-1", "m-3"]


def test_a_format_that_is_not_declared_is_refused_before_any_request():
    """U6: never translated."""
    with ScriptedServer(Reply()) as server:
        for vendor, name in (
            ("openai", "anthropic"),
            ("anthropic", "openai"),
            ("openai", "acme"),
            ("mistral", "openai"),
        ):
            with pytest.raises(errors.UnsupportedError, match=name) as caught:
                carried(server, job(format=name), Sink(), vendor)
            assert caught.value.code == "wire"
        with pytest.raises(errors.UnsupportedError) as caught:
            carried(server, job(), Sink(), capabilities={"execute": "unsupported"})
        assert caught.value.code == "execute"
        assert server.connections == 0


def test_anthropics_format_goes_to_anthropics_endpoint_with_its_headers():
    """U6: also where the backend was connected on another wire of one address and key."""
    with ScriptedServer(Reply()) as server:
        given = job(
            b'{"max_tokens":1}', "anthropic", headers={"Anthropic-Beta": "a-1", "anthropic-version": "2026-10-21"}
        )
        carried(server, job(b'{"max_tokens":1}', "anthropic"), Sink(), "anthropic")
        carried(server, given, Sink(), "anthropic")
        carried(server, given, Sink(), "vllm")
    plain, own, other = server.requests
    assert plain.headers["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in plain.headers
    assert plain.headers["x-api-key"] == own.headers["x-api-key"] == KEY
    for request in (own, other):
        assert request.path == "/v1/messages"
        assert request.body == b'{"model":"m-1","max_tokens":1}'
        assert request.headers["anthropic-version"] == "2026-10-21"
        assert request.headers["anthropic-beta"] == "a-1"


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "HOST", "content-length", "a b", "", "a\nb", "é"])
def test_a_jobs_headers_are_not_the_backends(name):
    with ScriptedServer(Reply()) as server:
        with pytest.raises(errors.InvalidRequestError):
            carried(server, job(headers={name: "x"}), Sink())
        with pytest.raises(errors.InvalidRequestError):
            carried(server, job(headers={"x-one": "a\r\nb"}), Sink())
        assert server.connections == 0


def test_wires_are_those_that_can_be_carried():
    wires = {
        "openai": ("openai_chat", "openai_responses"),
        "vllm": ("openai_chat", "openai_responses", "anthropic_messages"),
        # At another address, or below another path.
        "deepseek": ("openai_chat", "openai_responses"),
        "ollama": ("ollama_chat",),
        "voyage": (),
        "manual": (),
    }
    for vendor, wanted in wires.items():
        config = {} if vendor == "manual" else {"api_key": KEY}
        assert backbay.connect(f"{vendor}:m", **config).wires == wanted, vendor
    other = backbay.connect("vllm:m", wire="anthropic_messages")
    assert other.wires == ("anthropic_messages", "openai_chat", "openai_responses")
    assert backbay.connect("vllm:m", capabilities={"execute": "unsupported"}).wires == ()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (404, {"error": {"code": "model_not_found", "message": "no"}}, errors.ModelNotFoundError, "model_not_loaded"),
        (401, {"error": {"message": "bad key"}}, errors.AuthenticationError, "auth_rejected_by_backend"),
        (403, {"error": {"message": "no"}}, errors.PermissionDeniedError, "auth_rejected_by_backend"),
        (500, {"error": {"message": "x" * 100_000}}, errors.ServerError, "internal"),
        (302, {}, errors.BackbayError, "internal"),
    ],
)
def test_an_error_of_the_vendor_reaches_no_sink(status, body, kind, code):
    """U9: typed, with its code; the body in it is cut."""
    sink = Sink()
    with ScriptedServer(Reply.json(body, status=status)) as server, pytest.raises(kind) as caught:
        carried(server, job(), sink)
    assert (sink.chunks, sink.started) == ([], [])
    assert job_error_code(caught.value) == code
    assert (caught.value.status, caught.value.attempts) == (status, 1)
    assert len(caught.value.body or "") <= 2000
    assert len(caught.value.message) <= 500


def test_a_backend_that_is_not_there_is_unreachable():
    """U9."""
    with ScriptedServer(Reply()) as server:
        url = server.url

    async def call():
        async with backbay.connect("openai:m", api_key=KEY, base_url=url, retries=0) as backend:
            await backend.execute(job(model_id="m"), Sink())

    with pytest.raises(errors.ConnectError) as caught:
        asyncio.run(call())
    assert job_error_code(caught.value) == "backend_unreachable"


class OfTheSinkError(Exception):
    """A sink's own."""


@pytest.mark.parametrize("kind", [OfTheSinkError, errors.ConnectError, errors.LimitExceededError, TimeoutError])
@pytest.mark.parametrize("where", ["start", "first", "third"])
def test_what_a_sink_raises_comes_back_as_it_is(kind, where):
    """U4: the same exception, the connection closed within a second, and nothing sent after it."""
    cause = ValueError("why")
    raised = kind("mine")
    raised.__cause__ = cause
    before = dict(vars(raised))
    sink = Sink()

    async def chunk(data):
        if where == "first" or len(sink.chunks) == 2:
            raise raised

    async def start(status, content_type):
        raise raised

    sink._chunk = None if where == "start" else chunk
    if where == "start":
        sink.start = start
    steps = [step for _ in range(400) for step in (b"data: x\n\n", Pause(0.01))]

    async def call(server):
        async with connected(server, retries=3) as backend:
            with pytest.raises(kind) as caught:
                await backend.execute(job(), sink)
            assert caught.value is raised
            assert (raised.__cause__, vars(raised)) == (cause, before)
            assert await asyncio.to_thread(server.wait_for, lambda server: bool(server.hangups), 1.0)
            given = len(sink.at)
            await asyncio.sleep(0.05)
            assert len(sink.at) == given == {"start": 0, "first": 1, "third": 3}[where]
            assert len(server.requests) == 1

    with ScriptedServer(Reply(steps=steps)) as server:
        asyncio.run(call(server))


SLOW = {
    "trickles for ever": Reply(steps=[step for _ in range(400) for step in (b"data: x\n\n", Pause(0.01))]),
    "never answers": Reply(framing="raw", steps=[Pause(5)]),
    "stalls after the head": Reply(steps=[Pause(5)]),
    "stalls in the body": Reply(steps=[b"data: x\n\n", Pause(5)]),
}


def test_a_deadline_is_total_and_exact():
    """U5: whatever the server does, within a tenth of the deadline; nothing is sent after it."""

    async def late(reply):
        sink = Sink()
        with ScriptedServer(reply) as server:
            async with connected(server, retries=5) as backend:
                begun = time.monotonic()
                with pytest.raises(errors.LimitExceededError) as caught:
                    await backend.execute(job(deadline_ms=500), sink)
                took, given = time.monotonic() - begun, len(sink.at)
                assert job_error_code(caught.value) == "backend_timeout"
                assert (caught.value.limit, caught.value.seconds, caught.value.attempts) == ("total", 0.5, 1)
                await asyncio.sleep(0.05)
                assert len(sink.at) == given
                assert all(at - begun < 0.55 for at in sink.at)
                return took

    async def all_of_them():
        return await asyncio.gather(*(late(reply) for reply in SLOW.values()))

    with ScriptedServer(Reply()) as server:
        carried(server, job(), Sink())  # What is imported once is no part of a deadline.
    tries = []
    for _ in range(3):  # A machine that stops us for 50 ms says nothing of the deadline.
        tries.append(asyncio.run(all_of_them()))
        if all(0.45 <= took <= 0.55 for took in tries[-1]):
            return
    pytest.fail(f"the deadline of 0.5 s ended jobs after {tries}")


def test_a_deadline_ends_a_sink_that_blocks():
    """U5."""

    async def chunk(data):
        await asyncio.sleep(5)

    begun = time.monotonic()
    with ScriptedServer(Reply(steps=[b"x", Pause(5)])) as server, pytest.raises(errors.LimitExceededError) as caught:
        carried(server, job(deadline_ms=200), Sink(chunk))
    assert time.monotonic() - begun < 2
    assert caught.value.backend.startswith("openai")


def test_a_deadline_of_nothing_is_a_millisecond():
    with ScriptedServer(Reply(steps=[Pause(5)])) as server, pytest.raises(errors.LimitExceededError) as caught:
        carried(server, job(deadline_ms=0), Sink())
    assert caught.value.seconds == 0.001


def test_the_backends_own_limits_hold_too_and_a_slow_sink_is_not_idle():
    async def slow(data):
        await asyncio.sleep(0.25)

    with ScriptedServer(Reply(steps=[b"a", Pause(0.01), b"b"])) as server:
        sink = Sink(slow)
        carried(server, job(), sink, limits={"idle": 0.1})
        assert sink.body == b"ab"
    for limits, reply in (
        ({"idle": 0.1}, Reply(steps=[b"a", Pause(5)])),
        ({"first_event": 0.1}, Reply(steps=[Pause(5)])),
        ({"total": 0.1}, SLOW["trickles for ever"]),
    ):
        with ScriptedServer(reply) as server, pytest.raises(errors.LimitExceededError) as caught:
            carried(server, job(), Sink(), limits=limits)
        assert {caught.value.limit: caught.value.seconds} == limits


def test_before_the_first_byte_a_job_is_tried_again_and_after_it_never():
    busy = Reply.json({"error": {"message": "busy"}}, status=503)
    broken = Reply(headers={"content-length": "9"}, framing="raw", end="reset")
    retry = backbay.RetryPolicy(retries=3, first_pause=0.01)
    with ScriptedServer([busy, broken, Reply(steps=[b"ok"])]) as server:
        sink = Sink()
        result = carried(server, job(), sink, retries=retry)
        assert (sink.body, result.attempts, len(server.requests)) == (b"ok", 3, 3)
        assert sink.started == [(200, "")]
    with ScriptedServer([Reply(steps=[b"half"], end="cut"), Reply(steps=[b"ok"])]) as server:
        sink = Sink()
        with pytest.raises(errors.ConnectionLostError) as caught:
            carried(server, job(), sink, retries=retry)
        assert (sink.body, caught.value.attempts, caught.value.phase, len(server.requests)) == (b"half", 1, "stream", 1)
    with ScriptedServer(Reply(status=503, headers={"retry-after": "30"})) as server:
        with pytest.raises(errors.BackbayError) as caught:
            carried(server, job(deadline_ms=500), Sink(), retries=retry)
        assert caught.value.attempts == 1


def test_a_cancelled_job_closes_its_connection():
    async def call(server):
        async with connected(server) as backend:
            sink = Sink()
            task = asyncio.create_task(backend.execute(job(), sink))
            while not sink.chunks:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.wait_for, lambda server: bool(server.hangups), 1.0)

    with ScriptedServer(SLOW["trickles for ever"]) as server:
        asyncio.run(call(server))


def test_a_relay_is_read_like_any_iterator():
    """What a server's own streaming response wants: who serves is known before the first byte goes out."""

    async def call(server):
        async with connected(server) as backend:
            relay = backend.relay(job())
            with pytest.raises(errors.ClosedError):
                _ = relay.status
            async with relay:
                await relay.begin()
                assert (relay.status, relay.content_type, relay.served_by) == (200, "a/b", None)
                assert b"".join([data async for data in relay]) == b"onetwo"
            assert await anext(relay, None) is None
            left = backend.relay(job())
            async with left:
                assert await anext(left) == b"one"
            with pytest.raises(errors.ClosedError):
                await anext(left)
            unused = backend.relay(job())
            await unused.aclose()
            with pytest.raises(errors.ClosedError):
                await anext(unused)
        with pytest.raises(errors.ClosedError):
            backend.relay(job())

    with ScriptedServer(Reply(headers={"content-type": "a/b"}, steps=[b"one", Pause(0.02), b"two"])) as server:
        asyncio.run(call(server))
        assert len(server.requests) == 2


def test_a_sink_that_is_none_is_refused():
    with ScriptedServer(Reply()) as server:
        with pytest.raises(errors.InvalidRequestError, match="send_chunk"):
            carried(server, job(), object())
        assert server.connections == 0


@pytest.mark.parametrize("blocking", [True, False])
def test_a_job_runs_without_a_loop_of_the_callers(blocking):
    got = []

    class Blocking:
        def start(self, status, content_type):
            got.append(status)

        def send_chunk(self, data):
            got.append(data)
            if data == b"stop":
                raise OfTheSinkError

    sink = Blocking() if blocking else Sink()
    with ScriptedServer([Reply(steps=[b"a", b"b"]), Reply(steps=[b"stop", Pause(5)])]) as server:
        with backbay.connect_sync("openai:m-1", api_key=KEY, base_url=server.url) as backend:
            assert backend.wires == ("openai_chat", "openai_responses")
            backend.execute(job(), sink)
            if not blocking:
                assert sink.body == b"ab"
                return
            assert (got[0], b"".join(got[1:])) == (200, b"ab")
            with pytest.raises(OfTheSinkError):
                backend.execute(job(), sink)
            assert server.wait_for(lambda server: bool(server.hangups), 1.0)
            with pytest.raises(errors.InvalidRequestError):
                backend.execute(job(), object())


def test_a_fallback_goes_on_before_the_first_byte_only():
    busy, ok = Reply.json({}, status=503), Reply(steps=[b"ok"])
    cut = Reply(steps=[b"half"], end="cut")

    async def call(first, second, **config):
        with ScriptedServer(first) as one, ScriptedServer(second) as other:
            async with connected(one) as a, connected(other) as b:
                sink = Sink()
                whole = backbay.fallback(a, b, **config)
                try:
                    return await whole.execute(job(deadline_ms=2000), sink), sink.body, b.id, other.requests
                except errors.BackbayError as error:
                    return error, sink.body, b.id, other.requests

    result, body, second_id, _ = asyncio.run(call(busy, ok))
    assert (result.served_by, body, result.attempts) == (second_id, b"ok", 2)
    error, body, _, asked = asyncio.run(call(cut, ok))
    assert isinstance(error, errors.ConnectionLostError)
    assert (body, len(asked)) == (b"half", 0)
    error, body, _, asked = asyncio.run(call(Reply(steps=[Pause(5)]), ok, limits={"total": 0.2}))
    assert isinstance(error, errors.LimitExceededError)
    assert (body, len(asked)) == (b"", 0)


def test_a_fallback_passes_over_a_backend_that_lacks_the_format():
    async def call(server):
        async with connected(server, "openai") as a, connected(server, "anthropic") as b:
            whole = backbay.fallback(a, b)
            assert whole.wires == ("openai_chat", "openai_responses", "anthropic_messages")
            return (await whole.execute(job(format="anthropic"), Sink())).served_by, b.id

    with ScriptedServer(Reply()) as server:
        served_by, wanted = asyncio.run(call(server))
        assert served_by == wanted
        assert [request.path for request in server.requests] == ["/v1/messages"]


def test_what_a_sink_raises_goes_through_a_fallback_as_it_is():
    """U4."""
    raised = errors.ConnectError("mine", retryable=True)

    async def chunk(data):
        raise raised

    async def call(server):
        async with connected(server, "openai") as a, connected(server, "openai") as b:
            with pytest.raises(errors.ConnectError) as caught:
                await backbay.fallback(a, b).execute(job(), Sink(chunk))
            assert caught.value is raised
            assert (raised.backend, len(server.requests)) == (None, 1)

    with ScriptedServer(Reply(steps=[b"x"])) as server:
        asyncio.run(call(server))


def test_a_route_goes_by_the_model_or_by_the_format():
    async def call(server):
        async with connected(server, "openai") as a, connected(server, "anthropic") as b:
            named = backbay.route({"m": a, "claude-": b})
            first = await named.execute(job(model_id="m-1"), Sink())
            second = await named.execute(job(model_id="claude-1", format="anthropic"), Sink())
            able = backbay.route([a, b])
            third = await able.execute(job(format="anthropic"), Sink())
            assert [each.served_by for each in (first, second, third)] == [a.id, b.id, b.id]
            with pytest.raises(errors.UnsupportedError):
                await able.execute(job(format="acme"), Sink())
            with pytest.raises(errors.UnsupportedError):
                await named.execute(job(model_id="other"), Sink())
            with pytest.raises(errors.UnsupportedError):
                await backbay.route({"x": a}, lambda request: "x").execute(job(), Sink())

    with ScriptedServer(Reply()) as server:
        asyncio.run(call(server))
        assert len(server.requests) == 3


def test_a_broken_reader_of_counts_is_not_in_the_way(monkeypatch):
    """U2: a decoder that raises changes nothing but what is known of the counts."""

    def broken(*anything):
        raise RuntimeError("a defect")

    monkeypatch.setattr("backbay.sniffing.from_json", broken)
    sink = Sink()
    with ScriptedServer(Reply(steps=BODIES["one body"])) as server:
        result = carried(server, job(), sink)
    assert sink.body == BODIES["one body"][0]
    assert (result.input_tokens, result.output_tokens) == (None, None)
