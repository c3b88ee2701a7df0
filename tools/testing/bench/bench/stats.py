# SPDX-License-Identifier: GPL-2.0-only
"""Medians, and how far they can be believed."""

import statistics
from dataclasses import dataclass
from typing import Any, Callable, Sequence

GIB = 1 << 30
MIB = 1 << 20
Sample = dict[str, Any]
Figure = Callable[[Sample], float]


def both(key: str, unit: Callable[[Sample], float]) -> Figure:
    """A figure of both hosts together, for each unit."""
    return lambda sample: (sample["first"][key] + sample["second"][key]) / unit(sample)


def one(side: str, key: str, unit: float) -> Figure:
    """A figure of the first or second host, for so many bytes."""
    return lambda sample: sample[side][key] / sample["bytes"] * unit


def gib(sample: Sample) -> float:
    """GiB that were moved."""
    return sample["bytes"] / GIB


def mib(sample: Sample) -> float:
    """MiB that were moved."""
    return sample["bytes"] / MIB


def messages(sample: Sample) -> float:
    """Messages or sessions."""
    return sample["messages"]


FIGURES: dict[str, Figure] = {
    "mib_s": lambda sample: sample["mib_s"],
    "vcpu_s_gib": both("vcpu_s", gib),
    "guest_cpu_s_gib": both("guest_cpu_s", gib),
    "first_guest_cpu_s_gib": one("first", "guest_cpu_s", GIB),
    "second_guest_cpu_s_gib": one("second", "guest_cpu_s", GIB),
    "first_vcpu_s_gib": one("first", "vcpu_s", GIB),
    "second_vcpu_s_gib": one("second", "vcpu_s", GIB),
    "minsn_gib": lambda sample: both("instructions", gib)(sample) / 1e6,
    "first_minsn_gib": one("first", "instructions", GIB / 1e6),
    "second_minsn_gib": one("second", "instructions", GIB / 1e6),
    "doorbells_mib": both("doorbells", mib),
    "interrupts_mib": both("interrupts", mib),
    "first_maps_mib": one("first", "maps", MIB),
    "second_maps_mib": one("second", "maps", MIB),
    "maps_mib": both("maps", mib),
    "switches_mib": both("switches", mib),
    "simulator_s_gib": lambda sample: sample["simulator_cpu_s"] / gib(sample),
    "p50_us": lambda sample: sample["first"]["p50_us"],
    "p99_us": lambda sample: sample["first"]["p99_us"],
    "vcpu_us_message": lambda sample: both("vcpu_s", messages)(sample) * 1e6,
    "kinsn_message": lambda sample: both("instructions", messages)(sample) / 1e3,
    "interrupts_message": both("interrupts", messages),
    "sessions_s": lambda sample: sample["messages"] / sample["seconds"],
}


@dataclass(frozen=True)
class Value:
    """A median. spread: half the distance of the quartiles, as a part of the median; split:
    how far the medians of the odd and of the even rounds are apart, as a part of it."""
    median: float
    spread: float
    split: float
    count: int

    def json(self) -> dict[str, float]:
        """For the file."""
        return {"median": self.median, "spread": self.spread, "split": self.split,
                "count": self.count}


def value(numbers: Sequence[float]) -> Value:
    """Of one figure, a number from each round."""
    median = statistics.median(numbers)
    if len(numbers) < 2 or not median:
        return Value(median, 0.0, 0.0, len(numbers))
    quartiles = statistics.quantiles(numbers, n=4, method="inclusive")
    split = abs(statistics.median(numbers[::2]) - statistics.median(numbers[1::2]))
    return Value(median, (quartiles[2] - quartiles[0]) / 2 / median, split / median, len(numbers))


class Results:
    """Samples of a run, by workload and peer."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def peers(self, workload: str) -> list[str]:
        """Who has done it, in order of first appearance."""
        return list(dict.fromkeys(s["peer"] for s in self._samples if s["workload"] == workload))

    def of(self, workload: str, peer: str) -> list[Sample]:
        """A sample of each round."""
        return [s for s in self._samples if s["workload"] == workload and s["peer"] == peer]

    def value(self, workload: str, peer: str, figure: str) -> Value | None:
        """Median of a figure, or None if there is none."""
        samples = self.of(workload, peer)
        if not samples:
            return None
        return value([FIGURES[figure](sample) for sample in samples])

    def ratio(self, workload: str, peer: str, others: Sequence[str], figure: str,
              more_is_better: bool) -> tuple[Value, str] | None:
        """The figure as a part of the best of the others', round by round, and who that
        is."""
        best: tuple[float, str] | None = None
        for other in others:
            there = self.value(workload, other, figure)
            if there is not None and (best is None or (there.median > best[0]) == more_is_better):
                best = (there.median, other)
        if best is None or not self.of(workload, peer):
            return None
        pairs = zip(self.of(workload, peer), self.of(workload, best[1]))
        numbers = [FIGURES[figure](one) / FIGURES[figure](other) for one, other in pairs
                   if FIGURES[figure](other)]
        return (value(numbers), best[1]) if numbers else None
