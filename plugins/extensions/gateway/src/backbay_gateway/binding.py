"""The sockets on which the gateway listens, and whether it is safe to listen there at all."""

from __future__ import annotations

import socket
import ssl
import sys

from backbay.errors import ConfigurationError

from .config import Server

BACKLOG = 2048
"""Connections that may wait to be accepted."""


def check_address(server: Server) -> None:
    """Refuse what would serve strangers in the clear, or nobody. Nothing is bound.

    Raises:
        ConfigurationError: The address is not this machine's own, and there is neither TLS nor a proxy; or no host is
            named that it would answer to; or several workers are wanted on Windows.
    """
    if not server.loopback and server.tls_certificate is None and not server.behind_proxy:
        raise ConfigurationError(
            f"server.host is {server.host}, which other machines can reach, and there is no TLS: keys and prompts "
            "would travel in the clear.",
            hint="Give server.tls_certificate and server.tls_key, or, where a proxy keeps TLS, --behind-proxy.",
        )
    if not server.loopback and not server.hosts:
        raise ConfigurationError(
            f"server.host is {server.host}, and server.hosts is empty, so that no name would be answered to.",
            hint='List the names that clients use, such as hosts = ["gateway.example.com"].',
        )
    if server.workers > 1 and sys.platform == "win32":
        raise ConfigurationError("Several workers share one port on Unix only; set server.workers to 1.")


def check_tls(server: Server) -> None:
    """Raise ConfigurationError if the certificate and its key cannot be used."""
    if server.tls_certificate is None:
        return
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(server.tls_certificate, server.tls_key, _no_password)
    except (OSError, ssl.SSLError) as failure:
        said = failure.strerror or failure
        raise ConfigurationError(f"server.tls_certificate and server.tls_key cannot be used: {said}.") from None


def _no_password() -> str:
    # Otherwise OpenSSL asks on the terminal, here and in each worker.
    raise ConfigurationError(
        "server.tls_key is locked with a password.",
        hint="Give a key without one, in a file that only the gateway's user can read.",
    )


def bind(server: Server) -> list[socket.socket]:
    """Return one listening socket for each worker.

    Where the system spreads connections over sockets of one port (Linux), each worker has its own; else they share one.

    Raises:
        ConfigurationError: The address is taken, or is none of this machine's.
    """
    first = _bound(server, server.port, shared=False)
    if server.workers == 1:
        return [first]
    if not sys.platform.startswith("linux"):
        return [first] * server.workers
    # The first attempt has shown that nobody else is there: shared, another program's would go unnoticed.
    port = first.getsockname()[1]
    first.close()
    return [_bound(server, port, shared=True) for _ in range(server.workers)]


def _bound(server: Server, port: int, *, shared: bool) -> socket.socket:
    host = server.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as failure:
        raise ConfigurationError(f"server.host {server.host!r} is no address here: {failure}.") from None
    try:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
        made.listen(BACKLOG)
        made.set_inheritable(True)
    except OSError as failure:
        made.close()
        raise ConfigurationError(
            f"The gateway cannot listen on {server.host}:{port}: {failure.strerror}.",
            hint="Choose another port with --port, or stop what has this one.",
        ) from None
    return made


def url_of(server: Server, port: int) -> str:
    """Return the address that clients on this machine use."""
    host = server.host
    if host in ("0.0.0.0", "::", "[::]"):  # noqa: S104 (named, not bound)
        host = next((each for each in server.hosts if each != "*"), "127.0.0.1")
    host = f"[{host}]" if ":" in host and not host.startswith("[") and host.count(":") > 1 else host
    return f"http{'s' if server.tls_certificate else ''}://{host}:{port}"
