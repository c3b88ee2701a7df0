# SPDX-License-Identifier: GPL-2.0-only
"""The USB4 simulator as a child process, and its cables."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Sequence

from . import paths
from .child import Child, build, tail
from .deadline import Deadline
from .errors import InfrastructureError, LabFailure
from .faults import Faults
from .topology import Cable, Dock, ports

_built = False


class CableHandle:
    """A cable of a running simulator."""

    def __init__(self, sim: "Simulator", index: int) -> None:
        self._sim = sim
        self._index = index

    @property
    def plugged(self) -> bool:
        """Both ends are in; a fault may have pulled it, too."""
        return self._sim.command("stats")["cables"][self._index]["plugged"]

    def unplug(self) -> None:
        self._sim.command("unplug", str(self._index))

    def plug(self) -> None:
        self._sim.command("plug", str(self._index))


def build_simulator(run_dir: Path) -> None:
    """Bring build/usb4sim up to date, once per process."""
    global _built
    if _built:
        return
    build("usb4sim", ["make", "-s", "-j2", "-C", str(paths.SIM_SOURCE),
                      f"O={paths.SIM_BUILD}"], run_dir / "usb4sim.build")
    _built = True


def use_build(directory: Path) -> None:
    """Use a simulator that was built there in another way, from now on."""
    global _built
    paths.SIM_BUILD = directory
    _built = True


class Simulator:
    """usb4sim with controllers, scripted hosts and docks."""

    def __init__(self, hosts: Sequence[str], cables: Sequence[Cable], options: Sequence[str],
                 run_dir: Path, socket_dir: Path, scripted: Sequence[str] = (),
                 docks: Sequence[Dock] = ()) -> None:
        """`options` are appended to each --host, as in "profile=amd", and to each --dock
        those which a dock has, too."""
        self.faults = Faults(self.command)
        self.event_log = run_dir / "usb4sim.events"
        self._control = socket_dir / "sim"
        self._sockets = {name: socket_dir / f"{name}.nhi" for name in hosts}
        self._run_dir = run_dir
        self._command = [str(paths.SIM_BUILD / "usb4sim")]
        for number, (name, path) in enumerate(self._sockets.items()):
            words = [f"NAME={name}", f"socket={path}", f"uuid-seed={number + 1}",
                     f"ports={ports(name, cables)}", *options]
            self._command += ["--host", ",".join(words)]
        for number, name in enumerate(scripted, len(hosts)):
            words = [f"NAME={name}", "kind=script", f"uuid-seed={number + 1}",
                     f"ports={ports(name, cables)}", *options]
            self._command += ["--host", ",".join(words)]
        common = [option for option in options
                  if not option.startswith(("profile=", "doorbells="))]
        for number, dock in enumerate(docks):
            words = [f"name={dock.name}", f"uuid-seed={number + 1}",
                     f"ports={max(2, ports(dock.name, cables))}", *common]
            self._command += ["--dock", ",".join(words)]
        for cable in cables:
            self._command += ["--cable", f"{cable.end_a},{cable.end_b}"]
        self._command += ["--control", str(self._control), "--log", str(self.event_log),
                          *os.environ.get("TBLAB_SIM_ARGS", "").split()]
        self._child: Child | None = None

    def socket(self, host: str) -> Path:
        return self._sockets[host]

    def start(self) -> None:
        """Start it and wait until all its sockets listen."""
        build_simulator(self._run_dir)
        self._child = Child("usb4sim", self._command, self._run_dir / "usb4sim.log",
                            stdout=subprocess.PIPE)
        output = self._child.process.stdout
        assert output is not None
        # It says "ready" or ends; both end this line.
        line = output.readline().decode().strip()
        if line != "ready":
            self._child.process.wait()
            raise InfrastructureError(f"usb4sim did not get ready (said {line!r}); the end of its"
                                      f" log:\n{tail(self._child.log)}")

    def command(self, *words: str) -> dict[str, Any]:
        """Run a usb4simctl command and return its answer."""
        self.check_alive()
        try:
            done = subprocess.run(
                [str(paths.SIM_BUILD / "usb4simctl"), "--control", str(self._control), *words],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                timeout=Deadline(20).seconds)
        except subprocess.TimeoutExpired as error:
            raise InfrastructureError(f"usb4sim does not answer {' '.join(words)}") from error
        if done.returncode:
            raise InfrastructureError(f"usb4simctl {' '.join(words)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def record(self, file: Path) -> None:
        """Record frames and control packets, to be read with usb4sim-dump or
        Wireshark, until stop_recording()."""
        self.command("record", str(file))

    def stop_recording(self) -> None:
        self.command("record", "off")

    def violations(self) -> dict[str, int]:
        """Counts by rule since the last reset; empty when all is well."""
        answer = self.command("violations")
        counts = answer.get("rules", answer.get("violations", answer))
        return {rule: count for rule, count in counts.items()
                if rule != "total" and isinstance(count, int) and count}

    def violation_events(self, limit: int = 10) -> list[str]:
        """The last lines of the event log that report violations."""
        try:
            lines = self.event_log.read_text(errors="replace").splitlines()
        except OSError:
            return []
        return [line for line in lines if '"violation"' in line][-limit:]

    @property
    def pid(self) -> int:
        """Process number."""
        self.check_alive()
        assert self._child is not None
        return self._child.process.pid

    def check_alive(self) -> None:
        """A dead simulator takes the guests' controllers with it: a crash on
        what a guest did is a fault of the simulator."""
        if self._child is None:
            raise InfrastructureError("usb4sim is not running")
        self._child.check_alive()

    def stop(self) -> None:
        """Orderly end; anything but exit code 0 is reported."""
        if self._child is None:
            return
        child, self._child = self._child, None
        code = child.stop(grace=10)
        if child.process.stdout is not None:
            child.process.stdout.close()
        if code:
            raise LabFailure(f"usb4sim ended with code {code}; the end of its log:\n"
                             f"{tail(child.log)}")
