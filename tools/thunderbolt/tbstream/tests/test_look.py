# SPDX-License-Identifier: GPL-2.0-only
"""list, show and wait."""

import os
import pty

from fake import BETA, GAMMA, NOBODY, Root

# ABI: fields are only ever appended
LIST = ("domain route index host uuid service driver rx_speed rx_lanes tx_speed tx_lanes stream"
        " directory device state in_hopid out_hopid").split()
SHOW = ("stream directory host uuid device state in_hopid out_hopid ring_size throttling busy_poll"
        " linger sessions rx_bytes rx_frames tx_bytes tx_frames rx_crc_errors rx_overruns"
        " rx_malformed rx_discarded_bytes tx_lost_bytes rx_lost_frames peer_in_hopid"
        " peer_out_hopid protocol").split()


def test_list_of_nothing() -> None:
    """Without a host, without a driver, without a bus: said in words, and as no records."""
    with Root(driver=False) as root:
        assert "No host is connected" in root.run("list").stdout
        assert root.json("list") == [] and root.csv("list") == []


def test_list_for_people() -> None:
    """Host, cable and streams are in the text; streams that lead nowhere are apart."""
    with Root() as root:
        root.host(route="503")
        root.stream()
        root.stream("old", NOBODY, 1, "absent", "", (-1, -1))
        text = root.run("list").stdout
        assert text == (
            f"Domain 0 Route 503: beta {BETA}\n"
            "  cable    20.0 Gb/s, 2 lanes\n"
            "  backup   /dev/tbstream0   closed       in 9 out 10\n"
            f"Not connected: {NOBODY}\n"
            "  old      /dev/tbstream1   absent       in -1 out -1\n"), text


def test_list_says_what_is_missing() -> None:
    """A host without service, and a service without driver, are pointed out."""
    with Root() as root:
        root.host(service=None)
        root.host("gamma", GAMMA, route="3", driver=None)
        text = root.run("list").stdout
        assert "the other host has not loaded thunderbolt_stream" in text, text
        assert "0-3.0, no driver on this host" in text, text


def test_list_for_programs() -> None:
    """CSV and JSON have the same fields; hosts without streams have a record, too."""
    with Root() as root:
        root.host()
        root.host("gamma", GAMMA, route="3", service=None)
        root.stream()
        root.stream("old", NOBODY, 1, "absent", "", (-1, -1))
        records = root.json("list")
        assert [list(record) for record in records] == [LIST] * 3
        assert [record["stream"] for record in records] == ["backup", None, "old"]
        assert records[0] == dict(zip(LIST, [
            0, "1", 0, "beta", BETA, "0-1.0", "thunderbolt_stream", 20.0, 2, 20.0, 2, "backup",
            BETA, "/dev/tbstream0", "closed", 9, 10]))
        rows = root.csv("list")
        assert [list(row) for row in rows] == [LIST] * 3
        assert [row["host"] for row in rows] == ["beta", "gamma", ""]
        assert rows[0]["rx_speed"] == "20.0" and rows[2]["in_hopid"] == "-1"


def test_list_of_some_hosts() -> None:
    """-d, -r and -i choose hosts, as in the kernel's names."""
    with Root() as root:
        root.host()
        root.host("gamma", GAMMA, route="503", service=2)
        root.host("delta", NOBODY, domain=1)
        def names(*words: str) -> list[str]:
            return [record["host"] for record in root.json(*words, "list")]
        assert names() == ["beta", "gamma", "delta"]
        assert names("-r", "503") == ["gamma"] and names("-i", "2") == ["gamma"]
        assert names("-d", "1") == ["delta"] and names("-d", "0", "-r", "1") == ["beta"]
        assert names("-d", "7") == []


def test_devices_that_are_no_hosts_are_left_out() -> None:
    """Docks, retimers and this host's own router are no hosts."""
    with Root() as root:
        root.write(f"{root.bus}/0-3/uevent", "DEVTYPE=thunderbolt_device")
        root.write(f"{root.bus}/0-0:1.1/uevent", "DEVTYPE=thunderbolt_retimer")
        assert root.json("list") == []


def test_text_of_the_other_host_is_harmless() -> None:
    """Control characters, quotes and commas in its name reach neither terminal nor format."""
    with Root() as root:
        root.host('\033[31m"a,b\\\n')
        assert "\033" not in root.run("list").stdout
        for record in (root.json("list")[0], root.csv("list")[0]):
            assert record["host"] == '?[31m"a,b\\', record


