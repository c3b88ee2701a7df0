# SPDX-License-Identifier: GPL-2.0-only
"""Hosts, simulator and cables that belong together, from start to end."""

import re
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Sequence, cast

from . import deadline, paths
from .child import build
from .config import LabConfig
from .errors import HealthFailure, InfrastructureError, LabFailure
from .host import Host
from .lock import LabLock
from .machine import Machine
from .module import build_module
from .recovery_host import RecoveryHost, make_initramfs
from .scripted import ScriptedHost
from .sim import CableHandle, Simulator
from .topology import Cable, peers

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"


RECOVERY_HOST = "recovery"


def _silent(_text: str) -> None:
    pass


class Lab:
    """Context manager: hosts booted, cabled, drivers loaded, peers found.

    progress is called with one line per step. `once` remembers what tests have set up."""

    def __init__(self, config: LabConfig, name: str = "lab",
                 progress: Callable[[str], None] = _silent) -> None:
        self.config = config
        self.specs = tuple(spec for spec in config.hosts if not spec.scripted)
        self.scripted: list[ScriptedHost] = []
        self._scripted_names = [spec.name for spec in config.hosts if spec.scripted]
        self.hosts: list[Host] = []
        self.cables: list[CableHandle] = []
        self.directory = paths.RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
        self._cable_specs: Sequence[Cable] | None = config.cables
        self._sim_options = [f"profile={config.profile}", f"lanes={config.lanes}",
                             f"usb4={config.usb4}", f"doorbells={config.doorbells}"]
        self._recovery_host: RecoveryHost | None = None
        self._set_up: dict[str, object] = {}
        self._progress = progress
        self._sim: Simulator | None = None
        self._expected: re.Pattern[str] | None = None
        self._stack = ExitStack()
        self._began = 0.0
        self.start_seconds = 0.0

    # Parts ------------------------------------------------------------

    @property
    def sim(self) -> Simulator:
        if self._sim is None:
            raise InfrastructureError("this lab has no simulator")
        return self._sim

    @property
    def recovery_host(self) -> RecoveryHost:
        """The host that is booted into an initramfs."""
        if self._recovery_host is None:
            raise InfrastructureError("this lab has no recovery host")
        return self._recovery_host

    @property
    def cable(self) -> CableHandle:
        return self.cables[0]

    @property
    def scale(self) -> float:
        """Factor by which deadlines are stretched on this machine."""
        return deadline.scale()

    def once[T](self, name: str, set_up: Callable[[], T]) -> T:
        """Do this the first time only; returns what it returned then."""
        if name not in self._set_up:
            self._set_up[name] = set_up()
        return cast(T, self._set_up[name])

    def forget(self, name: str) -> None:
        """What was set up is not there any more."""
        self._set_up.pop(name, None)

    def expect_log(self, pattern: str | None) -> None:
        """Kernel messages that this test provokes and that are no fault."""
        self._expected = re.compile(pattern) if pattern else None

    # Start and end ----------------------------------------------------

    def __enter__(self) -> "Lab":
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def _start(self, stack: ExitStack) -> None:
        stack.enter_context(LabLock())
        self._began = time.monotonic()
        share = self._make_directory()
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tblab-")))
        self._build_kernels()
        modules = self._build(share)
        if self.config.simulator:
            self._start_simulator(sockets)
            stack.callback(self.sim.stop)
        for spec in self.specs:
            nhis = ([self._sim.socket(name) for name in spec.controller_names()]
                    if self._sim else [])
            machine = Machine(spec.name, spec.kernel, spec.memory_mib, spec.processors,
                              self.directory, sockets, nhis, self.config.shell, spec.init,
                              spec.options)
            self.hosts.append(Host(machine, share, spec.driver or self.config.driver, self.config.net))
        if self.config.recovery is not None:
            self._make_recovery_host(self.config.recovery, modules["6.12"], sockets)
            stack.callback(self.recovery_host.stop)
        for host in self.hosts:
            self._progress(f"start {host.name}: Linux"
                           f" {paths.kernel_release(host.kernel)}")
            host.machine.start()
            stack.callback(host.machine.stop)
        for host in self.hosts:
            host.machine.wait_ready()
        slowest = max(host.machine.boot_seconds for host in self.hosts)
        deadline.measured_boot(slowest)
        self._progress(f"booted in {slowest:.1f} s")
        if self._sim is not None:
            self._modules = modules
            self._load(self.hosts)
        if self._recovery_host is not None:
            self._recovery_host.wait_ready()
        self.start_seconds = time.monotonic() - self._began

    def _make_recovery_host(self, generator: str, module: Path, sockets: Path) -> None:
        self._progress(f"make an initramfs by {generator}")
        initramfs = make_initramfs(generator, module, self.directory)
        self._recovery_host = RecoveryHost(RECOVERY_HOST, generator, initramfs, self.directory, sockets,
                                self.sim.socket(RECOVERY_HOST))
        self._recovery_host.start()

    def _make_directory(self) -> Path:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        wanted = self.directory
        while True:
            try:
                self.directory.mkdir()
                break
            except FileExistsError:
                number += 1
                self.directory = wanted.with_name(f"{wanted.name}.{number}")
        share = self.directory / "share"
        share.mkdir()
        # Another lab of this run may do so at the same time
        link = self.directory / "latest"
        link.symlink_to(self.directory.name)
        link.replace(paths.RUNS / "latest")
        return share

    def _build_kernels(self) -> None:
        """The debug kernel is made only where a host wants it."""
        if any(spec.kernel == paths.DEBUG_SERIES for spec in self.specs):
            self._progress("build the debug kernel (the first time takes minutes)")
            build("the debug kernel", [str(paths.LAB / "debug-kernel/build")],
                  self.directory / "debug-kernel.build")

    def _build(self, share: Path) -> dict[str, Path]:
        """Our module for each kernel that wants it, placed in the share."""
        modules: dict[str, Path] = {}
        for spec in self.specs:
            driver = spec.driver or self.config.driver
            if driver not in (None, "ours", "stock", "none"):
                raise InfrastructureError(f"{spec.name}: unknown driver {driver!r}")
            if driver == "stock" and spec.kernel != "7.3":
                raise InfrastructureError(f"{spec.name}: kernel {spec.kernel} has no thunderbolt_stream")
            if driver == "ours" and spec.kernel not in modules:
                self._progress(f"build thunderbolt_stream for {paths.kernel_release(spec.kernel)}")
                placed = share / f"thunderbolt_stream-{spec.kernel}.ko"
                shutil.copy(build_module(spec.kernel, self.directory), placed)
                modules[spec.kernel] = placed
        return modules

    def _start_simulator(self, sockets: Path) -> None:
        machines = [name for spec in self.specs for name in spec.controller_names()]
        if self.config.recovery is not None:
            machines.append(RECOVERY_HOST)
        names = machines + self._scripted_names
        if self._cable_specs is None:
            self._cable_specs = ([Cable(f"{names[0]}:1", f"{names[1]}:1")]
                                 if len(names) > 1 else [])
        cables = self._cable_specs
        self._progress(f"start usb4sim: {len(names)} controllers ({self.config.profile}),"
                       f" {len(cables)} cable{'s' if len(cables) != 1 else ''}")
        self._sim = Simulator(machines, cables, self._sim_options, self.directory, sockets,
                              self._scripted_names, self.config.docks)
        self._sim.start()
        self.scripted = [ScriptedHost(name, self._sim.command) for name in self._scripted_names]
        self.cables = [CableHandle(self._sim, number) for number in range(len(cables))]

    def _load(self, hosts: Sequence[Host]) -> None:
        self._progress("load the Thunderbolt drivers and wait until the hosts see each other")
        # All at once: a driver that starts resets its router, which the other
        # side sees as an unplugged cable.
        loads = [host.load_modules(self._modules.get(host.kernel) if host.driver == "ours"
                                   else None)
                 for host in hosts]
        for load in loads:
            result = load.wait(60)
            if result.code:
                raise LabFailure(f"loading the drivers failed\n{result}")
        if self.config.wait and self.cables:
            began = time.monotonic()
            self.wait_for_peers()
            self._progress(f"connected after {time.monotonic() - began:.1f} s")

    def wait_for_peers(self) -> None:
        """Until every host has found all others that the cables which are in lead to. A
        host without a machine is not waited for: a test speaks for it."""
        plugged = [spec for spec, cable in zip(self._cable_specs or (), self.cables)
                   if cable.plugged]
        docks = {dock.name for dock in self.config.docks}
        machines = {name for spec in self.specs for name in spec.controller_names()}
        for spec, host in zip(self.specs, self.hosts):
            expected = sum(peer in machines for name in spec.controller_names()
                           for peer in peers(name, docks, plugged))
            if expected:
                host.wait_for_peer(60, expected)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.health_check()
        finally:
            self._stack.close()

    def reboot(self, host: Host) -> None:
        """Restart a host's kernel; then it is as at the start of the lab."""
        host.reboot()
        self._load([host])

    def reset(self, host: Host) -> None:
        """The same by the reset button, for a host that does not run any more."""
        host.reset()
        self._load([host])

    # Between tests ----------------------------------------------------

    def health_check(self) -> None:
        """Fail on what the kernels or the simulator complained about since
        the last check."""
        problems: list[str] = []
        for host in self.hosts:
            host.machine.check_alive()
            try:
                host.mark_log("health check")
            except LabFailure as error:
                problems.append(str(error))
            faults = host.console.new_faults(self._expected)
            if faults:
                problems.append(f"{host.name}: kernel log:\n" + "\n".join(faults))
        if self._recovery_host is not None:
            self._recovery_host.check_alive()
            faults = self._recovery_host.log.new_faults(self._expected)
            if faults:
                problems.append(f"{RECOVERY_HOST}: kernel log:\n" + "\n".join(faults))
        self._expected = None
        if self._sim is not None:
            counts = self._sim.violations()
            if counts.keys() - set(self.config.tolerate):
                problems.append("usb4sim saw rules of the hardware broken: "
                                + ", ".join(f"{rule} x{n}" for rule, n in counts.items()) + "\n"
                                + "\n".join(self._sim.violation_events()))
                self._sim.command("reset-violations")
        if problems:
            raise HealthFailure("\n".join(problems))

    def last_words(self, lines: int = 25) -> list[tuple[str, str]]:
        """The end of each kernel's log and of the simulator's events, for the report of a
        failure: where only the report is kept, nothing else says what happened."""
        ends = [(f"kernel log of {host.name}", host.console.text().splitlines()[-lines:])
                for host in self.hosts]
        if self._sim is not None:
            events = self._sim.event_log.read_text(errors="replace")
            ends.append(("simulator's events", events.splitlines()[-lines:]))
        return [(name, "\n".join(line[:200] for line in end)) for name, end in ends if end]

    def reset_state(self) -> None:
        """Undo what a test may have left: faults, what scripted hosts say, processes,
        streams, a pulled cable."""
        if self._sim is not None:
            self._sim.faults.clear()
        for scripted in self.scripted:
            scripted.reset()
        for host in self.hosts:
            for process in list(host.processes):
                process.kill()
                process.wait(20)
            host.run(f"for d in {CONFIGFS}/*/*/; do [ ! -d \"$d\" ] || rmdir \"$d\" || exit 1; done\n"
                     f"for d in {CONFIGFS}/*/; do [ ! -d \"$d\" ] || rmdir \"$d\" || exit 1; done",
                     timeout=60)
        replugged = [cable for cable in self.cables if not cable.plugged]
        for cable in replugged:
            cable.plug()
        if replugged:
            self.wait_for_peers()
