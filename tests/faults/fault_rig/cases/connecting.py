"""Faults 1 to 24: making connections, TLS, and what becomes of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import httpx2

from backbay import (
    BadRequestError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DecodeError,
    LimitExceededError,
    TransportError,
    TruncatedError,
)
from backbay.http.adapters import pools as adapter
from backbay_conformance.laws.canaries import CANARIES

from ..asking import COMPLETE, HOWS, STREAM, Outcome, ask, assert_unseen, connect, raised
from ..faults import Bench, Row, fault
from ..plan import TLS, Answer, Door, Sleep
from ..rig import OpenDoor
from ..server import context_of
from ..words import (
    ALL,
    DONE,
    FINISH,
    HELLO,
    SSE,
    WHOLE,
    WORLD,
    begun,
    body,
    failed,
    head,
    sized,
)
from ..words import (
    STREAM as WHOLE_STREAM,
)

BIG = "x" * (6 * 2**20)
"""More than the buffers of a connection hold."""


def sweep() -> None:
    """Collect sockets that were left to the garbage collector, without the warning that they are worth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def answer_for(how: str) -> bytes:
    """Return the whole response to a call."""
    return WHOLE_STREAM if how in STREAM else WHOLE


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@fault(1, hows=HOWS)
def refused(bench: Bench, how: str) -> None:
    port = free_port()
    outcome = ask(f"http://127.0.0.1:{port}/v1", how)
    error = outcome.error
    assert isinstance(error, ConnectError)
    assert (error.retryable, error.attempts, error.phase) == (True, 2, "connect")
    assert f"127.0.0.1:{port}" in str(error)


@fault(2, hows=HOWS)
def blackholed_under_a_limit(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(blackhole=True)) as door:
        outcome = ask(door.url, how, limits={"total": 0.3})
        error = outcome.error
        assert isinstance(error, LimitExceededError)
        assert (error.limit, error.attempts, error.phase) == ("total", 1, "connect")
        assert outcome.seconds < 3


@fault(2, hows=COMPLETE)
def blackholed_without_one(bench: Bench, how: str) -> None:
    bench.patch.setattr(adapter, "CONNECT_LIMIT", 0.2)
    with bench.rig.opened(Door(blackhole=True)) as door:
        error = ask(door.url, how).error
        assert isinstance(error, ConnectError), repr(error)
        assert (error.retryable, error.attempts, error.phase) == (True, 2, "connect")


@fault(2)
def the_time_that_a_connection_is_given(bench: Bench, how: str) -> None:
    assert adapter.CONNECT_LIMIT <= 5


