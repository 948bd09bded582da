"""Local engines are found by what they answer, each on a real socket of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

import backbay
from backbay import BackendSpec, Identity, InvalidRequestError, LoopError
from backbay.detecting import Found, detect, detect_sync, usual_ports
from backbay.testing import Pause, Received, Reply, ScriptedServer

Start = Callable[..., ScriptedServer]

NOT_FOUND = Reply.json({"error": {"message": "not here"}}, status=404)
LISTED = {"object": "list", "data": [{"id": "text-embedding-1"}, {"id": "chat-1", "owned_by": "vllm"}]}

ENGINES = (
    BackendSpec(
        name="alpha",
        label="Alpha",
        wires=("openai_chat",),
        default_base_url="http://127.0.0.1:4001/v1",
        base_url_env=("ALPHA_BASE_URL",),
        credential_env=("ALPHA_API_KEY",),
        identity=(
            Identity(path="/health", shows=("header:server=alpha.cpp",), ports=(4001,)),
            Identity(path="/props", shows=("slots", "settings"), ports=(4001,)),
        ),
    ),
    BackendSpec(
        name="beta",
        label="Beta",
        wires=("ndjson", "openai_chat"),
        codec="backbay.wires.openai_chat:OpenAIChat",
        default_base_url="http://127.0.0.1:4002",
        host_env=("BETA_HOST",),
        models_path="api/tags",
        identity=(Identity(path="/api/version", shows=("version",), lacks=("commit",), ports=(4002,)),),
    ),
    BackendSpec(
        name="gamma",
        wires=("openai_chat",),
        default_base_url="http://127.0.0.1:4003/v1",
        identity=(Identity(path="/v1/models", shows=("data.owned_by=vllm",), ports=(4003, 4001)),),
    ),
    BackendSpec(
        name="delta",
        wires=("openai_chat",),
        default_base_url="http://127.0.0.1:4004/api/v1",
        identity=(Identity(path="/api/version", shows=("version",), lacks=("commit",), ports=(4004,)),),
    ),
)


@pytest.fixture(autouse=True)
def _engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """These four engines are installed, and nothing else that has an identity."""
    monkeypatch.setenv("BACKBAY_PLUGINS", "")
    with ExitStack() as stack:
        for spec in ENGINES:
            stack.enter_context(backbay.register(spec.name, spec))
        yield


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server that answers paths as given, and anything else with 404."""
    with ExitStack() as stack:

        def run(answers: Mapping[str, object], headers: Mapping[str, str] | None = None) -> ScriptedServer:
            def script(request: Received) -> Reply:
                found = answers.get(request.path, NOT_FOUND)
                return found if isinstance(found, Reply) else Reply.json(found, headers=headers)

            return stack.enter_context(ScriptedServer(script))

        yield run


def found(*servers: ScriptedServer, **more: Any) -> list[Found]:
    return list(asyncio.run(detect(ports=[server.port for server in servers], **{"limit": 5.0, **more})))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_engine_is_known_by_a_header_of_any_status(start: Start) -> None:
    loading = Reply.json({"error": {"code": 503}}, status=503, headers={"Server": "Alpha.CPP/1.2"})
    server = start({"/health": loading})
    [engine] = found(server)
    assert (engine.backend, engine.label, engine.base_url) == ("alpha", "Alpha", server.url)
    assert engine.shown_by == f"http://127.0.0.1:{server.port}/health has header:server=alpha.cpp"
    assert engine.models is None
    assert not engine.wants_key
    assert engine.reference == "alpha:MODEL"


def test_an_engine_is_known_by_keys_and_tells_its_models(start: Start) -> None:
    server = start({"/props": {"slots": 2, "settings": None}, "/v1/models": {"data": [{"id": "m:1"}]}})
    [engine] = found(server)
    assert (engine.backend, engine.models) == ("alpha", ("m:1",))
    assert engine.line == f"backbay.connect('alpha:m:1', base_url={server.url!r})"


def test_every_mark_must_be_there(start: Start) -> None:
    assert found(start({"/props": {"slots": 2}})) == []


def test_an_error_shows_no_key(start: Start) -> None:
    assert found(start({"/api/version": Reply.json({"version": "1"}, status=404)})) == []


