# SPDX-License-Identifier: GPL-2.0-only
"""Hosts with the debug kernel, and what it can tell."""

from lab import HostSpec, LabConfig, paths
from lab.host import Host

DEBUG = LabConfig(tuple(HostSpec(name, kernel=paths.DEBUG_SERIES, memory_mib=768, processors=2)
                        for name in ("alpha", "beta")))

KMEMLEAK = "/sys/kernel/debug/kmemleak"


def watches_itself(host: Host) -> bool:
    """The kernel has lockdep, kmemleak and the check of DMA mappings."""
    return host.kernel == paths.DEBUG_SERIES


def watch(host: Host) -> None:
    """All that looks for faults is on; what hangs is reported soon; leaks count
    from now on."""
    host.run("echo 60 > /proc/sys/kernel/hung_task_timeout_secs")
    still_watched(host)
    host.run(f"echo scan > {KMEMLEAK} && echo clear > {KMEMLEAK}", timeout=120)


def still_watched(host: Host) -> None:
    """Lockdep and the check of DMA mappings turn themselves off when they give up."""
    assert "debug_locks: 1" in " ".join(host.read_file("/proc/lockdep_stats").split()), \
        f"{host.name}: lockdep is off"
    assert host.read_file("/sys/kernel/debug/dma-api/disabled").strip() == "N", \
        f"{host.name}: the check of DMA mappings is off"


# The driver core: of a device that is just being added, and not ready for a driver that comes
# at the same time, it notes why, and forgets the note, because it does not defer the device.
# By who allocated it and by its first bytes: "thunderbolt: Device not ready to probe"
CORE_LEAK = ("device_set_deferred_probe_reason+0x", "thunderbolt: Dev\n", "ice not ready to\n")


def no_leaks(host: Host) -> None:
    """No block of memory that nobody knows any more, but for what the core itself forgets."""
    # An object is only reported when it is older than 5 s. What a first scan takes
    # for lost may have been on the move.
    host.run("sleep 6")
    for _ in range(2):
        host.run(f"echo scan > {KMEMLEAK}", timeout=120)
    begin = "unreferenced object"
    other, *blocks = host.read_file(KMEMLEAK).split(begin)
    leaks = [begin + block for block in blocks if not all(part in block for part in CORE_LEAK)]
    assert not other and not leaks, f"{host.name}: leaked:\n{other}{''.join(leaks)}"