def resolve_to(bench: Bench, found: Any) -> None:
    """Let every name have these addresses; what is an address already stays one."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if (host.decode() if isinstance(host, bytes) else host) != "acme.localhost":
            return real(host, port, *args, **kwargs)
        if isinstance(found, BaseException):
            raise found
        if callable(found):
            found()
        listed = ["127.0.0.1"] if callable(found) else found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in listed]

    bench.patch.setattr(socket, "getaddrinfo", getaddrinfo)


@fault(3, hows=HOWS)
def a_name_that_does_not_exist(bench: Bench, how: str) -> None:
    resolve_to(bench, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    error = ask("http://acme.localhost:9/v1", how).error
    assert isinstance(error, ConnectError), repr(error)
    assert (error.retryable, error.attempts, error.phase) == (False, 1, "connect")


@fault(3, hows=HOWS)
def a_resolver_that_fails_for_now(bench: Bench, how: str) -> None:
    resolve_to(bench, socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    error = ask("http://acme.localhost:9/v1", how).error
    assert isinstance(error, ConnectError), repr(error)
    assert (error.retryable, error.attempts, error.phase) == (True, 2, "connect")


@fault(
    3,
    hows=HOWS,
)
def a_name_without_addresses(bench: Bench, how: str) -> None:
    resolve_to(bench, [])
    error = ask("http://acme.localhost:9/v1", how).error
    assert isinstance(error, ConnectError), repr(error)


@fault(3)
def a_slow_resolver(bench: Bench, how: str) -> None:
    """It is waited for in a thread: the loop goes on, and the limit holds."""
    answered = threading.Event()
    resolve_to(bench, lambda: answered.wait(3))
    found: dict[str, Any] = {}

    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.01)
                turns += 1

        counting = asyncio.create_task(count())
        began = time.monotonic()
        async with connect("http://acme.localhost:9/v1", limits={"total": 0.4}) as backend:
            try:
                await backend.complete("hi")
            except LimitExceededError as error:
                found.update(error=error, seconds=time.monotonic() - began, turns=turns)
        answered.set()
        counting.cancel()

    asyncio.run(main())
    assert found["error"].limit == "total"
    assert found["seconds"] < 2.5
    assert found["turns"] > 5


@fault(4, hows=("refused", "blackholed"))
def the_first_address_is_dead(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as door:
        resolve_to(bench, ["127.0.0.8", "127.0.0.1"])
        url = f"http://acme.localhost:{door.port}/v1"
        if how == "refused":
            outcome = ask(url, "complete", limits={"total": 5})
        else:
            with bench.rig.opened(Door(blackhole=True, host="127.0.0.8", port=door.port)):
                outcome = ask(url, "complete", limits={"total": 5})
        assert outcome.text == "Hello world", outcome.error
        assert outcome.response is not None
        assert outcome.response.attempts == 1


def says(*words: str) -> Any:
    """Return a check that an error says all of this."""

    def check(outcome: Outcome, door: OpenDoor) -> None:
        for word in words:
            assert word in str(outcome.error), str(outcome.error)

    return check


class _Untried(Row):
    """A row whose one attempt never gets as far as a request."""

    def _judge(self, outcome: Outcome, door: OpenDoor) -> None:
        error = outcome.error
        assert isinstance(error, ConnectError), repr(error)
        assert (error.attempts, error.retryable, error.phase) == (1, False, "connect")
        assert door.attempts == 0
        assert len(door.seen("open")) <= 1, "a handshake that failed for good was tried again"
        if self.check is not None:
            self.check(outcome, door)


CERTIFICATES = (
    Row(number=5, name="a_good_certificate", answers=[[WHOLE]], tls="good", hows=COMPLETE),
    Row(number=5, name="a_good_certificate", answers=[[WHOLE_STREAM]], tls="good", hows=STREAM),
    _Untried(
        number=5,
        name="an_unknown_authority",
        answers=[[WHOLE]],
        tls="unknown",
        check=says("certificate", "SSL_CERT_FILE"),
    ),
    _Untried(number=6, name="an_expired_certificate", answers=[[WHOLE]], tls="expired", check=says("expired")),
    _Untried(number=7, name="another_hosts_certificate", answers=[[WHOLE]], tls="wrong_host", check=says("127.0.0.1")),
)


@fault(7)
def no_call_can_turn_the_check_off(bench: Bench, how: str) -> None:
    for argument in ("verify", "verify_ssl", "insecure", "ssl"):
        given: dict[str, Any] = {argument: False}
        error = raised(ConfigurationError, functools.partial(connect, "https://127.0.0.1:9/v1", **given))
        assert argument in str(error)


@contextlib.contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[str]:
    """A server of TLS by the standard library's sockets, which send the alert that asyncio's leave unsent."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secure:
                secure.settimeout(1)
                with contextlib.suppress(OSError):
                    secure.do_handshake()
                # What was not read would make the system reset the connection, and the alert be lost with it.
                with contextlib.suppress(OSError):
                    while socket.socket.recv(secure, 2**16):
                        continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@fault(8, hows=HOWS)
def a_certificate_of_the_client_is_demanded(bench: Bench, how: str) -> None:
    tls = TLS(chain=bench.certificates.good, client_authority=bench.certificates.authority)
    with shaking_hands(context_of(tls)) as url:
        error = ask(url, how).error
    assert isinstance(error, ConnectError), repr(error)
    assert (error.retryable, error.attempts) == (False, 1)


