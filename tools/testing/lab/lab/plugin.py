# SPDX-License-Identifier: GPL-2.0-only
"""pytest and the lab: the fixture `lab`, and what is checked around each test.

A test says by a mark which lab it needs: `lab(LabConfig(...))`, or `lab({"name": LabConfig(...),
...})` to run in each of several. Tests with equal configurations share a boot, as long as they
follow each other; they are put in such an order, and with pytest-xdist into groups, of which
each worker takes one file after the other. A failure, or a machine that has slept, costs a boot.

Marks: `full` is for what "make check" leaves out, `slow` for what only runs with --slow, or
when its name is given."""

import re
from dataclasses import replace
from typing import Any, Iterator

import pytest
from _pytest.runner import runtestprotocol

from .config import LabConfig
from .errors import InfrastructureError, LabFailure
from .lab import Lab
from .lock import LabLock

CORE_FAULT = "core_fault"
INFRASTRUCTURE = "infrastructure"
# Why a test is run again, once
REASONS = {CORE_FAULT: "the kernel's Thunderbolt core gave a request back twice",
           INFRASTRUCTURE: "the lab did not start"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run tests marked slow, too")
    parser.addoption("--pair", action="store_true", help="each test once, with two of our hosts"
                     " always on kernels 6.12 and 7.3")
    parser.addoption("--rates", action="store_true", help="end with a table: how often did each"
                     " test fail?")


def pytest_configure(config: pytest.Config) -> None:
    for mark in ("lab(config): the lab that a test needs, or several of them by name",
                 "full: left out by \"make check\"",
                 "slow: takes minutes; runs with --slow, or when it is named"):
        config.addinivalue_line("markers", mark)


# Collection ---------------------------------------------------------------

def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with several labs is one in each."""
    mark = metafunc.definition.get_closest_marker("lab")
    if "lab" in metafunc.fixturenames and mark and isinstance(mark.args[0], dict):
        labs = mark.args[0]
        if metafunc.config.getoption("pair"):
            # Of several that are the same then, and of kernels, the first is enough
            kernels = {_of_pair(config): name for name, config in reversed(labs.items())}
            labs = {name: config for config, name in reversed(kernels.items())}
        metafunc.parametrize("lab", list(labs.values()), ids=list(labs), indirect=True)


def _of_pair(config: LabConfig) -> LabConfig:
    """Two hosts with this driver and different kernels in place of any two hosts with it."""
    hosts = config.hosts
    if config.driver != "ours" or [host.driver or "ours" for host in hosts] != ["ours"] * 2 or \
            not {host.kernel for host in hosts} <= {"6.12", "7.3"} or \
            any(host.scripted for host in hosts):
        return config
    return replace(config, hosts=(replace(hosts[0], kernel="6.12"), replace(hosts[1], kernel="7.3")))


def config_of(item: pytest.Item) -> LabConfig | None:
    """The lab that a test needs."""
    if "lab" not in getattr(item, "fixturenames", ()):
        return None
    callspec = getattr(item, "callspec", None)
    mark = item.get_closest_marker("lab")
    assert mark, f"{item.nodeid} takes a lab and has no mark that says which"
    config = callspec.params["lab"] if callspec and "lab" in callspec.params else mark.args[0]
    return _of_pair(config) if item.config.getoption("pair") else config


def _is_named(item: pytest.Item) -> bool:
    return any(argument.split("::")[-1] in (item.name, getattr(item, "originalname", ""))
               for argument in item.config.args if "::" in argument)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Equal labs together, those with most tests first."""
    chosen = [item for item in items if not item.get_closest_marker("slow") or
              config.getoption("slow") or _is_named(item)]
    if len(chosen) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    groups: dict[LabConfig | None, list[pytest.Item]] = {}
    for item in chosen:
        groups.setdefault(config_of(item), []).append(item)
    ordered = sorted(groups.values(), key=lambda group: -len(group))
    items[:] = [item for group in ordered for item in group]
    for number, group in enumerate(ordered):
        for item in group:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem.removeprefix('test_')}.{number}"))


# The lab ------------------------------------------------------------------

class Pool:
    """Has at most one lab, and gives it to test after test."""

    def __init__(self) -> None:
        self.lab: Lab | None = None
        self._config: LabConfig | None = None
        self._failed: dict[LabConfig, AssertionError] = {}

    def get(self, config: LabConfig, name: str) -> Lab:
        """The lab of this configuration, booted if it is not there."""
        if self.lab and self._config == config:
            return self.lab
        self.drop()
        if config in self._failed:
            raise LabFailure(f"the hosts did not come up, as before: {self._failed[config]}")
        self.lab, self._config = Lab(config, name=name), config
        try:
            self.lab.__enter__()
        except AssertionError as error:
            # The drivers did not load, or the hosts did not find each other
            self._failed[config] = error
            raise
        except InfrastructureError:
            self.lab = None
            raise
        print(f"lab {self.lab.directory.name}: up in {self.lab.start_seconds:.1f} s,"
              f" deadlines x {self.lab.scale:.1f}")
        return self.lab

    def drop(self) -> None:
        """Stop the lab. It was checked after each test."""
        lab, self.lab = self.lab, None
        if lab:
            lab.__exit__(InfrastructureError)

    def forgive(self) -> None:
        """Let a configuration that did not come up be tried again."""
        self._failed.clear()


