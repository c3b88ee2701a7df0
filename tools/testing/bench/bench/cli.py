# SPDX-License-Identifier: GPL-2.0-only
"""Measure streams between two virtual hosts."""

import argparse
import dataclasses
import statistics
import sys
from typing import Any

from lab import paths
from lab.errors import InfrastructureError, LabFailure

from . import page, plot, where
from .compare import compare, load, order, save
from .peers import PEERS, State, find
from .profile import profile
from .rig import Rig
from .report import text
from .run import MIB, Workload, measure
from .smoke import smoke

OUTPUT = "build/bench"
# Transfers, which quick can do
KINDS = ("bulk", "duplex", "sendfile", "splice", "floor", "copy")


def _say(line: str) -> None:
    print(f"[bench] {line}", file=sys.stderr, flush=True)


def _size(word: str) -> int:
    """Bytes, from 4096, 4k or 1M."""
    return int(word.rstrip("kM")) << {"k": 10, "M": 20}.get(word[-1], 0)


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


def command_quick(arguments: argparse.Namespace) -> int:
    """Bulk one way, for those who work on the driver."""
    peers = find(arguments.peers)
    attributes = dict(word.split("=") for word in arguments.attribute)
    if attributes:
        peers = [dataclasses.replace(peer, attributes=peer.attributes | attributes)
                 for peer in peers]
    workload = Workload("quick", f"{arguments.kind} {arguments.bs}", arguments.kind,
                        _size(arguments.bs), arguments.mib, streams=arguments.streams)
    state: State = {}
    samples: list[dict[str, Any]] = []
    with Rig(dict.fromkeys(peer.driver for peer in peers), progress=_say,
             net=any(peer.net for peer in peers), doorbells=arguments.doorbells) as rig:
        print(f"{workload.title}, {arguments.mib} MiB; first + second host; CPU in seconds per"
              " GiB, instructions in millions per GiB, the others per MiB", flush=True)
        for number in range(arguments.rounds):
            for peer in order(peers, number):
                peer.prepare(rig, state, workload.streams)
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


def command_compare(arguments: argparse.Namespace) -> int:
    """Everything, side by side."""
    if arguments.peers:
        find(arguments.peers)
    output = paths.PROJECT / arguments.output
    run = compare(arguments.workload, [name for name in arguments.peers.split(",") if name],
                  arguments.rounds, arguments.mib, _say, arguments.check,
                  lambda so_far: save(so_far, output / "speed.json"))
    save(run, output / "speed.json")
    plot.draw(run, output)
    print(text(run))
    print(f"\nMeasured in {run['seconds']} s; all of it is in {arguments.output}/speed.json,"
          " pictures in speed.svg and speed.png beside it.")
    failed = {failure["peer"] for failure in run["failures"]}
    return 1 if any(peer == "hosts" or peer.startswith("ours") for peer in failed) else 0


def command_page(arguments: argparse.Namespace) -> int:
    """Figures of a run into the documentation."""
    run = load(paths.PROJECT / arguments.output / "speed.json")
    if run["check"]:
        raise LabFailure("this run has compared the data, which costs more than moving it;"
                         " \"make bench\" without --check first")
    functions = paths.PROJECT / arguments.output / "where.json"
    page.write(run, load(functions)["parts"] if functions.exists() else [])
    return 0


def command_profile(_arguments: argparse.Namespace) -> int:
    """Where the simulator's time goes."""
    print(profile(_say))
    return 0


def command_where(arguments: argparse.Namespace) -> int:
    """What the guests' instructions are for."""
    kinds = arguments.kind.split(",")
    if unknown := set(kinds) - set(KINDS):
        raise LabFailure(f"no kind {unknown.pop()!r}; there are: {', '.join(KINDS)}")
    workloads = [Workload("where", f"{kind} {arguments.bs}", kind, _size(arguments.bs),
                          arguments.mib) for kind in kinds]
    parts = where.where(find(arguments.peers), workloads, _say)
    save({"parts": parts}, paths.PROJECT / arguments.output / "where.json")
    print(where.text(parts))
    return 0


def command_smoke(_arguments: argparse.Namespace) -> int:
    """Does it all work?"""
    return smoke(lambda line: print(f"# {line}", flush=True))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    quick = commands.add_parser("quick", help="bulk transfers, in less than a minute")
    quick.add_argument("--peers", default="ours", help=f"some of {','.join(PEERS)}")
    quick.add_argument("--kind", default="bulk", choices=KINDS)
    quick.add_argument("--bs", default="64k", help="bytes of a read or write, as 4096 or 64k")
    quick.add_argument("--mib", type=int, default=256, help="how much is measured")
    quick.add_argument("--rounds", type=int, default=3)
    quick.add_argument("--streams", type=int, default=1, choices=range(1, 7))
    quick.add_argument("--attribute", action="append", default=[], metavar="KEY=VALUE",
                       help="of each stream, as ring_size=1024")
    quick.add_argument("--doorbells", default="trapped", choices=("trapped", "mapped"))
    quick.add_argument("--check", action="store_true", help="compare the data, too")
    quick.set_defaults(function=command_quick)

    full = commands.add_parser("compare", help="all workloads with all peers, side by side")
    full.add_argument("workload", nargs="*", help="part of a workload's name; default: all")
    full.add_argument("--peers", default="", help=f"some of {','.join(PEERS)}")
    full.add_argument("--rounds", type=int, default=4)
    full.add_argument("--mib", type=int, default=256, help="how much is moved in a run, at most")
    full.add_argument("--check", action="store_true", help="compare the data, too")
    full.add_argument("--output", default=OUTPUT, metavar="DIRECTORY",
                      help="where speed.json and the plots go")
    full.set_defaults(function=command_compare)

    into = commands.add_parser("page", help="put the figures of compare, and those of where if"
                               " there are any, into the documentation")
    into.add_argument("--output", default=OUTPUT, metavar="DIRECTORY",
                      help="where speed.json is")
    into.set_defaults(function=command_page)

    simulator = commands.add_parser("profile", help="where the simulator's time goes")
    simulator.set_defaults(function=command_profile)

    functions = commands.add_parser("where", help="in which functions the guests' instructions are")
    functions.add_argument("--peers", default="ours,stock", help=f"some of {','.join(PEERS)}")
    functions.add_argument("--kind", default="bulk,sendfile,splice",
                           help=f"some of {','.join(KINDS)}")
    functions.add_argument("--bs", default="64k", help="bytes of a read or write")
    functions.add_argument("--mib", type=int, default=256, help="how much is moved")
    functions.add_argument("--output", default=OUTPUT, metavar="DIRECTORY",
                           help="where where.json goes")
    functions.set_defaults(function=command_where)

    works = commands.add_parser("smoke", help="does all of it work with ours? KTAP")
    works.set_defaults(function=command_smoke)
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
