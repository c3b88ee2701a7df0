# SPDX-License-Identifier: GPL-2.0-only
"""Storms: tbstream_storm on the hosts of a lab, and what has to be true after it."""

import json
import os
import random
import time
from typing import Any

from lab import Lab, LabFailure
from lab.host import Host
from tests.support.debug import no_leaks, still_watched, watch, watches_itself
from tests.support.streams import CONFIGFS, pair, trace_tunnels, transfer, tunnels_balance

CONTROLLER = "/sys/bus/pci/drivers/thunderbolt"

# What a storm consists of follows from it
SEED = int(os.environ.get("TBLAB_SEED", "1"))
WORKERS = 5
# What is killed ends within half a minute; and a machine may be busy
END_SECONDS = 180.0

# The core warns when a controller does not answer in 400 ms. One that is just being
# taken away does not, nor one whose host has no processor time left.
CORE_TIMEOUTS = r"WARNING: .* tb_path_activate|Call Trace:"

# How often a call came to a result, "ok" or an errno's name
Calls = dict[str, dict[str, int]]


def seconds(lab: Lab) -> float:
    """How long a storm lasts: so that there is time for everything on a slow machine, too."""
    return float(os.environ.get("TORTURE_SECONDS", max(30, 15 * lab.scale)))


def slowness(lab: Lab) -> float:
    """How much more time whoever uses streams needs between two accidents."""
    return max(1, lab.scale / 2)


class Storm:
    """Everything that can be done on one host, or by its users alone, at random."""

    def __init__(self, lab: Lab, host: Host, rng: random.Random, who: str) -> None:
        """`who` is as for tbstream_storm: "users", "drivers" or "all"."""
        duration = seconds(lab)
        print(f"# {host.name}: TBLAB_SEED={SEED} TORTURE_SECONDS={duration:.0f}", flush=True)
        self.host = host
        self._process = host.start(f"exec tbstream_storm {rng.randrange(1 << 32)} {duration}"
                                   f" {WORKERS} {slowness(lab)}"
                                   f" {CONFIGFS}/{host.peer_uuid()} {who}")
        self._must_end = time.monotonic() + duration + END_SECONDS

    def over(self) -> bool:
        """It has ended; not in time is a failure."""
        if self._process.poll() is not None:
            return True
        if time.monotonic() > self._must_end:
            raise LabFailure(f"{self.host.name}: the storm does not end\n"
                             + self.host.where(self._process.pid))
        return False

    def done(self) -> tuple[int, Calls]:
        """How many bytes were read, and all that was done; also printed. Every process of
        the storm could be ended."""
        result = self._process.result()
        assert result.code == 0, str(result)
        done: dict[str, Any] = json.loads(result.stdout)
        print(f"# {self.host.name}: read {done['read_bytes']} bytes,"
              f" wrote {done['written_bytes']}, killed {done['killed']} processes")
        for call, results in done["calls"].items():
            print(f"#   {call}: "
                  + ", ".join(f"{name} {count}" for name, count in results.items()))
        return done["read_bytes"], done["calls"]


def all_over(storms: list[Storm]) -> bool:
    """None of them goes on."""
    return all([storm.over() for storm in storms])


def have_worked(storms: list[Storm], wanted: tuple[str, ...]) -> None:
    """Bytes were carried, and each of these calls has succeeded, on one of the hosts."""
    hosts = [storm.done() for storm in storms]
    assert any(read for read, _ in hosts), "no byte was read in the whole storm"
    missing = [call for call in wanted if not any(calls[call].get("ok") for _, calls in hosts)]
    assert not missing, f"never worked in the whole storm: {', '.join(missing)}"


# Before and after -----------------------------------------------------

def begin(lab: Lab) -> None:
    """Hosts whose streams work, and none that is left of that."""
    transfer(pair(lab))
    for host in lab.hosts:
        _remove_streams(host)
        if watches_itself(host):
            watch(host)


def end(lab: Lab) -> None:
    """Streams work after all that, and nothing is left of it."""
    _calm(lab)
    for host in lab.hosts:
        trace_tunnels(host)
    transfer(pair(lab))
    for host in lab.hosts:
        _remove_streams(host)
        tunnels_balance(host)
        _every_hopid_is_free(host)
    for host in lab.hosts:
        _module_goes(host)
    for host in lab.hosts:
        host.run("modprobe thunderbolt_stream", timeout=20)
        trace_tunnels(host)
    for host in lab.hosts:
        host.wait_for_peer(60)


def _calm(lab: Lab) -> None:
    """Every driver is bound, the hosts know each other, and no stream is left."""
    for host in lab.hosts:
        host.run(f"""for d in /sys/bus/pci/devices/*; do
    [ $(cat $d/class) = 0x0c0340 ] || continue
    [ -e $d/driver ] || echo ${{d##*/}} > {CONTROLLER}/bind || exit 1
    echo on > $d/power/control
done
[ -e /sys/module/thunderbolt_stream ] || modprobe thunderbolt_stream
for d in /sys/bus/thunderbolt/devices/*; do
    grep -qsx stream $d/key && [ ! -e $d/driver ] || continue
    echo ${{d##*/}} > /sys/bus/thunderbolt/drivers/thunderbolt_stream/bind || exit 1
done""", timeout=60)
    for host in lab.hosts:
        host.wait_for_peer(60)
        _remove_streams(host)


def _remove_streams(host: Host) -> None:
    """Every directory below that of the driver."""
    host.run(f"cd {CONFIGFS} && for d in */*/ */; do [ ! -d $d ] || rmdir $d || exit 1; done",
             timeout=30)


def _every_hopid_is_free(host: Host) -> None:
    """Those that storms use, and the one that thunderbolt_net needs."""
    directory = f"{CONFIGFS}/{host.peer_uuid()}"
    host.run(f"mkdir -p {directory}/left; for i in 8 9 10 11; do echo $i > {directory}/left/in_hopid &&"
             f" echo $i > {directory}/left/out_hopid || exit 1; done;"
             f" rmdir {directory}/left {directory}")


def _module_goes(host: Host) -> None:
    """Nothing holds it, and no device and no memory is left of it."""
    host.run("rmmod thunderbolt_stream", timeout=30)
    host.run("test ! -e /sys/class/tbstream; ! ls /dev/tbstream* 2> /dev/null")
    if watches_itself(host):
        no_leaks(host)
        still_watched(host)