POOL = Pool()


@pytest.fixture(name="lab")
def _lab(request: pytest.FixtureRequest) -> Lab:
    """The lab that the test's mark describes."""
    config = config_of(request.node)
    assert config
    return POOL.get(config, request.path.stem.removeprefix("test_"))


def pytest_sessionstart(session: pytest.Session) -> None:
    """One run at a time on a machine, with all its labs."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        LabLock.for_session()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Exit code 2 if a lab did not start, twice: that is no result of a test."""
    POOL.drop()
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(session.config, "workerinput") and \
            _met(reporter.stats.get("error", []), INFRASTRUCTURE):
        session.exitstatus = pytest.ExitCode.INTERRUPTED


def _check(item: pytest.Item, lab: Lab) -> None:
    lab.health_check()
    lab.reset_state()
    if any(host.slept for host in lab.hosts):
        POOL.drop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test passes only if neither kernels nor simulator complain about it."""
    lab = POOL.lab if config_of(item) else None
    if lab:
        for host in lab.hosts:
            host.mark_log(f"test {item.name}")
    try:
        yield
    except pytest.skip.Exception:
        if lab:
            _check(item, lab)
        raise
    if lab:
        _check(item, lab)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]
                              ) -> Iterator[pytest.TestReport]:
    report = yield
    if report.failed and POOL.lab:
        if any(host.console.core_fault() for host in POOL.lab.hosts):
            report.user_properties.append((CORE_FAULT, item.name))
        directory = POOL.lab.directory
        report.sections.append(("lab", f"logs: {directory.relative_to(directory.parents[2])}"))
        report.sections += POOL.lab.last_words()
        POOL.drop()
    # During the call a simulator or a machine that ends may be the fault that a test is for
    if call.when == "setup" and call.excinfo and call.excinfo.errisinstance(InfrastructureError):
        report.user_properties.append((INFRASTRUCTURE, item.name))
    return report


def _met(reports: list[pytest.TestReport], what: str) -> bool:
    return any(name == what for report in reports for name, _ in report.user_properties)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: Any, nextitem: pytest.Item | None) -> bool:
    """Run a test again, once, that met the core's double free, or whose lab did not start:
    neither says anything about what was tested. It is told and counted in the end."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for what in REASONS:
        if _met(reports, what):
            POOL.forgive()
            item._initrequest()
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            reports[-1].user_properties.append((f"repeated for {what}", item.name))
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


# The end ------------------------------------------------------------------

def all_reports(terminalreporter: Any) -> list[pytest.TestReport]:
    """Every report of the run, for the tables at its end."""
    return [report for reports in terminalreporter.stats.values() for report in reports
            if isinstance(report, pytest.TestReport)]


def _rates(terminalreporter: Any) -> None:
    """How often each test failed, or was run again: that it passed then does not count."""
    runs: dict[str, list[bool]] = {}
    for report in all_reports(terminalreporter):
        again = _repeats(report)
        if again:
            runs.setdefault(_name(report), []).append(True)
        elif report.when == "call" or report.failed:
            runs.setdefault(_name(report), []).append(report.failed)
    terminalreporter.section("failed or run again, per test")
    for name, failed in sorted(runs.items(), key=lambda run: -sum(run[1])):
        terminalreporter.write_line(f"{sum(failed):4} of {len(failed):4}  {name}")

def _repeats(report: pytest.TestReport) -> list[tuple[str, str]]:
    """The test's name and the reason, if it was run again."""
    return [(test, why) for name, test in report.user_properties for what, why in REASONS.items()
            if name == f"repeated for {what}"]


def _name(report: pytest.TestReport) -> str:
    """A test's name without its number: pytest-repeat has added "[3-20]", or "-3-20" to what
    was there."""
    return re.sub(r"(\[|-)\d+-\d+\]$", lambda m: "" if m[1] == "[" else "]",
                  report.nodeid.split("@")[0])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if terminalreporter.config.getoption("rates"):
        _rates(terminalreporter)
    repeats = [repeat for report in all_reports(terminalreporter) for repeat in _repeats(report)]
    for test, why in repeats:
        terminalreporter.write_line(f"{test}: run again, because {why}")
    if repeats:
        terminalreporter.write_line(f"{len(repeats)} run again")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The line that scripts/check adds up."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(config, "workerinput") and not config.option.collectonly:
        count = {kind: len(reporter.stats.get(kind, ())) for kind in
                 ("passed", "failed", "error", "skipped")}
        print(f"{count['passed']} passed, {count['failed'] + count['error']} failed,"
              f" {count['skipped']} skipped", flush=True)
