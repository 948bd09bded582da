"""What ``backbay new`` was told, checked before anything is written."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from importlib.metadata import version as version_of

from backbay import InvalidRequestError

from . import licences


class Kind(StrEnum):
    """What a new backend is."""

    OPENAI_CHAT = "openai_chat"
    """A vendor on the chat-completions wire."""
    OWN = "own"
    """A vendor with a wire of its own."""
    IN_PROCESS = "in-process"
    """An engine in this process."""


_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,59}")
_LONGEST = {"name": 40, "label": 50, "base URL": 80}
_MODELS = {Kind.OPENAI_CHAT: "MODEL", Kind.OWN: "MODEL", Kind.IN_PROCESS: "markov"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A new distribution.

    Attributes:
        name: The backend's name.
        kind: What it is.
        label: Its name for people.
        base_url: Where the API is; unused in process.
        key_env: The environment variable of the key; ``""`` for none.
        licence: Its SPDX identifier; ``""`` for none.
    """

    name: str
    kind: Kind
    label: str
    base_url: str = ""
    key_env: str = ""
    licence: str = licences.DEFAULT

    @property
    def distribution(self) -> str:
        """The distribution's name."""
        return f"backbay-{self.name}"

    def blanks(self) -> dict[str, str]:
        """Return what stands for each blank of the templates."""
        variable = self.name.replace("-", "_").upper()
        return {
            "name": self.name,
            "label": self.label,
            "distribution": self.distribution,
            "module": self.distribution.replace("-", "_"),
            "wire": f"{self.name.replace('-', '_')}_lines",
            "model": _MODELS[self.kind],
            "bounds": _bounds(),
            "export": f"\n    export {self.key_env}=..." if self.key_env else "",
            "where": self._where(variable),
            "settings": self._settings(variable),
            "ships": self._ships(),
            "licence": licences.lines(self.licence),
            "licence_note": licences.note(self.licence),
            "year": str(datetime.now(UTC).year),
        }

    def _ships(self) -> str:
        """Return the entry point of the conformance test; for a wire that the suite knows, it makes its own."""
        if self.kind is Kind.OPENAI_CHAT:
            return ""
        module = self.distribution.replace("-", "_")
        return f'\n[project.entry-points."backbay.conformance"]\n{self.name} = "{module}.conformance:Conformance"\n'

    def _where(self, variable: str) -> str:
        lines = [f'default_base_url="{self.base_url}",', f'base_url_env=("{variable}_BASE_URL",),']
        if self.key_env:
            lines.append(f'credential_env=("{self.key_env}",),')
        else:
            lines.append("requires_credential=False,")
        return "\n".join(f"    {line}" for line in lines)

    def _settings(self, variable: str) -> str:
        rows = [f"| `base_url` | the address; else `{variable}_BASE_URL`, or `{self.base_url}` |"]
        if self.kind is Kind.IN_PROCESS:
            rows = ["| `pause` | seconds between two words (0) |"]
        elif self.key_env:
            rows.insert(0, f"| `api_key` | the key; else `{self.key_env}` |")
        return "\n".join(["| `connect` argument | means |", "|---|---|", *rows])


def check_name(name: str) -> str:
    """Return a name for a new backend.

    Raises:
        InvalidRequestError: It is no such name, or it is taken; the message says by what.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST["name"]:
        raise InvalidRequestError(
            f"{name!r} is no name for a backend.",
            hint=f"Lower-case letters and digits, with single hyphens between; {_LONGEST['name']} at most.",
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise InvalidRequestError(f"{name!r} is a keyword of Python; choose another name.")
    _refuse_taken(name)
    return name


def _refuse_taken(name: str) -> None:
    from backbay import names
    from backbay.known import KNOWN

    if name in names():
        raise InvalidRequestError(f"A backend {name!r} is installed already; choose another name.")
    if name in KNOWN:
        raise InvalidRequestError(f"{name!r} is the backend of {KNOWN[name]}; choose another name.")
    taken = f"backbay-{name}"
    if name in ("cli", "conformance", "core") or _installed(taken):
        raise InvalidRequestError(f"{taken} is a distribution already; choose another name.")


def check_label(label: str) -> str:
    """Return a name for people.

    Raises:
        InvalidRequestError: It cannot stand in source files as it is.
    """
    if not label.strip() or not label.isprintable() or set(label) & set("\"'\\`{}") or len(label) > _LONGEST["label"]:
        raise InvalidRequestError(
            "--label takes a vendor's name: one line, without quotes, braces and backslashes.",
            hint=f"It has {_LONGEST['label']} characters at most.",
        )
    return label.strip()


def check_base_url(url: str, name: str) -> str:
    """Return a base URL.

    Raises:
        ConfigurationError: It is none, or core would refuse it.
        InvalidRequestError: It cannot stand in source files as it is.
    """
    from backbay.http import urls

    found = urls.check_base_url(url, backend=name, allow_insecure_http=False)
    if not found.isascii() or not found.isprintable() or set(found) & set("\"'\\`{}|") or len(found) > 80:
        raise InvalidRequestError("--base-url takes a URL of up to 80 ASCII characters, without quotes and braces.")
    return found


def check_key_env(variable: str) -> str:
    """Return the name of the variable that has the key; ``""`` for a vendor that wants none.

    Raises:
        InvalidRequestError: It is no variable's name. The message does not repeat it: it may be the key itself.
    """
    if variable and not _VARIABLE.fullmatch(variable):
        raise InvalidRequestError(
            "--key-env takes the name of an environment variable, such as ACME_API_KEY, and what was given is none.",
            hint="Give an empty string for a vendor that wants no key. A key itself has no place in a plugin.",
        )
    return variable


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _bounds() -> str:
    """Return bounds on the core's version: this release or later, and before the next that may break."""
    try:
        major, minor = (int(part) for part in version_of("backbay").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        major, minor = 0, 1
    return f">={major}.{minor},<0.{minor + 1}" if major == 0 else f">={major}.{minor},<{major + 1}"
