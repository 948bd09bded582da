"""Certificates for the rig's doors: a good one, and each way of being bad. Made once a run, and trusted by nobody."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import trustme

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files.

    Attributes:
        authority: The authority that clients trust, as a certificate.
        good: Key and certificate that it signed, for ``HOST``.
        expired: Likewise, and out of date since last year.
        wrong_host: Likewise, for another name.
        unknown: For ``HOST``, signed by an authority that nobody trusts.
        client: For a client, by ``authority``.
    """

    authority: str
    good: str
    expired: str
    wrong_host: str
    unknown: str
    client: str


def make(folder: Path) -> Certificates:
    """Write the files into ``folder``."""
    authority, other = trustme.CA(), trustme.CA()
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = {
        "good": authority.issue_cert(HOST),
        "expired": authority.issue_cert(HOST, not_before=past, not_after=past + dt.timedelta(days=90)),
        "wrong_host": authority.issue_cert("elsewhere.example.com"),
        "unknown": other.issue_cert(HOST),
        "client": authority.issue_cert("client@example.com"),
    }
    files = {}
    for name, certificate in made.items():
        files[name] = str(folder / f"{name}.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(files[name])
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return Certificates(authority=str(folder / "authority.pem"), **files)
