# SPDX-License-Identifier: GPL-2.0-only
"""Who is measured: drivers, their modes, and what a user would take instead."""

from dataclasses import dataclass, field

from lab.errors import LabFailure

from .rig import End, Rig

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"
STREAMS = 6
# The network driver takes the lowest HopID
FIRST_HOPID = 9
ADDRESSES = ("10.98.0.1", "10.98.0.2")
TCP_PORT = 5001


@dataclass(frozen=True)
class Peer:
    """A way to get bytes from one host to the other.

    driver: whose hosts; attributes: of the streams, as in ConfigFS; settle: seconds between
    opening and the first byte (the stock driver loses what comes while the other
    side is just opening); socat: through pipes and TCP, as a user would; net: through TCP;
    copies: where it has no sendfile(2) or splice(2), a program that reads and writes instead
    is measured."""
    name: str
    title: str
    driver: str
    attributes: dict[str, int] = field(default_factory=dict)
    settle: float = 0.0
    net: bool = False
    socat: bool = False
    copies: bool = False

    def prepare(self, rig: Rig, state: "State", streams: int = 1) -> None:
        """Bring so many streams of the driver's hosts to where this peer can be used; `state`
        is what they were in before."""
        if self.net:
            if "net" not in state:
                _network(rig.pair(self.driver))
                state["net"] = self, streams
            return
        before, ready = state.get(self.driver, (None, 0))
        if before == self and ready >= streams:
            return
        works = [(end, end.host.start(self._streams(end, before is None, streams)))
                 for end in rig.pair(self.driver)]
        for end, work in works:
            result = work.wait(60)
            if result.code:
                raise LabFailure(f"{end.host.name}: streams cannot be set up\n{result}")
            end.host.wait_until(f"test -c /dev/tbstream{STREAMS - 1}", timeout=10)
        state[self.driver] = self, streams

    def _streams(self, end: End, make: bool, streams: int) -> str:
        """Commands that bring so many streams into this peer's mode."""
        directory = f"{CONFIGFS}/{end.host.service()}"
        values = [(number, key, value) for number in range(streams)
                  for key, value in self.attributes.items()]
        lines = ["set -e"]
        if make:
            # Who gets to know of a device may look into it, and then it is in use
            lines += [f"mkdir -p {directory}/s{number}" for number in range(STREAMS)]
            lines.append("udevadm settle")
            # Drivers may have taken over the other side's numbers, and keep them
            values = [(number, key, FIRST_HOPID + number) for number in range(STREAMS)
                      for key in ("in_hopid", "out_hopid")] + values
        for number, key, value in values:
            file = f"{directory}/s{number}/{key}"
            lines.append(f"read -r is < {file}; [ $is = {value} ] || echo {value} > {file}")
        return "\n".join(lines)

    def names(self, first: bool, streams: int) -> list[str]:
        """What an end opens."""
        if self.socat:
            return ["-"]
        if self.net:
            return [f"{'tcp' if first else 'listen'}:{ADDRESSES[1]}:{TCP_PORT}"] * streams
        return [f"/dev/tbstream{number}" for number in range(streams)]

    def around(self, first: bool) -> str:
        """Shell command in which {} stands for tbbench."""
        if not self.socat:
            return "exec {}"
        # Its own blocks are 8 KiB; these are better for it
        address = f"{ADDRESSES[1]}:{TCP_PORT}"
        return (f"set -o pipefail; {{}} | socat -b 65536 -u - TCP:{address}" if first else
                f"set -o pipefail; socat -b 65536 -u TCP-LISTEN:{TCP_PORT},reuseaddr,"
                f"bind={ADDRESSES[1]} - | {{}}")


# What hosts are ready for: the peer and how many streams, by driver
State = dict[str, tuple[Peer, int]]


def _network(pair: tuple[End, End]) -> None:
    """Addresses at both ends of the cable."""
    for end, address in zip(pair, ADDRESSES):
        end.host.wait_until("ip link show thunderbolt0", timeout=10)
        end.host.run(f"ip addr replace {address}/24 dev thunderbolt0"
                     " && ip link set thunderbolt0 up")
    for end in pair:
        end.host.wait_until("test $(cat /sys/class/net/thunderbolt0/carrier) = 1", timeout=20,
                            what="carrier on thunderbolt0")
    pair[0].host.wait_until(f"ping -c 1 -W 2 {ADDRESSES[1]}", timeout=20)


_OURS = {"busy_poll": 0, "ring_size": 256}

PEERS = {peer.name: peer for peer in (
    Peer("ours", "ours", "ours", _OURS),
    Peer("ours-poll", "ours, busy_poll", "ours", _OURS | {"busy_poll": 1}),
    Peer("ours-ring64", "ours, ring_size 64", "ours", _OURS | {"ring_size": 64}),
    Peer("ours-ring1024", "ours, ring_size 1024", "ours", _OURS | {"ring_size": 1024}),
    Peer("ours-ring4096", "ours, ring_size 4096", "ours", _OURS | {"ring_size": 4096}),
    Peer("stock", "stock", "stock", {"busy_poll": 0}, settle=1.0, copies=True),
    Peer("stock-poll", "stock, busy_poll", "stock", {"busy_poll": 1}, settle=1.0, copies=True),
    Peer("memory", "copying, no driver", "ours"),
    Peer("net", "thunderbolt_net, TCP", "stock", net=True),
    Peer("net-socat", "thunderbolt_net, socat", "stock", net=True, socat=True),
)}


def find(names: str) -> list[Peer]:
    """Peers by their names, with commas in between."""
    unknown = [name for name in names.split(",") if name not in PEERS]
    if unknown:
        raise LabFailure(f"no peer {unknown[0]!r}; there are: {', '.join(PEERS)}")
    return [PEERS[name] for name in names.split(",")]