@fault(8, hows=("complete", "stream"))
def a_certificate_of_the_client_is_shown(bench: Bench, how: str) -> None:
    tls = TLS(chain=bench.certificates.good, client_authority=bench.certificates.authority)
    trust = ssl.create_default_context(cafile=bench.certificates.authority)
    trust.load_cert_chain(bench.certificates.client)

    async def main(url: str) -> Outcome:
        outcome = Outcome()
        async with (
            httpx2.AsyncClient(verify=trust, trust_env=False) as client,
            connect(url, transport=client) as backend,
        ):
            outcome.response = await backend.stream("hi").collect() if how == "stream" else await backend.complete("hi")
        return outcome

    with bench.rig.opened(Door(answers=[Answer([answer_for(how)])], tls=tls)) as door:
        assert asyncio.run(main(door.url)).text == "Hello world"


@fault(9, hows=HOWS)
def plain_bytes_on_a_tls_port(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(greeting=[b"HTTP/1.1 400 Bad Request\r\n\r\n", Sleep(0.2), "close"])) as door:
        error = ask(door.url.replace("http:", "https:"), how).error
        assert isinstance(error, TransportError), repr(error)
        assert (error.retryable, error.attempts) == (False, 1)


@fault(9, hows=HOWS)
def tls_on_a_plain_port(bench: Bench, how: str) -> None:
    # What a TLS server says to a client that does not speak TLS: an alert, and no more.
    alert = bytes([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46])
    with bench.rig.opened(Door(answers=[Answer([alert, "close"])])) as door:
        error = ask(door.url, how).error
        assert isinstance(error, TransportError), repr(error)
        assert (error.retryable, error.attempts) == (False, 1)


