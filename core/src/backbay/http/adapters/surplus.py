"""Bytes that a server sent behind a whole answer, on a connection that would be used again.

httpcore and httpcore2 leave them in their buffer, and would read them as the answer to the next request: perhaps to
another caller's. Neither has a public way to look, so this looks where they keep it; where that is elsewhere, which
the conformance suite shows, nothing is done.
"""

from __future__ import annotations

from typing import Any


def connection_of(response: Any) -> Any:
    """Return the connection behind a response of httpx's or httpx2's; ``None`` if it cannot be found."""
    found = getattr(response, "stream", None)
    # A client wraps the transport's stream once more than the transport alone does.
    for _ in range(4):
        request = getattr(found, "_pool_request", None)
        if request is not None:
            return getattr(getattr(request, "connection", None), "_connection", None)
        found = getattr(found, "_stream", None) or getattr(found, "_httpcore_stream", None)
    return None


async def close_if_surplus(connection: Any) -> None:
    """Close an HTTP/1.1 connection that has bytes nobody asked for."""
    state = getattr(connection, "_h11_state", None)
    if state is not None and state.trailing_data[0]:
        await connection.aclose()
