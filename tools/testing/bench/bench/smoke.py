# SPDX-License-Identifier: GPL-2.0-only
"""Does everything that `compare` measures work with our driver, and arrive unharmed?

Nothing here depends on how long anything takes."""

import tempfile
import time
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

from lab.errors import InfrastructureError, LabFailure

from . import page, plot, report
from .compare import Comparison
from .peers import PEERS, Peer, State
from .plan import BULK, PARTS, Item
from .rig import Rig
from .run import Workload, measure
from .where import Symbols

MIB = 2
COUNT = 5
# Ways through the network, on the hosts that are there
NET_PEERS = tuple(replace(PEERS[name], driver="ours") for name in ("net", "net-socat"))


def _small(workload: Workload) -> Workload:
    """The same, of a size that takes no time."""
    return replace(workload, mib=MIB * workload.streams if workload.mib else 0,
                   count=COUNT if workload.count else 0)


def _check(sample: dict[str, Any], workload: Workload) -> None:
    """The counters have seen what was moved."""
    sides = (sample["first"], sample["second"])
    if workload.mib and sample["bytes"] < workload.mib << 20:
        raise LabFailure(f"{sample['bytes']} bytes were received, expected {workload.mib} MiB")
    if workload.count and sample["messages"] != workload.count:
        raise LabFailure(f"{sample['messages']} messages, expected {workload.count}")
    for side in sides:
        for key in ("instructions", "vcpu_s"):
            if side[key] <= 0:
                raise LabFailure(f"{key} is {side[key]}, expected more than 0")
    if workload.maps and workload.kind == "floor" and sample["first"]["maps"] < workload.mib * 256:
        raise LabFailure(f"{sample['first']['maps']} mappings were counted, expected one for"
                         " each page of the file")
    if workload.kind != "copy" and sample["first"]["frames"] <= 0:
        raise LabFailure("no frame has left the first host")


def _check_places(rig: Rig, seen: dict[str, Counter[int]]) -> None:
    """Our driver's functions are among those that the instructions are in."""
    for end, side in zip(rig.pair("ours"), ("first", "second")):
        functions = Symbols(end.host).by_function(seen[side])
        if not any(name.startswith("tbstream_") for name in functions):
            raise LabFailure(f"{end.host.name}: no function of our driver among"
                             f" {functions.most_common(5)}")


def _results(comparison: Comparison) -> None:
    """Tables, plots and the page can be made of it."""
    run = comparison.result()
    text = report.text(run)
    for workload in run["workloads"]:
        if f"{workload['name']}: " not in text:
            raise LabFailure(f"there is no table of {workload['name']}")
    with tempfile.TemporaryDirectory() as directory:
        plot.draw(run, Path(directory))
        copy = Path(directory) / "page.rst"
        copy.write_text(page.PAGE.read_text())
        functions = [{"title": f"a title of {kind}", "peer": "ours", "kind": kind, "side": side,
                      "minsn_gib": 3.0, "ours_minsn_gib": 1.0, "core_minsn_gib": 1.0,
                      "lines": [["a_function", "1", "2", "3 %"]]}
                     for kind in ("bulk", "sendfile", "splice") for side in ("first", "second")]
        # As if there had been somebody to compare with
        run["samples"] += [sample | {"peer": "stock"} for sample in run["samples"]
                           if sample["peer"] == "ours"]
        page.write(run, functions, copy)
        first = copy.read_text()
        page.write(run, functions, copy)
        for words, what in (("a_function", "functions"), ("without ours", "limit"),
                            ("copies and the core's rings", "limit in a sentence")):
            if words not in first:
                raise LabFailure(f"the page does not get the {what}")
        if copy.read_text() != first or f"kernel {run['kernel']}" not in first:
            raise LabFailure("the page does not get the figures, or gets them twice")


def smoke(say: Callable[[str], None]) -> int:
    """KTAP on standard output; 0 if all is well."""
    comparison = Comparison(1, say)
    failed = 0
    number = 0
    items = [(part, item) for part, those in PARTS.items() for item in those]

    def test(name: str, run: Callable[[], None]) -> None:
        nonlocal number, failed
        number += 1
        began = time.monotonic()
        word = "ok"
        try:
            run()
        except InfrastructureError as error:
            print(f"Bail out! {error}", flush=True)
            raise
        except Exception as error:  # a fault in what is tested, or in the test
            why = str(error) if isinstance(error, LabFailure) else traceback.format_exc()
            print("\n".join(f"# {line}" for line in why.splitlines()))
            failed += 1
            word = "not ok"
        print(f"{word} {number} {name} # {time.monotonic() - began:.1f} s", flush=True)

    print(f"KTAP version 1\n1..{len(items) + len(NET_PEERS) + 2}", flush=True)
    with Rig(["ours"], net=True, doorbells="mapped", progress=say, places=True) as rig:
        state: State = {}
        tried: set[str] = set()
        seen: dict[str, Counter[int]] = {}

        def once(peer: Peer, workload: Workload) -> None:
            peer.prepare(rig, state, workload.streams)
            sample = measure(rig, peer, workload, check=True)
            _check(sample, workload)
            for side in ("first", "second"):
                seen[side] = sample[side].pop("places")
            comparison.samples.append(sample | {"round": 0})

        def each(part: str, item: Item) -> None:
            small = _small(item.workload)
            comparison.workloads.append(replace(item, workload=small).json(part))
            # Other modes of ours only where they come first: switching takes its time
            for peer in (PEERS[name] for name in item.peers if PEERS[name].driver == "ours"):
                if peer.name == "ours" or peer.name not in tried:
                    tried.add(peer.name)
                    once(peer, small)

        for part, item in items:
            test(f"{item.workload.name}_arrives_unharmed_and_is_counted",
                 lambda part=part, item=item: each(part, item))
        test("instructions_are_found_in_our_functions", lambda: _check_places(rig, seen))
        for peer in NET_PEERS:
            test(f"{peer.name}_arrives_unharmed_and_is_counted",
                 lambda peer=peer: once(peer, _small(BULK[1].workload)))
        test("tables_plots_and_the_page_are_made_of_it", lambda: _results(comparison))
    return 1 if failed else 0
