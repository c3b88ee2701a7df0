# SPDX-License-Identifier: GPL-2.0-only
"""doctor."""

import shutil

from fake import NOBODY, Root


def findings(root: Root, code: int) -> dict[str, list[tuple[str, str, str]]]:
    """What doctor found, by check: level, finding, advice."""
    result: dict[str, list[tuple[str, str, str]]] = {}
    for record in root.json("doctor", code=code):
        result.setdefault(record["check"], []).append(
            (record["level"], record["finding"], record["advice"] or ""))
    return result


def one(root: Root, check: str, code: int = 6) -> tuple[str, str, str]:
    """The only finding of a check."""
    found, = findings(root, code)[check]
    return found


def healthy() -> Root:
    """A host, a stream, a device."""
    root = Root()
    root.host()
    root.stream()
    root.write("dev/tbstream0", "")
    return root


def test_all_is_well() -> None:
    """Everything is checked and found good; the text says the same as JSON."""
    with healthy() as root:
        found = findings(root, 0)
        assert set(found) == {"driver", "configfs", "controller", "host", "service", "stream",
                              "other side", "device"}, found
        assert {level for some in found.values() for level, _, _ in some} == {"ok"}, found
        lines = root.run("doctor").stdout.splitlines()
        assert "driver of beta confirms" in root.run("-v", "doctor").stdout
        assert len(lines) == 8 and all(line.startswith("ok ") for line in lines), lines


def test_driver_is_missing() -> None:
    """Which module to load."""
    with Root(driver=False) as root:
        assert one(root, "driver")[2] == "modprobe thunderbolt_stream"
        assert one(root, "configfs")[2].startswith("mount -t configfs")
        assert "-> modprobe thunderbolt_stream" in root.run("doctor", code=6).stdout
        root.write("proc/self/mounts", "configfs /sys/kernel/config configfs rw 0 0")
        assert "configfs" not in findings(root, 6)


def test_driver_is_the_stock_one() -> None:
    """The driver that came with the kernel is told from ours."""
    with healthy() as root:
        shutil.rmtree(root.path / "sys/class/tbstream")
        level, text, _ = one(root, "driver", 0)
        assert level == "warning" and "came with the kernel" in text


def test_no_controller() -> None:
    """No bus: which module to load. A bus without domain: the firmware."""
    with Root() as root:
        shutil.rmtree(root.path / root.bus)
        assert one(root, "controller")[2] == "modprobe thunderbolt"
        (root.path / root.bus).mkdir()
        assert "firmware" in one(root, "controller")[2]


def test_other_hosts_are_switched_off() -> None:
    """A module parameter of the core."""
    with healthy() as root:
        root.write("sys/module/thunderbolt/parameters/xdomain", "N")
        assert "thunderbolt.xdomain=0" in findings(root, 6)["controller"][1][2]


def test_cable() -> None:
    """No cable, and a cable that leads to something else."""
    with Root() as root:
        root.write(f"{root.bus}/0-0/usb4_port3/link", "none")
        assert "any of 2 ports" in one(root, "cable")[1]
        root.write(f"{root.bus}/0-0/usb4_port3/link", "usb4")
        assert "1 of 2 ports lead to something" in one(root, "cable")[1]
    with Root() as root:
        root.host(lanes=1)
        assert "only one lane" in one(root, "cable", 0)[1]


def test_service() -> None:
    """The other host has no driver; this one has none, or another one."""
    for service, driver, advice in ((None, None, "on the other host: modprobe"),
                                    (0, None, "modprobe"), (0, "something_else", "unbind")):
        with Root() as root:
            root.host(service=service, driver=driver)
            level, _, said = one(root, "service")
            assert level == "problem" and said.startswith(advice), said


def test_streams() -> None:
    """A host that is away is a warning, HopIDs that nobody chose are a problem."""
    with Root() as root:
        root.stream("old", NOBODY, 0, "absent", "", (-1, -1))
        root.write("dev/tbstream0", "")
        assert one(root, "stream")[0] == "warning"
    with healthy() as root:
        root.stream(state="unconfigured", hopids=(0, 0))
        assert "no HopIDs" in one(root, "stream")[1]
        root.stream(state="unresponsive")
        assert "driver of beta does not answer" in one(root, "stream")[1]
        root.stream(state="pondering")
        assert one(root, "stream", 0)[:2] == (
            "ok", "backup is pondering, receives on HopID 9, transmits on 10")


def test_other_side() -> None:
    """What the other host says of a stream: nothing, other HopIDs, another protocol."""
    with healthy() as root:
        assert one(root, "other side", 0)[:2] == (
            "ok", "backup: beta receives on HopID 10, transmits on 9")
        root.stream(theirs=("", ""))
        level, text, advice = one(root, "other side", 0)
        assert (level, text) == ("note", "beta has no stream backup for this host yet") and advice
        for theirs in ((12, 9), (10, 12)):
            root.stream(theirs=theirs)
            level, text, advice = one(root, "other side")
            assert level == "problem" and "do not mirror" in text and "-1" in advice, text
            assert str(theirs[0]) in text and str(theirs[1]) in text, text
        for ours, theirs in (((9, 10), (0, 0)), ((9, 0), (12, 9)), ((-1, -1), (12, 9))):
            root.stream(hopids=ours, theirs=theirs)
            assert one(root, "other side", 0 if max(ours) > 0 else 6)[0] == "ok", (ours, theirs)
        root.stream(protocol="plain")
        _, (level, text, advice) = findings(root, 0)["other side"]
        assert level == "note" and "published protocol only" in text and advice, text
        root.stream(theirs=("", ""), protocol="")
        assert "other side" not in findings(root, 0)


def test_counters_of_errors() -> None:
    """Each counter of what goes wrong is a warning with advice."""
    counters = ["rx_crc_errors", "rx_overruns", "rx_malformed", "rx_discarded_bytes",
                "tx_lost_bytes", "rx_lost_frames"]
    with healthy() as root:
        root.stream(**{name: 5 for name in counters})
        warnings = findings(root, 0)["data"]
        assert len(warnings) == len(counters)
        for level, text, advice in warnings:
            assert level == "warning" and "backup: 5 " in text and advice, text


def test_device() -> None:
    """A device that is not there."""
    with healthy() as root:
        (root.path / "dev/tbstream0").unlink()
        assert "there is no /dev/tbstream0" in one(root, "device")[1]


def test_rings() -> None:
    """Interrupts are counted for each controller; the last two make a stream."""
    def interrupts(root: Root, *counts: int) -> None:
        lines = ["           CPU0       CPU1"]
        for controller, count in enumerate(counts):
            lines += [f" {30 + number}:  137  0  IR-PCI-MSIX-0000:0{controller}:0d.2  "
                      f"{number}-edge      thunderbolt" for number in range(count)]
        lines += [" 99:  3  0  IR-PCI-MSIX-0000:00:1f.0  0-edge   i915", "NMI:  0   0  thunder"]
        root.write("proc/interrupts", "\n".join(lines))
    with healthy() as root:
        interrupts(root, 2, 14)
        assert [found[:2] for found in findings(root, 0)["rings"]] == [
            ("ok", "IR-PCI-MSIX-0000:00:0d.2: 2 of 16 interrupts are taken"),
            ("ok", "IR-PCI-MSIX-0000:01:0d.2: 14 of 16 interrupts are taken")]
        interrupts(root, 15)
        assert one(root, "rings")[0] == "problem"