def test_show_for_programs() -> None:
    """All attributes and counters, in an order that is ABI."""
    with Root() as root:
        root.host()
        root.stream(rx_bytes=5, tx_lost_bytes=1 << 40)
        record, = root.json("show", "beta/backup")
        assert list(record) == SHOW
        assert (record["rx_bytes"], record["tx_lost_bytes"]) == (5, 1 << 40)
        row, = root.csv("show")
        assert list(row) == SHOW and row["uuid"] == BETA


def test_show_for_people() -> None:
    """One line for each thing that is known."""
    with Root() as root:
        root.host()
        root.stream()
        lines = root.run("show", "backup").stdout.splitlines()
        assert lines[0] == "backup" and "  ring_size          256" in lines


def test_streams_are_found_by_any_name_of_their_host() -> None:
    """UUID in either case, host name, directory; never the number of the device."""
    with Root() as root:
        root.host()
        root.stream(service="0-1.0", index=3)
        for host in ("beta", BETA, BETA.upper(), "0-1.0"):
            assert root.json("show", f"{host}/backup")[0]["device"] == "/dev/tbstream3"
        for wrong in ("tbstream3", "3", "gamma/backup", "0-3.0/backup"):
            root.run("show", wrong, code=3)
        assert "is no stream" in root.run("show", "/dev/tbstream3", code=2).stderr


def test_stock_driver() -> None:
    """Without the class, what ConfigFS tells is shown, and the rest is empty."""
    with Root() as root:
        root.host()
        root.stream(service="0-1.0", state=None)
        record, = root.json("show", "beta/backup")
        assert (record["state"], record["rx_bytes"], record["in_hopid"]) == (None, None, 9)
        assert record["device"] == "/dev/tbstream0"


def test_colours_only_on_a_terminal() -> None:
    """Escape sequences go to a terminal, but not with NO_COLOR, and never to a file."""
    with Root() as root:
        root.host()
        root.stream(state="open")
        assert "\033" not in root.run("list").stdout
        for unwanted in ("", "1"):
            ours, theirs = pty.openpty()
            os.environ["NO_COLOR"] = unwanted
            try:
                root.run("list", stdout=theirs)
                text = os.read(ours, 4096).decode()
            finally:
                del os.environ["NO_COLOR"]
                os.close(ours)
                os.close(theirs)
            assert ("\033[32mopen" in text) == (not unwanted), text


def test_full_disk() -> None:
    """Output that could not be written is an error."""
    with Root() as root, open("/dev/full", "w", encoding="ascii") as full:
        root.host()
        assert "No space left" in root.run("list", stdout=full, code=1).stderr


def test_wait_for_a_host() -> None:
    """Until its service has a driver; one that is there takes no time."""
    with Root() as root:
        root.host(driver=None)
        assert root.run("wait", "-t", "0", "host", "beta", code=5).stderr
        waiting = root.start("wait", "host")
        (root.path / root.bus / "0-1.0/driver").symlink_to("../../drivers/thunderbolt_stream")
        waiting.communicate(timeout=30)
        assert waiting.returncode == 0
        root.run("wait", "host", BETA)
        root.host("beta", GAMMA, route="3")
        assert GAMMA in root.run("wait", "host", "beta", code=4).stderr


def test_wait_for_a_stream() -> None:
    """Until the other host is there and HopIDs are allocated."""
    with Root() as root:
        for state, peer, hopids in (("absent", "", (-1, -1)), ("unconfigured", BETA, (0, 0))):
            root.stream(state=state, peer=peer, hopids=hopids)
            root.run("wait", "-t", "0.2", "stream", "backup", code=5)
        root.host()
        root.stream()
        root.run("wait", "stream", "beta/backup")


def test_wait_for_a_session() -> None:
    """Until the stream is open or holds bytes; a stock driver does not say."""
    with Root() as root:
        root.host()
        for state, code in (("closed", 5), ("starting", 5), ("open", 0), ("unread", 0)):
            root.stream(state=state)
            root.run("wait", "-t", "0", "session", "backup", code=code)
    with Root() as root:
        root.host()
        root.stream(state=None)
        assert "does not tell" in root.run("wait", "session", "backup", code=3).stderr
