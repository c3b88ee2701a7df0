# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of a test when its lab fails, with a lab that has no machines."""

import os
import subprocess
import sys
from pathlib import Path

from lab.lock import HELD

FAKE_LAB = """
import os
from lab import paths, plugin
from lab.errors import InfrastructureError

class FakeLab:
    hosts = ()
    scale = 1.0
    start_seconds = 0.0
    starts = 0

    def __init__(self, config, name):
        self.directory = paths.RUNS / name

    def __enter__(self):
        FakeLab.starts += 1
        if FakeLab.starts <= int(os.environ["FAILING_STARTS"]):
            raise InfrastructureError("a host did not boot")
        return self

    def __exit__(self, *_):
        pass

    def health_check(self):
        pass

    def reset_state(self):
        pass

    def last_words(self):
        return [("kernel log of alpha", "the controller has died")]

plugin.Lab = FakeLab
"""

TEST = """
import pytest
from lab import LabConfig
from lab.errors import InfrastructureError

RUNS = []
pytestmark = pytest.mark.lab(LabConfig())

def test_it(lab):
    RUNS.append(lab)
    if {ends} and len(RUNS) == 1:
        raise InfrastructureError("usb4sim ended")
"""


def run(folder: Path, failing_starts: int, ends: bool = False) -> tuple[int, str]:
    """Exit code and output of pytest with one test, during which the simulator ends if told so."""
    (folder / "fake_lab.py").write_text(FAKE_LAB)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(TEST.format(ends=ends))
    environment = {**os.environ, HELD: "1", "FAILING_STARTS": str(failing_starts),
                   "PYTHONPATH": f"{folder}:{os.environ['PYTHONPATH']}"}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "lab.plugin", "-p", "fake_lab",
                           "-p", "no:cacheprovider", "-c", "pytest.ini", "test_it.py"],
                          cwd=folder, env=environment, text=True, check=False, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def test_a_lab_that_does_not_start_once_is_told_and_costs_no_test(tmp_path: Path) -> None:
    """The test runs again, and the output says why."""
    code, output = run(tmp_path, failing_starts=1)
    assert code == 0, output
    assert "test_it: run again, because the lab did not start" in output
    assert "1 run again" in output
    assert output.endswith("1 passed, 0 failed, 0 skipped\n")


def test_a_lab_that_does_not_start_twice_is_exit_code_2(tmp_path: Path) -> None:
    """The exit code tells it from a test that failed."""
    code, output = run(tmp_path, failing_starts=2)
    assert code == 2, output
    assert output.endswith("0 passed, 1 failed, 0 skipped\n")


def test_a_simulator_that_ends_during_a_test_fails_it(tmp_path: Path) -> None:
    """It is not run again: it might pass then, and hide what ended the simulator."""
    code, output = run(tmp_path, failing_starts=0, ends=True)
    assert code == 1, output
    assert "run again" not in output
    assert "kernel log of alpha" in output and "the controller has died" in output, output
    assert output.endswith("0 passed, 1 failed, 0 skipped\n")
