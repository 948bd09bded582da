"""What a request must be before anything else is done with it: whom it is for, where it comes from, how large it is.

It knows no model and no key. What it refuses, it refuses with an error that has an HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

from backbay.errors import BackbayError, BadRequestError, InvalidRequestError, NotFoundError, PermissionDeniedError
from backbay.jsonbytes import JSONBody

from .config import Server

MAX_DEPTH = 64
"""Levels of a JSON body at most."""

MAX_CONTAINERS = 500_000
"""Arrays and objects of a JSON body at most."""

MAX_KEY = 512
"""Characters of a key at most; anything longer is none, and nothing is computed with it."""

_HOST = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_STRANGE_PATH = re.compile(rb"//|[\\\x00-\x20\x7f-\xff]|%(?:2e|5c|00|0a|0d|25)|/\.{1,2}(?:/|$)", re.IGNORECASE)
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_CONTAINERS = frozenset({dict, list})
_READ = frozenset(
    b"host origin authorization x-api-key content-type content-length content-encoding anthropic-version "
    b"anthropic-beta".split()
)
_JSON_TYPES = (b"application/json", b"text/json")

REFUSED_FIELDS = frozenset(
    {
        *("api_base", "api_key", "api_type", "api_version", "base_url", "custom_llm_provider", "extra_body"),
        *("extra_headers", "extra_query", "headers", "organization", "base_model", "litellm_params", "proxy"),
        *(
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
            "aws_region_name",
            "aws_bedrock_runtime_endpoint",
        ),
        *("azure_ad_token", "vertex_credentials", "vertex_project", "vertex_location", "mock_response"),
    }
)
"""Fields that other gateways take for an address, a key or a header. No client decides about those here, and none is
passed on: what stands behind this gateway may be one of the others."""


def refusal(status: int, message: str, code: str, *, hint: str | None = None) -> BackbayError:
    """Return the error for a request that is refused as it is."""
    kind = {403: PermissionDeniedError, 404: NotFoundError}.get(status, BadRequestError)
    return kind(message, status=status, code=code, phase="prepare", hint=hint)


class Head:
    """What the headers of one request say.

    Attributes:
        key: The key that was presented, or ``None``.
        length: Bytes that the body is said to have, or ``None``.
        media: The media type of the body, with its parameters.
        encoding: The body's content encoding, or ``b""``.
        version: The ``anthropic-version`` header, or ``None``.
        betas: The ``anthropic-beta`` headers, joined, or ``None``.
    """

    __slots__ = ("betas", "encoding", "key", "length", "media", "version")

    def __init__(self, known: Mapping[bytes, bytes]) -> None:
        key = _bearer(known.get(b"authorization", b""))
        if key is None and b"x-api-key" in known:
            key = known[b"x-api-key"][: MAX_KEY + 1].decode("latin-1")
        self.key: str | None = key
        self.length: int | None = _length(known[b"content-length"]) if b"content-length" in known else None
        self.media = known.get(b"content-type", b"")
        self.encoding = known.get(b"content-encoding", b"").strip().lower()
        self.version: str | None = _text(known.get(b"anthropic-version"))
        self.betas: str | None = _text(known.get(b"anthropic-beta"))


class Guard:
    """Checks requests by what the configuration allows.

    Args:
        server: The configuration.
        own_hosts: Names by which the gateway is reached, besides those of this machine.
    """

    def __init__(self, server: Server, own_hosts: Iterable[str] = ()) -> None:
        self._any_host = "*" in server.hosts
        self._hosts = {*_LOOPBACK, *server.hosts, *own_hosts}
        self._origins = set(server.origins)
        # Host headers that were found good, as they came: most requests have one of a few.
        self._good: set[bytes] = set()
        self.max_body = server.max_body

    def head(self, headers: Iterable[tuple[bytes, bytes]], raw_path: bytes) -> Head:
        """Return what the headers say.

        Raises:
            BadRequestError: 400: the target, the Host header or the framing is odd.
            PermissionDeniedError: 403: the Host is not one of ours, or a web page of another origin asks.
        """
        known: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _READ:
                if name in known:
                    if name != b"anthropic-beta":
                        raise refusal(400, f"There are two {name.decode()} headers.", "duplicate_header")
                    value = known[name] + b"," + value  # noqa: PLW2901 (as RFC 9110 has it)
                known[name] = value
        host = known.get(b"host")
        if host is None or host not in self._good:
            self._check_host(host)
        if b"origin" in known:
            self._check_origin(known[b"origin"], host or b"")
        if _STRANGE_PATH.search(raw_path):
            raise refusal(400, "The path of the request is not written plainly.", "odd_path")
        return Head(known)

    def _check_host(self, host: bytes | None) -> None:
        if host is None or not _HOST.fullmatch(host) or len(host) > 255:
            raise refusal(400, "The Host header is missing, or is no host.", "odd_host")
        name = host.decode().lower()
        bare = re.sub(r":[0-9]+$", "", name)
        if not self._any_host and name not in self._hosts and bare.rstrip(".") not in self._hosts:
            raise refusal(
                403,
                "This gateway does not answer to the name in the Host header.",
                "host_not_allowed",
                hint="Its operator can add the name to server.hosts.",
            )
        if len(self._good) < 64:
            self._good.add(host)

    def _check_origin(self, origin: bytes, host: bytes) -> None:
        text = origin.decode("latin-1")
        own = host.decode("latin-1").lower()
        if text not in self._origins and text.lower() not in (f"http://{own}", f"https://{own}"):
            raise refusal(
                403,
                "Web pages of another origin may not ask this gateway.",
                "origin_not_allowed",
                hint="Its operator can add the origin to server.origins.",
            )

    def body_headers(self, head: Head) -> None:
        """Check that the headers announce a body that is read here: JSON, plain, not too large.

        Raises:
            BadRequestError: 413: too large. 415: no JSON, or compressed.
        """
        if head.media not in _JSON_TYPES:
            kind, _, parameters = head.media.partition(b";")
            if kind.strip().lower() not in _JSON_TYPES:
                raise refusal(
                    415, "The body must be JSON: send Content-Type: application/json.", "unsupported_media_type"
                )
            charset = parameters.lower().replace(b'"', b"").replace(b" ", b"")
            if b"charset=" in charset and b"charset=utf-8" not in charset and b"charset=utf8" not in charset:
                raise refusal(415, "The body must be JSON in UTF-8.", "unsupported_media_type")
        if head.encoding not in (b"", b"identity"):
            raise refusal(415, "Compressed bodies are not read here; send it plain.", "unsupported_content_encoding")
        if head.length is not None and head.length > self.max_body:
            raise self.too_large()

    def too_large(self) -> BackbayError:
        """Return the error for a body that is too large."""
        return refusal(413, f"The body is larger than the {self.max_body} bytes that are read here.", "body_too_large")


def _bearer(value: bytes) -> str | None:
    scheme, _, key = value[: MAX_KEY + 8].partition(b" ")
    return key.strip().decode("latin-1") if scheme.lower() == b"bearer" and key.strip() else None


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 15:
        raise refusal(400, "The Content-Length header is no number.", "odd_content_length")
    return int(value)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value[:1024].decode("latin-1")


def parse(data: bytes) -> JSONBody:
    """Return a body as a JSON object, which was read.

    Raises:
        BadRequestError: 400: it is no JSON object, is nested too deeply, or has a field that is not a client's.
    """
    body = JSONBody(data)
    if has_more_containers(data, MAX_CONTAINERS):
        raise _too_deep()
    try:
        found = body.parsed
    except InvalidRequestError as failure:
        raise refusal(400, f"The body cannot be read: {failure.message}", "invalid_json") from None
    if is_deeper(found, MAX_DEPTH):
        raise _too_deep()
    if not REFUSED_FIELDS.isdisjoint(found):
        names = ", ".join(sorted(REFUSED_FIELDS & found.keys()))
        raise refusal(400, f"{names}: clients do not decide about that here.", "field_not_allowed")
    return body


def _too_deep() -> BackbayError:
    return refusal(
        400,
        f"The JSON of the body is nested more than {MAX_DEPTH} levels deep, or has too many parts.",
        "json_too_deep",
    )


def has_more_containers(data: bytes, most: int) -> bool:
    """Whether JSON has more arrays and objects: each of few bytes, they would fill the memory when they are read."""
    # Each has two brackets and a comma, but for the outermost, which are not many.
    if len(data) <= 3 * most or data.count(b"{") + data.count(b"[") <= most:
        return False
    brackets = _STRING.sub(b"", data)  # Those within text are none.
    return brackets.count(b"{") + brackets.count(b"[") > most


def is_deeper(value: object, levels: int) -> bool:
    """Whether a value from JSON is nested deeper."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(levels):
        below: list[object] = []
        for each in level:
            held = each.values() if isinstance(each, dict) else cast("list[object]", each)
            if not _CONTAINERS.isdisjoint(map(type, held)):
                below += [one for one in held if type(one) in _CONTAINERS]
        if not below:
            return False
        level = below
    return bool(level)


def model_of(body: Mapping[str, object]) -> str:
    """Return the model that a body asks for.

    Raises:
        BadRequestError: 400: it names none.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise refusal(400, "model is missing: name one, as GET /v1/models lists them.", "model_required")
    if len(model) > 256 or not model.isprintable() or "/../" in f"/{model}/":
        raise refusal(400, "model is not the name of a model.", "model_required")
    return model