def test_a_key_that_another_engine_has_excludes_it(start: Start) -> None:
    assert found(start({"/api/version": {"version": "1", "commit": "c"}})) == []


def test_the_model_list_may_be_one_of_the_engine_s_own(start: Start) -> None:
    server = start({"/api/version": {"version": "0.9"}, "/api/tags": {"data": [{"id": "b-1"}]}})
    [engine] = found(server)
    assert (engine.backend, engine.base_url, engine.models) == ("beta", f"http://127.0.0.1:{server.port}", ("b-1",))


def test_engines_that_share_a_port_are_told_apart_by_the_closest_marks(start: Start) -> None:
    both = {"/api/version": {"version": "1"}, "/props": {"slots": 1, "settings": {}}}
    [engine] = found(start(both))
    assert (engine.backend, engine.others) == ("alpha", ())
    [engine] = found(start({**both, "/v1/models": LISTED}))
    assert (engine.backend, engine.others) == ("gamma", ())


def test_where_answers_fit_two_engines_the_others_are_named(start: Start) -> None:
    [engine] = found(start({"/api/version": {"version": "1"}}))
    assert (engine.backend, engine.others) == ("beta", ("delta",))


def test_where_answers_fit_two_engines_the_usual_port_decides(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start({"/api/version": {"version": "1"}, "/api/v1/models": {"data": []}})
    usual = BackendSpec(
        name="delta",
        wires=("openai_chat",),
        default_base_url=f"http://127.0.0.1:{server.port}/api/v1",
        identity=ENGINES[3].identity,
    )
    with backbay.register("delta", usual, replace=True):
        [engine] = found(server)
    assert (engine.backend, engine.others, engine.models) == ("delta", ("beta",), ())
    assert engine.line == "backbay.connect('delta:MODEL')"


def test_an_unknown_engine_that_lists_models_is_offered_as_compatible(start: Start) -> None:
    server = start({"/v1/models": {"object": "list", "data": [{"id": "x"}]}})
    [engine] = found(server)
    assert (engine.backend, engine.base_url, engine.models) == ("openai-compatible", server.url, ("x",))
    assert engine.line == f"backbay.connect('openai-compatible:x', base_url={server.url!r})"


def test_an_unknown_engine_is_found_below_another_engine_s_version_path_too(start: Start) -> None:
    server = start({"/api/v1/models": {"data": [{"id": "x"}]}})
    [engine] = found(server)
    assert engine.base_url == f"http://127.0.0.1:{server.port}/api/v1"


@pytest.mark.parametrize(
    "answer",
    [
        Reply(steps=[b"<html>a page for every path</html>"]),
        Reply.json({"data": "no list"}),
        Reply.json({"data": [{"no": "id"}]}),
        Reply.json(["v1"]),
        Reply(steps=[b"[" * 100_000]),
        Reply(framing="raw", steps=[b"SSH-2.0-OpenSSH_9.9\r\n"], end="close"),
        Reply(framing="raw", end="reset"),
    ],
    ids=["page", "text", "strange", "list", "deep", "ssh", "reset"],
)
def test_what_is_no_engine_is_left_out(answer: Reply) -> None:
    with ScriptedServer(answer) as server:
        assert found(server) == []


def test_a_list_that_wants_a_key_is_said_so_and_no_key_is_sent(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHA_API_KEY", "sk-never-sent")
    refused = Reply.json({"error": {"code": 401}}, status=401)
    server = start({"/health": Reply.json({}, headers={"server": "alpha.cpp"}), "/v1/models": refused})
    [engine] = found(server)
    assert (engine.wants_key, engine.models) == (True, None)
    for request in server.requests:
        assert "sk-never-sent" not in repr(request)
        assert request.headers.keys() == {"host", "accept", "user-agent", "accept-encoding"}
        assert (request.method, request.body) == ("GET", b"")


def test_every_url_is_asked_once(start: Start) -> None:
    server = start({})
    found(server, hosts=["127.0.0.1", "127.0.0.1"])
    asked = [request.path for request in server.requests]
    assert sorted(asked) == ["/api/tags", "/api/v1/models", "/api/version", "/health", "/props", "/v1/models"]


def test_redirects_are_not_followed(start: Start) -> None:
    elsewhere = start({"/props": {"slots": 1, "settings": 1}})
    moved = Reply(status=307, headers={"location": f"http://127.0.0.1:{elsewhere.port}/props"}, framing="length")
    assert found(start({"/props": moved})) == []
    assert elsewhere.requests == []


def test_all_questions_are_asked_at_once_and_the_limit_holds_for_all_of_them(start: Start) -> None:
    def slow(value: object) -> Reply:
        return Reply(headers={"content-type": "application/json"}, steps=[Pause(0.4), json.dumps(value).encode()])

    late = slow({"slots": 1, "settings": 1})
    server = start({"/props": late, "/v1/models": slow(LISTED), "/api/version": slow({}), "/health": slow({})})
    silent = start(dict.fromkeys(["/props", "/v1/models", "/api/version", "/health"], Reply(steps=[Pause(30)])))
    begin = time.monotonic()
    [engine] = found(server, silent, limit=1.5)
    assert 1.4 < time.monotonic() - begin < 3.5
    assert engine.backend == "gamma"


def test_what_came_before_the_limit_counts(start: Start) -> None:
    server = start({"/props": {"slots": 1, "settings": 1}, "/v1/models": Reply(steps=[Pause(30)])})
    [engine] = found(server, limit=0.7)
    assert (engine.backend, engine.models) == ("alpha", None)


def test_a_body_without_an_end_is_not_read_to_the_limit(start: Start) -> None:
    endless = Reply(steps=[b'{"data": [' + b" " * 2**19] * 40)
    server = start({"/v1/models": endless, "/props": {"slots": 1, "settings": 1}})
    begin = time.monotonic()
    [engine] = found(server, limit=10.0)
    assert time.monotonic() - begin < 5
    assert (engine.backend, engine.models) == ("alpha", None)


def test_nothing_is_raised_for_what_is_not_there() -> None:
    assert asyncio.run(detect(ports=[free_port()])) == []
    assert asyncio.run(detect(hosts=["no-such-host.invalid", "a" * 70 + ".test"], ports=[1], limit=0.5)) == []
    assert asyncio.run(detect(hosts=[], ports=[1])) == []


def test_an_engine_is_found_in_time_among_many_ports_where_nobody_listens(start: Start) -> None:
    server = start({"/props": {"slots": 1, "settings": 1}})
    silent = range(20_000, 20_400)
    [engine] = asyncio.run(detect(ports=[*silent, server.port], limit=1.5))
    assert engine.base_url == server.url


def test_a_plugin_that_is_broken_is_no_reason_to_find_nothing(start: Start) -> None:
    server = start({"/props": {"slots": 1, "settings": 1}})
    with backbay.register("broken", "no_such_module_at_all:spec"):
        assert [engine.backend for engine in found(server)] == ["alpha"]


def test_addresses_of_the_environment_are_asked_too(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = start({"/props": {"slots": 1, "settings": 1}, "/v1/models": {"data": [{"id": "a"}]}})
    beta = start({"/api/version": {"version": "1"}, "/api/tags": {"data": []}})
    monkeypatch.setenv("ALPHA_BASE_URL", f"http://localhost:{alpha.port}/v1/")
    monkeypatch.setenv("BETA_HOST", f"0.0.0.0:{beta.port}")
    engines = {engine.backend: engine for engine in asyncio.run(detect(limit=5.0))}
    assert engines["alpha"].base_url == f"http://localhost:{alpha.port}/v1"
    # In this environment connect goes there by itself.
    assert engines["alpha"].line == "backbay.connect('alpha:a')"
    assert engines["beta"].base_url == f"http://127.0.0.1:{beta.port}"
    assert engines["beta"].line == "backbay.connect('beta:MODEL')"
    assert asyncio.run(detect(ports=[free_port()])) == []


def test_an_address_for_another_wire_of_an_engine_leads_to_it_as_well(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    beta = start({"/api/version": {"version": "1"}})
    monkeypatch.setenv("BETA_HOST", f"http://127.0.0.1:{beta.port}/v1")
    [engine] = [engine for engine in detect_sync(limit=5.0) if engine.backend == "beta"]
    assert engine.arguments == {"base_url": f"http://127.0.0.1:{beta.port}"}


@pytest.mark.parametrize("value", ["not a url", "http://user:secret@127.0.0.1:1/v1", "ftp://127.0.0.1"])
def test_an_address_of_the_environment_that_is_none_is_left_out(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHA_BASE_URL", value)
    assert "secret" not in repr(asyncio.run(detect(limit=2.0)))


def test_an_engine_on_another_machine_needs_leave_for_plain_http(start: Start) -> None:
    server = start({"/v1/models": LISTED})
    name = socket.gethostname()
    try:
        socket.create_connection((name, server.port), 0.5).close()
    except OSError:
        pytest.skip("this machine's own name does not lead to its loopback address")
    [engine] = found(server, hosts=[name])
    assert engine.reference == "gamma:chat-1"
    assert engine.arguments == {"base_url": f"http://{name}:{server.port}/v1", "allow_insecure_http": True}


def test_what_is_found_can_be_connected(start: Start) -> None:
    answer = {"id": "1", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
    server = start({"/v1/models": LISTED, "/v1/chat/completions": answer})
    [engine] = found(server)
    with backbay.register("gamma", ENGINES[2], replace=True):
        backend = backbay.connect_sync(engine.reference, api_key="none", **dict(engine.arguments))
    with backend:
        assert backend.complete("Hello").text == "hi"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hosts": "127.0.0.1"}, "list of hosts"),
        ({"hosts": ["http://127.0.0.1"]}, "no host"),
        ({"hosts": ["127.0.0.1:80"]}, "no host"),
        ({"hosts": ["a@b"]}, "no host"),
        ({"ports": [0]}, "no port"),
        ({"ports": [65536]}, "no port"),
        ({"ports": ["80"]}, "no port"),
        ({"limit": 0}, "above 0"),
        ({"limit": float("inf")}, "above 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        asyncio.run(detect(**wrong))


def test_the_engines_and_their_ports_can_be_listed() -> None:
    assert usual_ports() == {"alpha": [4001], "beta": [4002], "delta": [4004], "gamma": [4001, 4003]}


def test_the_blocking_face_finds_the_same(start: Start) -> None:
    server = start({"/props": {"slots": 1, "settings": 1}})
    assert detect_sync(ports=[server.port]) == found(server)

    async def on_a_loop() -> None:
        detect_sync(ports=[server.port])

    with pytest.raises(LoopError):
        asyncio.run(on_a_loop())


def test_nothing_is_left_behind(start: Start) -> None:
    server = start({"/props": Reply(steps=[Pause(30)])})

    async def look() -> set[asyncio.Task[Any]]:
        await detect(ports=[server.port], limit=0.3)
        return asyncio.all_tasks() - {asyncio.current_task()}

    before = threading.active_count()
    assert asyncio.run(look()) == set()
    assert server.wait_for(lambda it: bool(it.hangups))
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("vendor", "owner", "models"),
    [
        ("llamacpp", "llamacpp", 1),
        ("vllm", "vllm", 1),
        ("lmstudio", "organization_owner", 10),
    ],
)
def test_engines_are_told_apart_by_their_recorded_model_lists(
    start: Start, load_exchanges: Callable[[str], list[dict[str, Any]]], vendor: str, owner: str, models: int
) -> None:
    identity = {
        name: (Identity(path="/v1/models", shows=(f"data.owned_by={owned}",)),)
        for name, owned in (("alpha", "llamacpp"), ("gamma", "vllm"), ("delta", "organization_owner"))
    }
    expected = {"llamacpp": "alpha", "vllm": "gamma", "lmstudio": "delta"}[vendor]
    with ExitStack() as stack:
        for name, marks in identity.items():
            spec = BackendSpec(name=name, wires=("openai_chat",), base_path="/v1", identity=marks)
            stack.enter_context(backbay.register(name, spec, replace=True))
        for exchange in load_exchanges(f"{vendor}/models/models/*.json"):
            server = start({"/v1/models": Reply(steps=[exchange["response"]["bytes"]])})
            [engine] = found(server)
            assert (engine.backend, engine.base_url) == (expected, server.url)
            assert engine.shown_by.endswith(f"has data.owned_by={owner}")
            assert engine.models is not None
            assert len(engine.models) >= models
