# SPDX-License-Identifier: GPL-2.0-only
"""The driver in the middle of a chain, with two controllers: three hosts at the same time."""

import pytest

from lab import Lab
from tests.support.chain import DOCKED, LINKS, SYSFS, Pair, join_all, ways
from tests.support.streams import good, start_io, steps, transfer

pytestmark = pytest.mark.lab(DOCKED)
AT_WORST = 10


def test_names_tell_port_and_controller(lab: Lab) -> None:
    """Hosts at two ports of a controller are 0-1 and 0-3, one at the second controller is
    1-1; with the dock in between a host is 0-503."""
    for ends in LINKS.values():
        for (number, xdomain), (there, _) in (ends, ends[::-1]):
            name = lab.hosts[number].read_file(f"{SYSFS}/{xdomain}/device_name").strip()
            assert name == lab.hosts[there].name, f"{xdomain} is {name}"


def test_all_at_once(lab: Lab) -> None:
    """Different bytes go to and come from all others at the same time, with the same name
    and HopIDs on all cables."""
    total = 3000000
    all_ways = [way for streams in join_all(lab, "all").values() for way in ways(streams)]
    readers = [start_io(sink.host, f"seed={n}", sink.opened("r"), "read=eof", "close")
               for n, (_, sink) in enumerate(all_ways)]
    writers = [start_io(source.host, f"seed={n}", source.opened("w"), f"write={total}", "close")
               for n, (source, _) in enumerate(all_ways)]
    for process in writers + readers:
        done = good(steps(process.wait(60)))
        assert done[2]["ret"] == total, done


def pull(lab: Lab, cable: int, link: str) -> None:
    """The stream over a cable breaks while those over the others go on, and works again
    after the cable was plugged in."""
    streams = join_all(lab, "pull")
    broken = streams[link]
    readers, writers = {}, {}
    for each, ends in streams.items():
        both = list(enumerate(ways(ends)))
        readers[each] = [start_io(sink.host, f"seed={n}", sink.opened("r"), "read=eof", "close")
                         for n, (_, sink) in both]
        writers[each] = [start_io(source.host, f"seed={n}", source.opened("w"), "write=1m",
                                  "await=/tmp/go,60000", "write=2m", "close")
                         for n, (source, _) in both]
    for one, other in streams.values():
        for stream in (one, other):
            stream.wait_count("rx_bytes", 1 << 20)
    lab.cables[cable].unplug()
    for reader in readers.pop(link):
        done = steps(reader.wait(AT_WORST))
        assert (done[2]["ret"], done[2]["errno"]) == (1 << 20, "ENXIO"), done
        assert "mismatch" not in done[2] and not done[2].get("eof"), done
    for stream in broken:
        stream.wait_state("absent", AT_WORST)
    for host in lab.hosts:
        host.run("touch /tmp/go")
    for writer in writers.pop(link):
        done = steps(writer.wait(AT_WORST))
        assert done[4]["errno"] == "ENXIO", done
    for process in [process for rest in (readers, writers) for each in rest.values()
                    for process in each]:
        good(steps(process.wait(60)))
    for each in streams.keys() - {link}:
        assert [stream.count("rx_bytes") for stream in streams[each]] == [3 << 20] * 2, each
    check_dock(lab, cable)
    lab.cables[cable].plug()
    lab.wait_for_peers()
    for host in lab.hosts:
        host.run("rm /tmp/go")
    transfer(broken)


def check_dock(lab: Lab, pulled: int) -> None:
    """The dock has gone if it was its upstream cable that was pulled, else it is there."""
    lab.hosts[0].wait_until(f"{'' if pulled else '!'} test -e {SYSFS}/0-3", AT_WORST)


def test_cable_to_the_dock_pulled(lab: Lab) -> None:
    """The dock's upstream cable: the dock goes, second notices at once, third nothing."""
    pull(lab, 0, "dock")


def test_cable_behind_the_dock_pulled(lab: Lab) -> None:
    """The cable between dock and second: the dock stays, third notices nothing."""
    pull(lab, 1, "dock")


def test_cable_to_the_next_host_pulled(lab: Lab) -> None:
    """A cable between second and third: the other one, and that to first, go on."""
    pull(lab, 2, "chain")


def test_cable_of_the_second_controller_pulled(lab: Lab) -> None:
    """The second controller's cable: what goes over the first one goes on."""
    pull(lab, 3, "controller")
