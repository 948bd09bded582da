"""What HTTP libraries log is shown without the keys of the backends."""

from __future__ import annotations

import contextvars
import logging

import pytest

from backbay.http.redaction import LOGGERS, Hidden


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, logger=LOGGERS[0])
    return logging.getLogger(LOGGERS[0])


def test_a_record_of_a_backends_context_is_shown_without_its_secrets(log, caplog) -> None:
    hidden = Hidden(lambda: ["secret-of-one"])

    def one_call() -> None:
        hidden.watch()
        log.debug("headers %r", ["secret-of-one"])

    contextvars.copy_context().run(one_call)
    assert caplog.messages == ["headers ['***']"]


def test_a_record_of_no_context_is_shown_without_the_secrets_of_any_backend(log, caplog) -> None:
    kept = [Hidden(lambda: ["secret-of-one"]), Hidden(lambda: ["secret-of-two"])]
    contextvars.Context().run(log.debug, "%s", "secret-of-one secret-of-two")
    assert caplog.messages == ["*** ***"]
    assert len(kept) == 2


def test_a_record_asks_only_the_backend_of_its_context_however_many_there_are(log, caplog) -> None:
    asked = []
    others = [Hidden(lambda: asked.append("other") or ["another-secret"]) for _ in range(100)]
    mine = Hidden(lambda: asked.append("mine") or ["secret-of-mine"])

    def one_call() -> None:
        mine.watch()
        log.debug("secret-of-mine")

    contextvars.copy_context().run(one_call)
    assert asked == ["mine"]
    assert caplog.messages == ["***"]
    assert len(others) == 100


def test_a_backend_that_is_gone_leaves_its_context_to_all_the_others(log, caplog) -> None:
    kept = Hidden(lambda: ["secret-of-one"])

    def one_call() -> None:
        Hidden(lambda: ["secret-of-two"]).watch()
        log.debug("secret-of-one")

    contextvars.copy_context().run(one_call)
    assert caplog.messages == ["***"]
    assert kept is not None
