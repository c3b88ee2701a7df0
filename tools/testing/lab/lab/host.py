# SPDX-License-Identifier: GPL-2.0-only
"""A virtual host as tests see it."""

import itertools
import shlex
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .agent import AgentSilent
from .console import Console
from .deadline import Deadline
from .errors import (CommandFailed, CommandTimeout, ConditionTimeout,
                     InfrastructureError, LabFailure)
from .machine import Machine

SYSFS = "/sys/bus/thunderbolt/devices"


@dataclass(frozen=True)
class Result:
    """How a command ended."""
    host: str
    command: str
    code: int
    stdout: str
    stderr: str
    seconds: float

    def __str__(self) -> str:
        text = f"{self.host}# {self.command}\nexit code {self.code} after {self.seconds:.2f} s"
        for name, output in (("stdout", self.stdout), ("stderr", self.stderr)):
            if output:
                text += f"\n{name}: {output[-2000:].rstrip()}"
        return text


# What the kernel says when it has slept, or has given up
SUSPEND_OVER = "PM: suspend exit"


class Process:
    """A command that runs in a guest."""

    def __init__(self, host: "Host", command: str, stdin: bytes | None) -> None:
        self._host = host
        self._command = command
        self._begin = time.monotonic()
        self._result: Result | None = None
        self.pid = host.guarded(lambda: host.machine.agent.execute(command, stdin))
        host.processes.add(self)

    def poll(self) -> Result | None:
        """The result if it has ended."""
        if self._result is None:
            status = self._host.guarded(lambda: self._host.machine.agent.status(self.pid))
            if status is not None:
                self._result = Result(
                    self._host.name, self._command, status.code,
                    status.stdout.decode(errors="replace"),
                    status.stderr.decode(errors="replace"), time.monotonic() - self._begin)
                self._host.processes.discard(self)
        return self._result

    def wait(self, timeout: float = 30) -> Result:
        """The result; CommandTimeout when it does not end in time (it is
        killed then)."""
        deadline = Deadline(timeout)
        pause = 0.002
        while (result := self.poll()) is None:
            if deadline.expired:
                where = self._host.where(self.pid)
                self.kill()
                raise CommandTimeout(
                    f"{self._host.name}# {self._command}\nstill running after"
                    f" {deadline.seconds:.1f} s\n{where}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        return result

    def kill(self, sig: str = "KILL") -> None:
        """Signal the command and all that it started."""
        if self._result is None:
            self._host.run(f"kill -{sig} -- -{self.pid}", check=False)

    def result(self) -> Result:
        """The result of a command that must have ended by now."""
        result = self.poll()
        if result is None:
            raise LabFailure(f"{self._host.name}# {self._command}\nis still running")
        return result


class Host:
    """Commands, files and Thunderbolt state of one guest."""

    _transfers = itertools.count()

    def __init__(self, machine: Machine, share: Path, driver: str | None, net: bool) -> None:
        self.name = machine.name
        self.kernel = machine.kernel
        self.machine = machine
        self.console = Console(machine.console)
        self.driver = driver
        self.net = net
        self.processes: set[Process] = set()
        self.slept = False
        self._share = share

    # Commands ---------------------------------------------------------

    def guarded[T](self, call: Callable[[], T]) -> T:
        """Call the agent; when it is silent, find out whose fault that is."""
        try:
            return call()
        except AgentSilent:
            self.machine.check_alive()
            faults = self.console.new_faults()
            if faults:
                raise LabFailure(f"{self.name}: the kernel failed:\n" + "\n".join(faults)) from None
            raise

    def start(self, command: str, stdin: bytes | None = None) -> Process:
        """Start `bash -c command` and do not wait for it."""
        return Process(self, command, stdin)

    def run(self, command: str, timeout: float = 30, check: bool = True,
            stdin: bytes | None = None) -> Result:
        """Run `bash -c command` to its end. With `check`, an exit code other
        than 0 raises CommandFailed."""
        result = self.start(command, stdin).wait(timeout)
        if check and result.code:
            raise CommandFailed(str(result))
        return result

    def where(self, pid: int) -> str:
        """What the processes of a group are waiting for, for reports."""
        try:
            return self.run(
                f"for p in $(pgrep -g {pid}); do echo \"$p $(tr '\\0' ' ' < /proc/$p/cmdline)\";"
                " head -n 8 /proc/$p/stack; done", check=False, timeout=10).stdout.rstrip()
        except (LabFailure, InfrastructureError) as error:
            return f"(no process list: {error})"

    def wait_until(self, command: str, timeout: float = 10, what: str | None = None) -> Result:
        """Repeat `command` until its exit code is 0."""
        deadline = Deadline(timeout)
        while True:
            result = self.run(command, check=False, timeout=timeout + 20)
            if result.code == 0:
                return result
            if deadline.expired:
                raise ConditionTimeout(f"{self.name}: {what or command}: not within"
                                       f" {deadline.seconds:.1f} s\nlast try: {result}")
            time.sleep(0.05)

    # Files ------------------------------------------------------------

    def put(self, local: Path | str, remote: str) -> None:
        """Copy a file of the lab's side into the guest."""
        name = f"transfer-{next(self._transfers)}"
        shutil.copyfile(local, self._share / name)
        try:
            self.run(f"cp /lab/{name} {shlex.quote(remote)}", timeout=120)
        finally:
            (self._share / name).unlink()

    def get(self, remote: str, local: Path | str) -> None:
        """Copy a file out of the guest."""
        name = f"transfer-{next(self._transfers)}"
        self.run(f"cp {shlex.quote(remote)} /lab/{name}", timeout=120)
        shutil.move(self._share / name, local)

    def write_file(self, remote: str, content: str | bytes) -> None:
        """Make a file with this content (a plain write, fit for sysfs)."""
        data = content.encode() if isinstance(content, str) else content
        self.run(f"cat > {shlex.quote(remote)}", stdin=data)

    def read_file(self, remote: str) -> str:
        return self.run(f"cat {shlex.quote(remote)}").stdout

    # Thunderbolt ------------------------------------------------------

    def load_modules(self, module: Path | None) -> Process:
        """Start loading thunderbolt and what the lab was asked for on top;
        `module` is our driver, already in the share."""
        steps = ["set -e"]
        if module is not None:
            # As `make install` does it: updates/ wins over the stock module.
            steps += ["d=/lib/modules/$(uname -r)", "mkdir -p $d/updates",
                      f"cp /lab/{module.name} $d/updates/thunderbolt_stream.ko", "depmod -a"]
        # Without a peer the controller would suspend, and vfio-user cannot wake it.
        steps += ["modprobe thunderbolt",
                  "for d in /sys/bus/pci/drivers/thunderbolt/0*; do"
                  " echo on > $d/power/control; done"]
        if self.driver is not None:
            steps.append("modprobe thunderbolt_stream")
        if self.net:
            steps.append("modprobe thunderbolt_net")
        return self.start("\n".join(steps))

    def service(self, key: str = "stream") -> str:
        """sysfs name of the peer's service with this key, e.g. "0-1.1"."""
        found = self.run(f"grep -lx {shlex.quote(key)} {SYSFS}/*/key", check=False).stdout.split()
        if not found:
            raise LabFailure(f"{self.name}: the peer offers no service {key!r}")
        return found[0].removeprefix(SYSFS + "/").removesuffix("/key")

    def peer_uuid(self) -> str:
        """UUID of the computer at the other end of the cable."""
        xdomain = self.xdomain()
        return self.read_file(f"{SYSFS}/{xdomain}/unique_id").strip()

    def xdomain(self) -> str:
        """sysfs name of the peer's XDomain, e.g. "0-1"."""
        found = self.run(
            f"cd {SYSFS} && for d in *; do"
            " [ ! -e $d/unique_id ] || ! grep -q '^DEVTYPE=thunderbolt_xdomain$' $d/uevent"
            " || echo $d; done", check=False).stdout.split()
        if not found:
            raise LabFailure(f"{self.name}: no peer (no XDomain in {SYSFS})")
        return found[0]

    def peer_keys(self) -> list[str]:
        """Keys of the services that this host wants from its peer."""
        return (["stream"] if self.driver else []) + (["network"] if self.net else [])

    def wait_for_peer(self, timeout: float = 30, peers: int = 1) -> None:
        """Until so many peers' XDomains are there, and their services are bound."""
        tests = [f"[ $(grep -ls '^DEVTYPE=thunderbolt_xdomain$' {SYSFS}/*/uevent | wc -l)"
                 f" -ge {peers} ]"]
        tests += [f"[ $(for k in $(grep -lsx {key} {SYSFS}/*/key); do"
                  f" [ ! -e ${{k%/key}}/driver ] || echo $k; done | wc -l) -ge {peers} ]"
                  for key in self.peer_keys()]
        self.wait_until(" && ".join(tests), timeout, "peer found and its services bound")

    def wait_for_no_peer(self, timeout: float = 10) -> None:
        """Until the peer's XDomain has gone."""
        self.wait_until(f"! grep -qs '^DEVTYPE=thunderbolt_xdomain$' {SYSFS}/*/uevent",
                        timeout, "peer gone")

    # Power, logs ------------------------------------------------------

    def suspend_resume(self, timeout: float = 60, asleep: float = 0.0) -> None:
        """Suspend to memory (S3) and wake up again. Once per boot: the second
        time QEMU 11.1 lets the guest run on without having slept, and the
        shared folder, so put() and get(), does not work any more. CommandFailed
        when the kernel refuses, with its reason in dmesg()."""
        if self.slept:
            raise InfrastructureError(f"{self.name}: has slept before, start another lab")
        self.slept = True
        qmp = self.machine.qmp
        deadline = Deadline(timeout)
        tried = self.dmesg().count(SUSPEND_OVER)
        suspend = self.start("echo mem > /sys/power/state")
        while qmp.wait_event(lambda event: event["event"] == "SUSPEND", Deadline(0.5)) is None:
            if self.dmesg().count(SUSPEND_OVER) > tried:
                self.slept = False
                raise CommandFailed(str(suspend.wait()))
            if deadline.expired:
                raise LabFailure(f"{self.name}: not suspended within {deadline.seconds:.0f} s")
        time.sleep(asleep)
        qmp.command("system_wakeup")
        if qmp.wait_event(lambda event: event["event"] == "WAKEUP", deadline) is None:
            raise LabFailure(f"{self.name}: not woken up within {deadline.seconds:.0f} s")
        self.guarded(lambda: self.machine.connect_agent(deadline))
        result = suspend.wait(timeout)
        if result.code:
            raise CommandFailed(str(result))

    def reboot(self, timeout: float = 90) -> None:
        """Restart the kernel, as `reboot -f` does: its drivers are told, its
        processes are not. No driver of the lab is loaded then; see Lab.reboot()."""
        trigger = f"reboot-{self.name}"
        # The agent shall have answered before it is gone.
        self.start(f"until [ -e /lab/{trigger} ]; do sleep 0.05; done; exec busybox reboot -f")
        (self._share / trigger).touch()
        self.machine.wait_ready(timeout)
        (self._share / trigger).unlink()
        self.processes.clear()
        self.slept = False

    def crash(self, timeout: float = 30) -> None:
        """Let the kernel panic: it says no more to anyone, and its memory stays as it is.
        The caller expects that in the log, and comes back by Lab.reset()."""
        trigger = f"crash-{self.name}"
        self.start(f"until [ -e /lab/{trigger} ]; do sleep 0.05; done;"
                   " echo 1 > /proc/sys/kernel/sysrq; exec echo c > /proc/sysrq-trigger")
        deadline = Deadline(timeout)
        (self._share / trigger).touch()
        while "Kernel panic" not in self.console.text():
            if deadline.expired:
                raise LabFailure(f"{self.name}: no panic within {deadline.seconds:.0f} s")
            time.sleep(0.05)
        (self._share / trigger).unlink()

    def reset(self, timeout: float = 90) -> None:
        """Restart the kernel as by a button. No driver of the lab is loaded then; see
        Lab.reset()."""
        self.machine.reset()
        self.machine.wait_ready(timeout)
        self.processes.clear()
        self.slept = False

    def dmesg(self) -> str:
        """Kernel messages since boot, from the serial console."""
        return self.console.text()

    def mark_log(self, text: str) -> None:
        """Put a line into the kernel log, and wait until the console has it:
        what the kernel said before is then in the console's file."""
        token = f"lab: {text} [{time.monotonic_ns()}]"
        self.run(f"echo {shlex.quote(token)} > /dev/kmsg", check=False)
        deadline = Deadline(10)
        while token not in self.console.text():
            if deadline.expired:
                raise InfrastructureError(f"{self.name}: the serial console does not work")
            time.sleep(0.01)