@fault(10, hows=HOWS)
def tls_of_old_alone(bench: Bench, how: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = context_of(TLS(chain=bench.certificates.good, old=True))
    with shaking_hands(context) as url:
        error = ask(url, how).error
    assert isinstance(error, ConnectError), repr(error)
    assert (error.retryable, error.attempts) == (False, 1)


CLOSED = head("connection: close", kind=SSE)

LOST = (
    Row(
        number=11,
        name="tls_ends_without_goodbye_in_mid_body",
        tls="good",
        answers=[[CLOSED + HELLO, Sleep(0.05), "abort"]],
        hows=STREAM,
        error=(TruncatedError, ConnectionLostError),
        partial="Hello",
    ),
    Row(
        number=11,
        name="tls_ends_without_goodbye_in_a_body_without_length",
        tls="good",
        answers=[[head("connection: close"), body()[:40], Sleep(0.05), "abort"]],
        hows=COMPLETE,
        error=(ConnectionLostError, DecodeError),
        wire=2,
    ),
    Row(
        number=11,
        name="tls_ends_without_goodbye_after_the_terminal_event",
        tls="good",
        answers=[[CLOSED + b"".join(ALL), Sleep(0.05), "abort"]],
        hows=STREAM,
    ),
    Row(number=12, name="closed_before_the_head", answers=[["close"]], error=ConnectionLostError, wire=2),
    Row(number=14, name="reset_before_the_head", answers=[["reset"]], error=ConnectionLostError, wire=2),
    Row(
        number=15,
        name="reset_after_the_head",
        answers=[[head("transfer-encoding: chunked", kind=SSE), Sleep(0.05), "reset"]],
        error=ConnectionLostError,
        wire=2,
    ),
    Row(
        number=15,
        name="closed_after_the_head",
        answers=[[head("transfer-encoding: chunked", kind=SSE), "close"]],
        error=ConnectionLostError,
        wire=2,
    ),
    Row(
        number=16,
        name="closed_within_a_chunk",
        answers=[[begun(HELLO) + b"ff\r\n" + WORLD[:20], "close"]],
        hows=STREAM,
        error=(TruncatedError, ConnectionLostError),
        partial="Hello",
    ),
    Row(
        number=17,
        name="reset_in_mid_stream",
        answers=[[begun(HELLO, WORLD), Sleep(0.1), "reset"]],
        hows=STREAM,
        error=(TruncatedError, ConnectionLostError),
        partial="Hello world",
    ),
    Row(
        number=19,
        name="half_closed_in_mid_stream",
        answers=[[begun(HELLO), "half"]],
        hows=STREAM,
        error=(TruncatedError, ConnectionLostError),
        partial="Hello",
    ),
    Row(
        number=19,
        name="half_closed_after_the_answer",
        answers=[[CLOSED + b"".join(ALL), "half"]],
        hows=STREAM,
    ),
    Row(
        number=20,
        name="answered_before_the_body_was_read",
        answers=[Answer([sized(failed(), status="413 Content Too Large")], reads="head")],
        config={"defaults": {"system": BIG}},
        error=BadRequestError,
        phase="wait",
        check=says("413"),
    ),
)


@fault(13, hows=HOWS)
def a_kept_connection_that_dies_under_the_request(bench: Bench, how: str) -> None:
    """The second request is read and never answered; a new connection gets it at once. Both sendings are counted: the
    server may have taken the first one for its own, so a caller who pays should know."""
    reply = answer_for(how)
    with bench.rig.opened(Door(answers=[Answer([reply]), Answer(["close"]), Answer([reply])])) as door:
        outcomes = calls_in_a_row(door.url, how, 2, retries=1)
        assert [outcome.text for outcome in outcomes] == ["Hello world", "Hello world"], outcomes[-1].error
        assert [outcome.response.attempts for outcome in outcomes if outcome.response] == [1, 2]
        assert len(door.seen("open")) == 2


@fault(13, hows=HOWS)
def kept_connections_that_are_closed_when_idle(bench: Bench, how: str) -> None:
    """The end of a connection that has come already is seen when the connection is taken up again."""
    with bench.rig.opened(Door(answers=[Answer([answer_for(how), "close"])])) as door:
        outcomes = calls_in_a_row(door.url, how, 5, pause=0.05)
        assert [outcome.text for outcome in outcomes] == ["Hello world"] * 5
        assert door.attempts == 5


@fault(18, hows=STREAM)
def the_last_chunk_is_missing(bench: Bench, how: str) -> None:
    """The answer is whole, and the connection is not used again."""
    with bench.rig.opened(Door(answers=[Answer([begun(HELLO, WORLD, FINISH, DONE)])])) as door:
        outcomes = calls_in_a_row(door.url, how, 2)
        assert [outcome.text for outcome in outcomes] == ["Hello world"] * 2
        assert [request.connection for request in door.requests] == [1, 2]


def calls_in_a_row(url: str, how: str, count: int, *, pause: float = 0.0, **config: Any) -> list[Outcome]:
    """Return what came of calls of one backend, one after the other, without any retry."""
    config = {"retries": 0, **config}
    if not how.startswith("sync"):
        return asyncio.run(_in_a_row(url, how, count, pause, config))
    from backbay.sync import SyncBackend

    outcomes = []
    with SyncBackend(connect(url, **config)) as backend:
        for _ in range(count):
            outcome = Outcome()
            outcomes.append(outcome)
            try:
                outcome.response = backend.complete("hi") if how == "sync_complete" else backend.stream("hi").collect()
            except Exception as error:
                outcome.error = error
            time.sleep(pause)
    return outcomes


async def _in_a_row(url: str, how: str, count: int, pause: float, config: Any) -> list[Outcome]:
    outcomes = []
    async with connect(url, **config) as backend:
        for _ in range(count):
            outcome = Outcome()
            outcomes.append(outcome)
            try:
                outcome.response = await (
                    backend.complete("hi") if how == "complete" else backend.stream("hi").collect()
                )
            except Exception as error:
                outcome.error = error
            await asyncio.sleep(pause)
    return outcomes


@fault(20)
def answered_and_closed_before_the_body_was_read(bench: Bench, how: str) -> None:
    """The answer may be lost to the reset that follows it; then it is a connection that broke, and never a hang."""
    early = Answer([sized(failed(), status="413 Content Too Large"), Sleep(0.1), "close"], reads="stop")
    with bench.rig.opened(Door(answers=[early])) as door:
        error = ask(door.url, "complete", messages=BIG, limits={"total": 10}).error
        assert isinstance(error, BadRequestError | ConnectionLostError), repr(error)


@fault(21, hows=("403 Forbidden", "407 Proxy Authentication Required", "reset"))
def a_proxy_that_refuses(bench: Bench, how: str) -> None:
    """The proxy is one of the caller's own client: no other is used. Its password is seen nowhere."""
    password = CANARIES[-1]
    steps = ["reset"] if how == "reset" else [f"HTTP/1.1 {how}\r\ncontent-length: 0\r\n\r\n".encode(), "close"]
    found: list[BaseException] = []

    async def main(port: int) -> None:
        url = f"http://user:{password.reveal()}@127.0.0.1:{port}"
        client = httpx2.AsyncClient(proxy=url, trust_env=False)
        del url
        async with client, connect("https://api.example.com/v1", transport=client, retries=0) as backend:
            try:
                await backend.complete("hi")
            except Exception as error:
                found.append(error)

    with bench.rig.opened(Door(answers=[Answer(steps)])) as door:  # type: ignore[arg-type]
        asyncio.run(main(door.port))
        assert door.attempts == 1
    (error,) = found
    assert isinstance(error, ConnectError | ConnectionLostError), repr(error)
    assert how == "reset" or isinstance(error, ConnectError), repr(error)
    assert_unseen(error, [password])


@fault(22, hows=HOWS)
def proxies_in_the_environment(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer(["close"])])) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            bench.patch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        with bench.rig.opened(Door(answers=[Answer([answer_for(how)])])) as door:
            assert ask(door.url, how).text == "Hello world"
        assert ask("https://127.0.0.1:1/v1", how, retries=0).error is not None
        assert not proxy.seen("open"), "a request went to a proxy that nobody asked for"


