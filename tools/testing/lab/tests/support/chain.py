# SPDX-License-Identifier: GPL-2.0-only
"""Three hosts in a chain: a dock between the first two, two cables between the last two.

    first ----- dock ----- second ===== third

The dock belongs to first, which sees second as 0-503: at adapter 5 of the router at its
adapter 3. second sees first at its own port, and no dock. It has two controllers, each with
a cable to third, for which they are two other hosts."""

from lab import Cable, Dock, HostSpec, Lab, LabConfig
from tests.support.streams import Stream, prepare

DOCKED = LabConfig(
    (HostSpec("first", memory_mib=384), HostSpec("second", memory_mib=384, controllers=2),
     HostSpec("third", kernel="7.3", memory_mib=384)),
    docks=(Dock("hub"),),
    cables=(Cable("first:3", "hub:1"), Cable("hub:5", "second:1"),
            Cable("second:3", "third:1"), Cable("second.1:1", "third:3")))

SYSFS = "/sys/bus/thunderbolt/devices"

# Which hosts have a stream, and what the other one is to each
LINKS = {"dock": ((0, "0-503"), (1, "0-1")),
         "chain": ((1, "0-3"), (2, "0-1")),
         "controller": ((1, "1-1"), (2, "0-3"))}

Pair = tuple[Stream, Stream]


def join(lab: Lab, link: str, name: str, hopid: int = 9) -> Pair:
    """A stream over one of the LINKS."""
    hosts = prepare(lab)
    one, other = (Stream(hosts[number], name, f"{xdomain}.0").set(in_hopid=hopid, out_hopid=hopid)
                  for number, xdomain in LINKS[link])
    return one, other


def join_all(lab: Lab, name: str) -> dict[str, Pair]:
    """A stream over each of the LINKS, all with the same name and HopIDs."""
    return {link: join(lab, link, name) for link in LINKS}


def ways(streams: Pair) -> tuple[Pair, Pair]:
    """Both directions of a stream: where bytes come from, where they go to."""
    return streams, streams[::-1]
