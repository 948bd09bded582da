"""Whom TLS trusts: the system's own store, or what ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name in its place."""

from __future__ import annotations

import os
import ssl

_made: dict[tuple[str | None, str | None], ssl.SSLContext] = {}


def context() -> ssl.SSLContext:
    """Return the process's context: TLS 1.2 at least, and the certificate and its host name are checked.

    Raises:
        OSError: A file that a variable names cannot be read.
    """
    named = (os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)
    found = _made.get(named)
    if found is None:
        found = _made[named] = _make(*named)
    return found


def _make(file: str | None, folder: str | None) -> ssl.SSLContext:
    if file or folder:
        made = ssl.create_default_context(cafile=file, capath=folder)
    else:
        # Python alone finds no certificates on some systems (macOS), and not those that a company added on others.
        import truststore

        made = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    return made
