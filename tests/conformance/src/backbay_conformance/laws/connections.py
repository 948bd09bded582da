"""The law of connections: a plugin talks to its vendor, and to nobody else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from ..auditing import connections
from ..scenarios import PLAIN
from ..subject import Subject
from .base import Laws, ask, run


class ConnectionLaws(Laws):
    """Connections are core's to open, at the address that the caller gave."""

    @pytest.mark.wire
    @pytest.mark.parametrize("how", ["complete", "stream"])
    def test_no_connection_is_opened_but_to_the_backends_own_address(self, subject: Subject, how: str) -> None:
        """A socket of a plugin's own knows no limits, no proxy and no leave: prompts may leave by it unseen."""

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                assert session.server is not None
                own = urlsplit(session.server.url)
                with connections() as opened:
                    await ask(session.backend, PLAIN, how)
                    await session.backend.aclose()
            strange = [each for each in opened if (each.host, each.port) != (own.hostname, own.port)]
            assert not strange, f"besides {own.netloc} there was {', '.join(map(str, strange))}"
            assert opened, "no connection was seen, not even the one to the vendor; the law saw nothing"

        run(law())
