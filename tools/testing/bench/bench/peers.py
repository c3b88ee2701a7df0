# SPDX-License-Identifier: GPL-2.0-only
"""Who is measured: drivers, their modes, and what a user would take instead."""

from dataclasses import dataclass, field


from .rig import Rig

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"
STREAMS = 6
# The network driver takes the lowest HopID
FIRST_HOPID = 9


@dataclass(frozen=True)
class Peer:
    """A way to get bytes from one host to the other."""
    name: str
    title: str
    driver: str
    attributes: dict[str, int] = field(default_factory=dict)
    # The stock driver loses what comes while the other side is just opening
    settle: float = 0.0

    def prepare(self, rig: Rig, state: dict[str, "Peer"]) -> None:
        """Make the streams if they are not there, and set their attributes."""
        if state.get(self.driver) == self:
            return
        for end in rig.pair(self.driver):
            directory = f"{CONFIGFS}/{end.host.service()}"
            lines = ["set -e"]
            for number in range(STREAMS):
                if self.driver not in state:
                    lines += [f"mkdir -p {directory}/s{number}", f"cd {directory}/s{number}",
                              f"echo {FIRST_HOPID + number} > in_hopid",
                              f"echo {FIRST_HOPID + number} > out_hopid"]
                lines += [f"cd {directory}/s{number}"]
                lines += [f"echo {value} > {key}" for key, value in self.attributes.items()]
            end.host.run("\n".join(lines), timeout=60)
            end.host.wait_until(f"test -c /dev/tbstream{STREAMS - 1}", timeout=10)
        state[self.driver] = self

    def devices(self, count: int) -> list[str]:
        """What both ends open."""
        return [f"/dev/tbstream{number}" for number in range(count)]


PEERS = {peer.name: peer for peer in (
    Peer("ours", "ours", "ours", {"busy_poll": 0}),
    Peer("ours-poll", "ours, busy_poll", "ours", {"busy_poll": 1}),
    Peer("stock", "stock", "stock", {"busy_poll": 0}, settle=1.0),
    Peer("stock-poll", "stock, busy_poll", "stock", {"busy_poll": 1}, settle=1.0),
)}
