# SPDX-License-Identifier: GPL-2.0-only
"""What a lab consists of."""

from dataclasses import dataclass

from .topology import Cable, Dock

SYSTEMD = "/usr/lib/systemd/systemd"


@dataclass(frozen=True)
class HostSpec:
    """A host to start. `kernel` is "6.12", "7.3", or "6.12-debug", which the lab
    builds when it is missing. `driver` None means what the LabConfig says. `init` is the
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


@dataclass(frozen=True)
class LabConfig:
    """A lab to start. Two equal ones can share a boot.

    driver: "ours" (thunderbolt_stream of this project), "stock" (that of
    kernel 7.3) or None. net: load thunderbolt_net. cables: None is one
    between port 1 of the first two hosts. docks: what cables may lead to besides
    hosts. profile, lanes (1 or 2) and usb4 (the version of the routers, 1 or 2) are the
    controllers'. doorbells "mapped" lets guests ring without being trapped, see
    ../usb4sim/README. simulator False leaves out the controllers. shell: a console for a
    person. wait: until the hosts see each other. tolerate names rules
    that a stock driver is known to break. recovery names what makes the initramfs (see
    recovery_host.py) of a host in addition, `recovery_host`, at the other end of the first
    cable; it needs driver "ours"."""
    hosts: tuple[HostSpec, ...] = (HostSpec("alpha"), HostSpec("beta"))
    profile: str = "intel"
    driver: str | None = "ours"
    net: bool = False
    cables: tuple[Cable, ...] | None = None
    docks: tuple[Dock, ...] = ()
    lanes: int = 1
    usb4: int = 1
    doorbells: str = "trapped"
    simulator: bool = True
    shell: bool = False
    wait: bool = True
    tolerate: tuple[str, ...] = ()
    recovery: str | None = None
