"""The licence of a new distribution: an SPDX identifier, and the text of those that are here."""

from __future__ import annotations

import difflib
import re

from backbay import InvalidRequestError

DEFAULT = "MIT"
NONE = "none"
"""What is said for no licence at all."""

TEXTS = ("Apache-2.0", "MIT")
"""Those whose text, or notice, is written into the distribution: folders of ``templates/licences``."""

# Source: https://spdx.org/licenses/, those that are approved by the OSI and in common use, and CC0.
_KNOWN = (
    "0BSD AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 ECL-2.0 "
    "EPL-2.0 EUPL-1.2 GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later ISC LGPL-2.1-only LGPL-2.1-or-later "
    "LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-2.0 MulanPSL-2.0 NCSA OSL-3.0 PostgreSQL UPL-1.0 Unlicense Zlib"
).split()
_OWN = re.compile(r"LicenseRef-[A-Za-z0-9.-]{1,60}")


def check(licence: str) -> str:
    """Return a licence as SPDX spells it, ``""`` for none.

    Raises:
        InvalidRequestError: It is none of those that are known here, and no ``LicenseRef-``.
    """
    if licence.lower() == NONE:
        return ""
    spelt = {known.lower(): known for known in _KNOWN}
    found = spelt.get(licence.lower()) or (licence if _OWN.fullmatch(licence) else None)
    if found is None:
        near = [spelt[name] for name in difflib.get_close_matches(licence.lower(), spelt, n=3, cutoff=0.5)]
        near = [known for known in _KNOWN if licence and known.lower().startswith(f"{licence.lower()}-")] or near
        meant = f"Did you mean {' or '.join(near)}? " if near else ""
        raise InvalidRequestError(
            f"--licence {licence!r} is no SPDX identifier that is known here.",
            hint=f"{meant}There are {', '.join(_KNOWN)}; LicenseRef-NAME for one of your own, and {NONE}.",
        )
    return found


def lines(licence: str) -> str:
    """Return the lines of ``pyproject.toml`` that say it; ``""`` for none."""
    if not licence:
        return ""
    return f'license = "{licence}"\n' + ('license-files = ["LICENSE"]\n' if licence in TEXTS else "")


def note(licence: str) -> str:
    """Return what the README says of it."""
    if not licence:
        return "None is granted. To grant one, name it as `license` in `pyproject.toml`, and add its text as `LICENSE`."
    if licence in TEXTS:
        return f"{licence}: see `LICENSE`."
    return f"{licence}, as `pyproject.toml` says. Add its text as `LICENSE`."