NOT_HTTP = (
    Row(number=23, name="http_0_9", answers=[[body(), "close"]], error=TransportError),
    Row(
        number=23,
        name="garbage",
        answers=[[b"\x00\xff\x00garbage\r\n\r\n", "close"]],
        error=TransportError,
    ),
    Row(
        number=23,
        name="another_protocol",
        answers=[[b"SSH-2.0-OpenSSH_9.9\r\n", "close"]],
        error=TransportError,
    ),
    Row(
        number=23,
        name="a_flood_of_informational_responses",
        answers=[[b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100 + WHOLE]],
        hows=COMPLETE,
        error=TransportError,
    ),
    Row(
        number=23,
        name="some_informational_responses",
        answers=[[b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 5 + WHOLE]],
        hows=COMPLETE,
    ),
)


@fault(24)
def the_pool_of_the_callers_client_is_exhausted(bench: Bench, how: str) -> None:
    """Backbay's own pool has no end; a client of the caller's own may have one, and a time to wait for it."""
    found: list[BaseException] = []

    async def main(url: str) -> None:
        limits = httpx2.Limits(max_connections=1)
        client = httpx2.AsyncClient(limits=limits, timeout=httpx2.Timeout(30, pool=0.2), trust_env=False)
        async with client, connect(url, transport=client, retries=0) as backend:
            first = asyncio.create_task(backend.complete("hi"))
            await asyncio.sleep(0.1)
            try:
                await backend.complete("hi")
            except Exception as error:
                found.append(error)
            assert (await first).text == "Hello world"

    with bench.rig.opened(Door(answers=[Answer([Sleep(0.6), WHOLE])])) as door:
        asyncio.run(main(door.url))
        assert door.attempts == 1
    (error,) = found
    assert isinstance(error, ConnectError), repr(error)
    assert error.retryable
