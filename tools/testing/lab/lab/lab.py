# SPDX-License-Identifier: GPL-2.0-only
"""Hosts, simulator and cables that belong together, from start to end."""

import re
import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from . import deadline, paths
from .child import build
from .errors import HealthFailure, InfrastructureError, LabFailure, SkipTest
from .host import Host
from .lock import LabLock
from .machine import Machine
from .module import build_module
from .patient import Patient, make_initramfs
from .scripted import ScriptedHost
from .sim import CableHandle, Simulator
from .topology import Cable, Dock, peers

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"


@dataclass(frozen=True)
class HostSpec:
    """A host to start. `kernel` is "6.12", "7.3", or "6.12-debug", which the lab
    builds when it is missing. `driver` None means what the Lab says. `init` is the
    program that the kernel starts, such as SYSTEMD; "" is the lab's own. `options` are
    more arguments for QEMU, in which {sockets} stands for the directory of its sockets. A
    scripted host has no machine: it is not in Lab.hosts, but a ScriptedHost in
    Lab.scripted. Cables know a second controller, which is domain 1, as "alpha.1"."""
    name: str
    kernel: str = "6.12"
    driver: str | None = None
    memory_mib: int = 512
    processors: int = 1
    init: str = ""
    options: tuple[str, ...] = ()
    scripted: bool = False
    controllers: int = 1

    def controller_names(self) -> list[str]:
        """What cables and the simulator call its controllers."""
        return [self.name] + [f"{self.name}.{n}" for n in range(1, self.controllers)]


PATIENT = "patient"
SYSTEMD = "/usr/lib/systemd/systemd"
DEFAULT_HOSTS = (HostSpec("alpha"), HostSpec("beta"))


def _silent(_text: str) -> None:
    pass


class Lab:
    """Context manager: hosts booted, cabled, drivers loaded, peers found.

    driver: "ours" (thunderbolt_stream of this project), "stock" (that of
    kernel 7.3) or None. net: load thunderbolt_net. cables: default is one
    between port 1 of the first two hosts. docks: what cables may lead to besides
    hosts. profile, lanes (1 or 2) and usb4 (the version of the routers, 1 or 2) are the
    controllers'. doorbells "mapped" lets guests ring without being trapped, see
    ../usb4sim/README. simulator False leaves out the controllers. tolerate names rules
    that a stock driver is known to break. recovery names what makes the initramfs (see
    patient.py) of a host in addition, `patient`, at the other end of the first cable; it
    needs driver "ours".
    progress is called with one line per step."""

    def __init__(self, hosts: Sequence[HostSpec] = DEFAULT_HOSTS, profile: str = "intel",
                 driver: str | None = "ours", net: bool = False,
                 cables: Sequence[Cable] | None = None, lanes: int = 1, usb4: int = 1, doorbells: str = "trapped",
                 simulator: bool = True, shell: bool = False, wait: bool = True,
                 tolerate: Sequence[str] = (), recovery: str | None = None,
                 docks: Sequence[Dock] = (),
                 name: str = "lab", progress: Callable[[str], None] = _silent) -> None:
        self.specs = tuple(spec for spec in hosts if not spec.scripted)
        self.scripted: list[ScriptedHost] = []
        self._scripted_names = [spec.name for spec in hosts if spec.scripted]
        self.profile = profile
        self.driver = driver
        self.net = net
        self.hosts: list[Host] = []
        self.cables: list[CableHandle] = []
        self.directory = paths.RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
        self._cable_specs = cables
        self._docks = tuple(docks)
        self._sim_options = [f"profile={profile}", f"lanes={lanes}", f"usb4={usb4}",
                             f"doorbells={doorbells}"]
        self._with_simulator = simulator
        self._shell = shell
        self._wait = wait
        self._tolerate = frozenset(tolerate)
        self._recovery = recovery
        self._patient: Patient | None = None
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
    def patient(self) -> Patient:
        """The host that is booted into an initramfs."""
        if self._patient is None:
            raise InfrastructureError("this lab has no patient")
        return self._patient

    @property
    def cable(self) -> CableHandle:
        return self.cables[0]

    @property
    def scale(self) -> float:
        """Factor by which deadlines are stretched on this machine."""
        return deadline.scale()

    def skip(self, reason: str) -> None:
        raise SkipTest(reason)

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
        if self._with_simulator:
            self._start_simulator(sockets)
            stack.callback(self.sim.stop)
        for spec in self.specs:
            nhis = ([self._sim.socket(name) for name in spec.controller_names()]
                    if self._sim else [])
            machine = Machine(spec.name, spec.kernel, spec.memory_mib, spec.processors,
                              self.directory, sockets, nhis, self._shell, spec.init,
                              spec.options)
            self.hosts.append(Host(machine, share, spec.driver or self.driver, self.net))
        if self._recovery is not None:
            self._make_patient(self._recovery, modules["6.12"], sockets)
            stack.callback(self.patient.stop)
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
        if self._patient is not None:
            self._patient.wait_ready()
        self.start_seconds = time.monotonic() - self._began

    def _make_patient(self, generator: str, module: Path, sockets: Path) -> None:
        self._progress(f"make an initramfs by {generator}")
        initramfs = make_initramfs(generator, module, self.directory)
        self._patient = Patient(PATIENT, generator, initramfs, self.directory, sockets,
                                self.sim.socket(PATIENT))
        self._patient.start()

    def _make_directory(self) -> Path:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        wanted = self.directory
        while self.directory.exists():
            number += 1
            self.directory = wanted.with_name(f"{wanted.name}.{number}")
        share = self.directory / "share"
        share.mkdir(parents=True)
        latest = paths.RUNS / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(self.directory.name)
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
            driver = spec.driver or self.driver
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
        if self._recovery is not None:
            machines.append(PATIENT)
        names = machines + self._scripted_names
        if self._cable_specs is None:
            self._cable_specs = ([Cable(f"{names[0]}:1", f"{names[1]}:1")]
                                 if len(names) > 1 else [])
        cables = self._cable_specs
        self._progress(f"start usb4sim: {len(names)} controllers ({self.profile}),"
                       f" {len(cables)} cable{'s' if len(cables) != 1 else ''}")
        self._sim = Simulator(machines, cables, self._sim_options, self.directory, sockets,
                              self._scripted_names, self._docks)
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
        if self._wait and self.cables:
            began = time.monotonic()
            self.wait_for_peers()
            self._progress(f"connected after {time.monotonic() - began:.1f} s")

    def wait_for_peers(self) -> None:
        """Until every host has found all others that the cables which are in lead to. A
        host without a machine is not waited for: a test speaks for it."""
        plugged = [spec for spec, cable in zip(self._cable_specs or (), self.cables)
                   if cable.plugged]
        docks = {dock.name for dock in self._docks}
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
        if self._patient is not None:
            self._patient.check_alive()
            faults = self._patient.log.new_faults(self._expected)
            if faults:
                problems.append(f"{PATIENT}: kernel log:\n" + "\n".join(faults))
        self._expected = None
        if self._sim is not None:
            counts = self._sim.violations()
            if counts.keys() - self._tolerate:
                problems.append("usb4sim saw rules of the hardware broken: "
                                + ", ".join(f"{rule} x{n}" for rule, n in counts.items()) + "\n"
                                + "\n".join(self._sim.violation_events()))
                self._sim.command("reset-violations")
        if problems:
            raise HealthFailure("\n".join(problems))

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
