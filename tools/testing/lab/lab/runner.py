# SPDX-License-Identifier: GPL-2.0-only
"""Find and run tests, report in KTAP.

A test file has functions test_*(lab). What lab they need stands in the
file's LAB (keyword arguments of Lab) or LABS (a name for each of several
such sets: every test runs in each), or on the function by @lab_config. A function
marked @full_only runs with --full only. A file's summary() is asked for what to print
in the end."""

import fnmatch
import importlib.util
import inspect
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

from .errors import CoreFault, InfrastructureError, LabFailure, SkipTest
from .lab import Lab

TestFunction = Callable[[Lab], None]
# What a test file says in the end about its tests, given which of them passed
Summary = Callable[[dict[str, bool]], str]


def lab_config(**config: Any) -> Callable[[TestFunction], TestFunction]:
    """Decorator: this test needs another lab than its file's LAB."""
    def mark(function: TestFunction) -> TestFunction:
        setattr(function, "lab_config", config)
        return function
    return mark


def full_only(function: TestFunction) -> TestFunction:
    """Decorator: this test takes long, so it runs with --full, or under its whole name."""
    setattr(function, "full_only", True)
    return function


@dataclass
class Test:
    """One test function in one lab configuration."""
    name: str
    function: TestFunction
    config: dict[str, Any]
    summary: Summary | None = None


