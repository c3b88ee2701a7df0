# SPDX-License-Identifier: GPL-2.0-only
"""Measure streams between two virtual hosts."""

import argparse
import statistics
import sys
from typing import Any

from lab.errors import InfrastructureError, LabFailure

from .peers import PEERS, Peer
from .rig import Rig
from .run import MIB, Workload, measure


def _say(text: str) -> None:
    print(f"[bench] {text}", file=sys.stderr, flush=True)


def _size(text: str) -> int:
    """Bytes, from 4096, 4k or 1M."""
    return int(text.rstrip("kM")) << {"k": 10, "M": 20}.get(text[-1], 0)


def _row(sample: dict[str, Any]) -> str:
    gib = sample["bytes"] / (1 << 30)
    mib = sample["bytes"] / MIB
    sides = [sample["first"], sample["second"]]
    words = [f"{sample['peer']:<11} {sample['mib_s']:7.1f} MiB/s"]
    for label, key, unit, form in (("guest CPU", "guest_cpu_s", gib, "5.2f"),
                                   ("vCPU", "vcpu_s", gib, "5.2f"),
                                   ("Minsn", "instructions", gib * 1e6, "6.0f"),
                                   ("doorbells", "doorbells", mib, "5.1f"),
                                   ("interrupts", "interrupts", mib, "5.1f"),
                                   ("switches", "switches", mib, "5.1f")):
        words.append(label + " " + " + ".join(f"{side[key] / unit:{form}}" for side in sides))
    words.append(f"sim CPU {sample['simulator_cpu_s'] / gib:4.2f}")
    return ", ".join(words)


def _order(peers: list[Peer], number: int) -> list[Peer]:
    """A B, B A, A B, ..."""
    return peers if number % 2 == 0 else peers[::-1]


def command_quick(arguments: argparse.Namespace) -> int:
    """Bulk one way, for those who work on the driver."""
    peers = [PEERS[name] for name in arguments.peers.split(",")]
    attributes = dict(word.split("=") for word in arguments.attribute)
    if attributes:
        peers = [Peer(peer.name, peer.title, peer.driver, peer.attributes | attributes,
                      peer.settle) for peer in peers]
    workload = Workload(f"{arguments.kind} {arguments.bs}", arguments.kind, _size(arguments.bs),
                        arguments.mib, streams=arguments.streams)
    state: dict[str, Peer] = {}
    samples: list[dict[str, Any]] = []
    with Rig(dict.fromkeys(peer.driver for peer in peers), progress=_say) as rig:
        print(f"{workload.name}, {arguments.mib} MiB; first + second host; CPU in seconds per"
              " GiB, instructions in millions per GiB, the others per MiB", flush=True)
        for number in range(arguments.rounds):
            for peer in _order(peers, number):
                peer.prepare(rig, state)
                samples.append(measure(rig, peer, workload, arguments.check))
                print(_row(samples[-1]), flush=True)
    for peer in peers:
        mine = [sample for sample in samples if sample["peer"] == peer.name]
        gib = mine[0]["bytes"] / (1 << 30)

        def both(key: str) -> float:
            return statistics.median(s["first"][key] + s["second"][key] for s in mine) / gib

        print(f"median of {len(mine)}, {peer.name}:"
              f" {statistics.median(s['mib_s'] for s in mine):.1f} MiB/s; both hosts per GiB:"
              f" guest CPU {both('guest_cpu_s'):.2f} s, vCPU {both('vcpu_s'):.2f} s,"
              f" {both('instructions') / 1e6:.0f} M instructions")
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    quick = commands.add_parser("quick", help="bulk transfers, in less than a minute")
    quick.add_argument("--peers", default="ours", help=f"some of {','.join(PEERS)}")
    quick.add_argument("--kind", default="bulk", choices=("bulk", "duplex", "sendfile", "splice"))
    quick.add_argument("--bs", default="64k", help="bytes of a read or write, as 4096 or 64k")
    quick.add_argument("--mib", type=int, default=256, help="how much is measured")
    quick.add_argument("--rounds", type=int, default=3)
    quick.add_argument("--streams", type=int, default=1, choices=range(1, 7))
    quick.add_argument("--attribute", action="append", default=[], metavar="KEY=VALUE",
                       help="of each stream, as ring_size=1024")
    quick.add_argument("--check", action="store_true", help="compare the data, too")
    quick.set_defaults(function=command_quick)
    return top


def main() -> int:
    arguments = parser().parse_args()
    try:
        return arguments.function(arguments)
    except InfrastructureError as error:
        print(f"\nbench: the lab does not work: {error}", file=sys.stderr)
        return 2
    except LabFailure as error:
        print(f"\nbench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbench: interrupted; everything is stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
