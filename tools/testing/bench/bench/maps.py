# SPDX-License-Identifier: GPL-2.0-only
"""How often memory is mapped for the controller, counted by the kernel's own tracing.

A host of the lab has no IOMMU, so a mapping costs next to nothing there; on a machine that has
one each is an entry in a page table and, when it goes, an invalidation."""

import re

from lab.host import Host

EVENTS = "/sys/kernel/tracing/events/dma"
# A scatter list counts as one
MAPPING = ("dma_map_phys", "dma_map_sg")
COUNT_EACH = "hist:keys=device"


class Maps:
    """Context manager: counts from here on."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __enter__(self) -> "Maps":
        self._trigger(COUNT_EACH)
        return self

    def __exit__(self, *_: object) -> None:
        self._trigger(f"!{COUNT_EACH}")

    def _trigger(self, words: str) -> None:
        self._host.run("\n".join(["set -e", *(f"echo '{words}' > {EVENTS}/{event}/trigger"
                                              for event in MAPPING)]))

    def count(self) -> int:
        """Mappings so far, those of other devices left out."""
        said = self._host.run(f"""cat {" ".join(f"{EVENTS}/{event}/hist" for event in MAPPING)}
cd /sys/bus/pci/drivers/thunderbolt; for d in *:*; do echo controller $d; done""").stdout
        ours = set(re.findall(r"^controller (\S+)$", said, re.MULTILINE))
        counts = re.findall(r"device: *(\S+) *} hitcount: *(\d+)", said)
        return sum(int(count) for device, count in counts if device in ours)