@dataclass
class Tally:
    """Results so far."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def line(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def find_tests(directory: Path, patterns: list[str], full: bool = False) -> list[Test]:
    """Tests whose name "file.function[lab]" matches a pattern: a glob, or
    part of the name. No pattern means all. Tests marked full_only are there only
    if `full`, or under their whole name."""
    tests: list[Test] = []
    for path in sorted(directory.glob("test_*.py")):
        module = _import(path)
        for name, function in vars(module).items():
            if not name.startswith("test_") or not inspect.isfunction(function):
                continue
            labs = getattr(module, "LABS", {"": getattr(module, "LAB", {})})
            if hasattr(function, "lab_config"):
                labs = {"": function.lab_config}
            for variant, config in labs.items():
                whole = f"{path.stem.removeprefix('test_')}.{name.removeprefix('test_')}"
                whole += f"[{variant}]" if variant else ""
                if getattr(function, "full_only", False) and not full and whole not in patterns:
                    continue
                if not patterns or any(p in whole or fnmatch.fnmatch(whole, p) for p in patterns):
                    tests.append(Test(whole, function, config, getattr(module, "summary", None)))
    return tests


def _group(tests: list[Test]) -> list[list[Test]]:
    """Tests with the same lab together, in order of first appearance."""
    groups: dict[str, list[Test]] = {}
    for test in tests:
        groups.setdefault(repr(sorted(test.config.items())), []).append(test)
    return list(groups.values())


def _say(text: str) -> None:
    print(text, flush=True)


def _comment(text: str) -> None:
    for line in text.splitlines():
        _say(f"# {line}".rstrip())


class Runner:
    """Runs groups of tests, a lab for each. A failure or a machine that has slept
    costs the group another lab."""

    def __init__(self, tests: list[Test], keep_going: bool = True) -> None:
        self._groups = _group(tests)
        self._keep_going = keep_going
        self._number = 0
        self._count = len(tests)
        self.tally = Tally()
        self._results: dict[Summary, dict[str, bool]] = {}
        self._repeated: set[str] = set()

    def run(self) -> int:
        """0 all passed, 1 failures, 2 the lab itself does not work."""
        _say("KTAP version 1")
        _say(f"1..{self._count}")
        began = time.monotonic()
        try:
            for group in self._groups:
                self._run_group(group)
                if self.tally.failed and not self._keep_going:
                    break
        except InfrastructureError as error:
            _comment(f"the lab does not work, this is no test result:\n{error}")
            _say(f"Bail out! {str(error).splitlines()[0]}")
            _say(f"# {self.tally.line()} in {time.monotonic() - began:.0f} s, then the lab failed")
            return 2
        for summary, results in self._results.items():
            _comment(summary(results))
        for name in self.tally.failures:
            _comment(f"failed: {name}")
        _say(f"# time: {time.monotonic() - began:.0f} s")
        _say(self.tally.line())
        return 1 if self.tally.failed else 0

    def _run_group(self, group: list[Test]) -> None:
        """One lab; another one after each failure, because a failure may have
        left the hosts in any state."""
        waiting = list(group)
        broken = 0
        while waiting:
            try:
                broken = self._run_in_one_lab(waiting, broken)
            except CoreFault as fault:
                _comment(f"{fault}; {waiting[0].name} once more")
            except InfrastructureError as error:
                broken += 1
                if broken > 1:
                    raise
                _comment(f"the lab failed, starting another one: {error}")
            if self.tally.failed and not self._keep_going:
                return

    def _run_in_one_lab(self, waiting: list[Test], broken: int) -> int:
        name = waiting[0].name.split(".")[0]
        began = time.monotonic()
        lab = Lab(name=name, **waiting[0].config)
        try:
            lab.__enter__()
        except AssertionError as error:
            self._pass_over_core_fault(waiting[0], lab)
            # The drivers did not load or the hosts did not find each other;
            # the group's other tests would meet the same.
            self._report(waiting.pop(0), began, error, lab)
            while waiting:
                again = LabFailure(f"the hosts did not come up, as before: {error}")
                self._report(waiting.pop(0), time.monotonic(), again, lab)
            return broken
        try:
            _comment(f"lab {lab.directory.name}: up in {lab.start_seconds:.1f} s,"
                     f" deadlines x {lab.scale:.1f}")
            while waiting:
                if not self._run_test(waiting[0], lab):
                    waiting.pop(0)
                    break
                waiting.pop(0)
                broken = 0
        finally:
            # Checked after each test; what the end itself does is checked by
            # the simulator's exit code.
            lab.__exit__(InfrastructureError)
        return broken

    def _run_test(self, test: Test, lab: Lab) -> bool:
        """True when the lab may be used for the next test."""
        began = time.monotonic()
        problem: BaseException | None = None
        try:
            for host in lab.hosts:
                host.mark_log(f"test {test.name}")
            test.function(lab)
        except (SkipTest, AssertionError) as error:
            problem = error
        except InfrastructureError:
            raise
        except Exception as error:  # a fault in the test itself
            problem = error
        if problem is None or isinstance(problem, SkipTest):
            try:
                lab.health_check()
                lab.reset_state()
            except AssertionError as error:
                problem = error
        if isinstance(problem, AssertionError):
            self._pass_over_core_fault(test, lab)
        self._report(test, began, problem, lab)
        if any(host.slept for host in lab.hosts):
            return False
        return problem is None or isinstance(problem, SkipTest)

    def _pass_over_core_fault(self, test: Test, lab: Lab) -> None:
        """Raise CoreFault, so that a test that met one is run again, once."""
        faulty = [host.name for host in lab.hosts if host.console.core_fault()]
        if faulty and test.name not in self._repeated:
            self._repeated.add(test.name)
            raise CoreFault(f"{faulty[0]}: the kernel's Thunderbolt core has given a request"
                            " back twice")

    def _report(self, test: Test, began: float, problem: BaseException | None, lab: Lab) -> None:
        self._number += 1
        seconds = time.monotonic() - began
        if test.summary is not None and not isinstance(problem, SkipTest):
            self._results.setdefault(test.summary, {})[test.name] = problem is None
        if problem is None:
            self.tally.passed += 1
            _say(f"ok {self._number} {test.name} # {seconds:.1f} s")
            return
        if isinstance(problem, SkipTest):
            self.tally.skipped += 1
            _say(f"ok {self._number} {test.name} # SKIP {problem}")
            return
        self.tally.failed += 1
        self.tally.failures.append(test.name)
        _comment(inspect.getdoc(test.function) or "")
        if type(problem) is AssertionError or not isinstance(problem, AssertionError):
            _comment("".join(traceback.format_exception(problem)))
        else:
            last = traceback.extract_tb(problem.__traceback__)
            places = [f for f in last if Path(f.filename).parent.name == "tests"] or last[-1:]
            for place in places:
                _comment(f"{Path(place.filename).name}:{place.lineno}: {place.line}")
            _comment(str(problem))
        _comment(f"logs: {lab.directory.relative_to(lab.directory.parents[2])}")
        _say(f"not ok {self._number} {test.name} # {seconds:.1f} s")
