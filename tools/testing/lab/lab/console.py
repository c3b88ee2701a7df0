# SPDX-License-Identifier: GPL-2.0-only
"""Kernel messages of a guest, read from its serial console's log.

The console is read instead of dmesg, because it survives a crash and a
dead agent, and costs the guest nothing more."""

import re
from pathlib import Path

# What a healthy kernel never says. One regular expression, so that a long
# log is scanned once.
FAULT = re.compile(
    r"WARNING: |\bBUG: |BUG at |Oops|general protection fault|Kernel panic"
    r"|Unable to handle|unable to handle|Call Trace:|blocked for more than"
    r"|rcu:? .*(?:stall|self-detected)|soft lockup|hard LOCKUP"
    r"|possible (?:recursive|circular|irq lock)|INFO: task|INFO: trying to register"
    r"|KASAN:|UBSAN:|KFENCE:|kmemleak:|refcount_t:|list_(?:add|del) corruption"
    r"|DMA-API:|Bad page|bad page|scheduling while atomic|sleeping function called"
    r"|unregister_netdevice: waiting|Bad rss-counter|held lock freed|still in use")

# Said by stock kernels on this machine type, with no fault behind it.
HARMLESS = re.compile(
    r"hpet_acpi_add: no address or irqs|x86/mm: Checked W\+X mappings: passed"
    r"|DMA-API: (?:preallocated|debugging enabled)|kmemleak: Kernel memory leak detector initialized")

# A fault of the stock Thunderbolt core that any two hosts can meet, already while they
# find each other: "Faults of the core" in Documentation/driver-api/thunderbolt-stream.rst
CORE_FAULT = re.compile(r"tb_cfg_request_put\+0x\w+/0x\w+ \[thunderbolt\]")


class Console:
    """The log of one guest's serial console."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked = 0

    def text(self) -> str:
        try:
            return self.path.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def core_fault(self) -> bool:
        """The kernel's Thunderbolt core has given a request back twice."""
        return CORE_FAULT.search(self.text()) is not None

    def new_faults(self, expected: re.Pattern[str] | None = None) -> list[str]:
        """Fault lines since the last call, with what follows the first one."""
        text = self.text()
        fresh, self._checked = text[self._checked:], len(text)
        lines = fresh.splitlines()
        for number, line in enumerate(lines):
            if (FAULT.search(line) and not HARMLESS.search(line)
                    and not (expected and expected.search(line))):
                return lines[max(0, number - 2):number + 25]
        return []
