"""The pytest side of the suite: its markers, what is collected, and the report."""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest

from . import provisional, stalls

_OPTION = "--backbay-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the report."""
    group = parser.getgroup("backbay", "Backbay conformance")
    group.addoption(
        _OPTION,
        metavar="PATH",
        help="Write what the conformance suite found: a .json file, an .html page, or both into a folder.",
    )
    group.addoption(
        "--backbay-law", metavar="SUBSTRING", help="Try only laws of the conformance suite whose name has this in it."
    )
    group.addoption(
        provisional.OPTION,
        action="store_true",
        help="Fail for laws that are new in this minor release too; else they only warn until the next one.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of laws, and look whether the report can be written."""
    config.addinivalue_line("markers", "wire: a law about bytes, where the suite answers in a vendor's place")
    config.addinivalue_line("markers", "engine: a law for backends in this process, and servers that run")
    config.addinivalue_line("markers", "proves(*capabilities): capabilities that a law is about, for the report")
    path = config.getoption(_OPTION)
    if path is not None and not hasattr(config, "workerinput"):  # under xdist, the controller writes
        from .report import Recorder

        try:
            config.pluginmanager.register(Recorder(path), "backbay-conformance-report")
        except (OSError, ValueError) as failure:
            raise pytest.UsageError(f"{_OPTION} {path}: {failure}") from None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> Generator[None, object, object]:
    """Leave out laws that do not apply, and put one clear failure where a class cannot be tried as it is."""
    made = yield
    if "backbay_conformance.laws.base" not in sys.modules or made is None:
        return made
    from . import collecting, guard

    nodes = made if isinstance(made, list) else [made]
    if len(nodes) == 1 and (kind := collecting.laws_class(nodes[0])) and isinstance(nodes[0], pytest.Class):
        return [] if guard.is_suites(kind) else collecting.refusals(nodes[0], kind) or made
    inside = collecting.laws_class(collector)
    if inside is not None and name in guard.laws_of(inside) and isinstance(collector, pytest.Class):
        return collecting.of_law(collector, inside, name, nodes)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the laws that ``--backbay-law`` asks for."""
    wanted = config.getoption("--backbay-law")
    if wanted is None or "backbay_conformance.laws.base" not in sys.modules:
        return
    from .collecting import Refusal, laws_class

    text = wanted.strip().lower().replace(" ", "_")
    left = [item for item in items if laws_class(item) and text not in item.name.lower()]
    left = [item for item in left if not isinstance(item, Refusal)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail laws that were skipped, or whose emulator failed, and attach the record of a law to its report."""
    report = yield
    if "backbay_conformance.laws.base" not in sys.modules:
        return report
    from . import guard, recording
    from .collecting import Refusal, laws_class

    kind = laws_class(item)
    name = getattr(item, "originalname", item.name)
    if kind is None and not isinstance(item, Refusal):
        return report
    held_back = False
    if kind is not None and name in guard.laws_of(kind):
        expected = guard.reason_for(kind, name, item.name) is not None
        _refuse_skip(report, name, expected=expected)
        blamed = _blame_emulator(item, report)
        held_back = not (expected or blamed) and provisional.is_held_back(item)
    elif not isinstance(item, Refusal):
        return report  # a test of the author's own, in the same class
    if item.config.getoption(_OPTION) is not None and (found := recording.record(item, report, held_back=held_back)):
        report.user_properties.append(recording.packed(found))
    if held_back:
        provisional.pardon(report, getattr(item, "function", None))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count provisional laws that are broken by themselves."""
    return (provisional.VERDICT, "p", provisional.VERDICT.upper()) if provisional.is_pardoned(report) else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Watch from before the first law, so that the watch is no thread that a law began."""
    if "backbay_conformance.laws.base" in sys.modules:
        stalls.WATCH.start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Let laws be asked again that failed while the machine stood still."""
    if "backbay_conformance.laws.base" not in sys.modules or type(item) is not pytest.Function:
        return
    from .collecting import laws_class

    if laws_class(item) is not None:
        stalls.ask_again(item)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Warn of provisional laws that are broken, and name those that were asked again."""
    provisional.write_summary(terminalreporter)
    stalls.write_summary(terminalreporter)


def _refuse_skip(report: pytest.TestReport, law: str, *, expected: bool) -> None:
    """Fail a law that was skipped, or marked as an expected failure in another way than the one there is."""
    way = f'write expected_failures = {{"{law}": "the reason"}} in the class.'
    if hasattr(report, "wasxfail") and not expected:
        del report.wasxfail
        report.outcome = "failed"
        report.longrepr = f"The law {law} was marked as an expected failure. Remove the mark; if it must be, {way}"
    elif report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"The law {law} was skipped, and a law is never skipped. If the backend is known to break it, {way}"
        )
    elif expected and report.failed and str(report.longrepr).startswith("[XPASS(strict)]"):
        report.longrepr = f"The law {law} holds, and expected_failures says that it is broken. Remove it there."


def _blame_emulator(item: pytest.Item, report: pytest.TestReport) -> bool:
    """Fail a law whose emulator did not do its part, by what that said: all else that the law saw follows from it."""
    from .subject import SUBJECT

    subject = item.stash.get(SUBJECT, None)
    if subject is None or not subject.problems or not (report.when == "call" or report.failed):
        return False
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    report.outcome = "failed"
    report.longrepr = subject.problems[0]
    return True
