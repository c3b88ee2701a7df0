# SPDX-License-Identifier: GPL-2.0-only
"""tbstream, the command-line helper: what it finds and makes on real hosts."""

import json

import pytest

from lab import Lab
from tests.support.streams import BOTH_NEW, CONFIGFS, NOBODY, OURS, good, prepare, start_io, steps
from tests.support.tool import install, records, tbstream

pytestmark = pytest.mark.lab({"6.12": OURS, "7.3": BOTH_NEW})


def test_two_words_make_a_stream(lab: Lab) -> None:
    """create on both sides, wait, and bytes pass; the other host is found by itself."""
    alpha, beta = install(lab)
    devices = [tbstream(host, "create", "backup").stdout.strip() for host in (alpha, beta)]
    for host in (alpha, beta):
        tbstream(host, "wait", "-t", "20", "stream", "backup")
    reader = beta.start(f"cat {devices[1]}")
    alpha.run(f"echo hello > {devices[0]}", timeout=20)
    assert reader.wait(20).stdout == "hello\n"
    for host in (alpha, beta):
        tbstream(host, "remove", "backup")
        assert host.run(f"ls {CONFIGFS}").stdout == ""


def test_names_of_the_other_host(lab: Lab) -> None:
    """Its name and its UUID, in list and as an address; its cable as it was trained."""
    alpha, beta = install(lab)
    tbstream(alpha, "create", "beta/named", "in_hopid=20", "out_hopid=21", "ring_size=64")
    uuid = alpha.peer_uuid()
    for address in ("named", "beta/named", f"{uuid}/named"):
        shown, = records(alpha, "show", address)
        assert (shown["in_hopid"], shown["out_hopid"], shown["ring_size"]) == (20, 21, 64), shown
    listed, = records(alpha, "list")
    assert (listed["host"], listed["uuid"], listed["service"]) == ("beta", uuid, alpha.service())
    assert listed["rx_lanes"] == listed["tx_lanes"] == 1 and listed["rx_speed"] > 0, listed
    assert f"beta {uuid}" in tbstream(alpha, "list").stdout
    assert "no host gamma" in tbstream(alpha, "create", "gamma/named", code=3).stderr
    tbstream(alpha, "remove", "beta/named")


def test_create_is_idempotent(lab: Lab) -> None:
    """The same line again changes nothing, also while the stream is in use."""
    alpha, beta = prepare(lab)
    install(lab)
    line = ["create", "again", "in_hopid=20", "out_hopid=20", "linger=5000"]
    for host in (alpha, beta):
        device = tbstream(host, *line).stdout.strip()
    reader = start_io(beta, f"open={device},r", "read=eof", "close")
    writer = start_io(alpha, f"open={device},w", "touch=/tmp/open", "await=/tmp/go,30000", "write=5",
                      "close")
    alpha.wait_until("test -e /tmp/open", 20)
    tbstream(alpha, *line)
    assert "in use" in tbstream(alpha, *line[:-1], "linger=0", code=4).stderr
    assert "--force" in tbstream(alpha, "remove", "again", code=4).stderr
    alpha.run("touch /tmp/go")
    good(steps(writer.wait(20)))
    assert good(steps(reader.wait(20)))[1]["ret"] == 5
    for host in (alpha, beta):
        tbstream(host, "remove", "--force", "again")
    alpha.run("rm /tmp/go /tmp/open")


def test_what_the_driver_refuses(lab: Lab) -> None:
    """A taken HopID, a value out of range, a name too long: said, and nothing is left."""
    alpha, _ = install(lab)
    tbstream(alpha, "create", "first", "in_hopid=20", "out_hopid=20")
    for words, code, text in (
            (["second", "in_hopid=20", "out_hopid=21"], 4, "taken"),
            (["second", "ring_size=1"], 2, "cannot be 1"),
            (["second", "in_hopid=7"], 2, "cannot be 7"),
            (["second", "colour=red"], 2, "no attribute"),
            (["far-too-long"], 1, "8 characters")):
        ended = tbstream(alpha, "create", *words, code=code)
        assert text in ended.stderr, ended
    assert [record["stream"] for record in records(alpha, "show")] == ["first"]
    tbstream(alpha, "remove", "first")
    tbstream(alpha, "remove", "first")
    assert alpha.run(f"ls {CONFIGFS}").stdout == ""


def test_wait_over_a_replug(lab: Lab) -> None:
    """wait ends when cable and host are back, and not before."""
    alpha, _ = install(lab)
    tbstream(alpha, "create", "beta/replug", "in_hopid=20", "out_hopid=20")
    tbstream(alpha, "create", f"{NOBODY}/replug2")
    lab.cable.unplug()
    alpha.wait_for_no_peer()
    tbstream(alpha, "wait", "-t", "0", "host", "beta", code=5)
    tbstream(alpha, "wait", "-t", "0", "stream", "replug", code=5)
    assert [record["state"] for record in records(alpha, "show")] == ["absent", "absent"]
    assert "Not connected" in tbstream(alpha, "list").stdout
    waiting = alpha.start("tbstream wait host beta && tbstream wait stream beta/replug")
    lab.cable.plug()
    assert waiting.wait(60).code == 0
    tbstream(alpha, "wait", "-t", "0", "stream", "replug2", code=5)
    for name in ("replug", "replug2"):
        tbstream(alpha, "remove", name)
    lab.hosts[1].wait_for_peer()


def test_wait_for_a_session(lab: Lab) -> None:
    """It ends when the stream is open on this side."""
    alpha, beta = prepare(lab)
    install(lab)
    for host in (alpha, beta):
        device = tbstream(host, "create", "session", "in_hopid=20", "out_hopid=20").stdout.strip()
    tbstream(alpha, "wait", "-t", "0", "session", "session", code=5)
    waiting = alpha.start("tbstream wait session session")
    reader = start_io(beta, f"open={device},r", "read=eof", "close")
    writer = start_io(alpha, f"open={device},w", "await=/tmp/go,30000", "write=5", "close")
    assert waiting.wait(20).code == 0
    alpha.run("touch /tmp/go")
    good(steps(writer.wait(20)))
    good(steps(reader.wait(20)))
    alpha.run("rm /tmp/go")
    for host in (alpha, beta):
        tbstream(host, "remove", "--force", "session")


def test_send_a_disk(lab: Lab) -> None:
    """send and receive of a block device: equal bytes, and both say the same checksum."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "disk", "in_hopid=20", "out_hopid=20")
    reader = beta.start("tbstream --json receive alpha/disk /tmp/disk")
    sent = tbstream(alpha, "send", "beta/disk", "/dev/vdb", timeout=60)
    received = reader.wait(60)
    assert received.code == 0, received
    report, = json.loads(received.stdout)
    sums = {host.run(f"sha256sum < {file}").stdout.split()[0]
            for host, file in ((alpha, "/dev/vdb"), (beta, "/tmp/disk"))}
    assert sums == {report["sha256"]} and f"sha256 {report['sha256']}\n" in sent.stderr, sent
    assert report["bytes"] == 64 << 20 and f"{64 << 20} bytes (64.0 MiB) sent in" in sent.stderr
    for host in (alpha, beta):
        tbstream(host, "remove", "--force", "disk")
    beta.run("rm /tmp/disk")


def test_receive_onto_a_disk(lab: Lab) -> None:
    """A disk that is mounted is refused before the stream is touched; a free one is written."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "disk", "in_hopid=20", "out_hopid=20")
    assert "mounted" in tbstream(beta, "receive", "disk", "/dev/vda", code=4).stderr
    assert records(beta, "show", "disk")[0]["sessions"] == 0
    reader = beta.start("tbstream receive -q disk /dev/vdb")
    alpha.run("set -o pipefail; head -c 5M /dev/vdb | tbstream send -q disk", timeout=60)
    assert reader.wait(60).code == 0
    sums = {host.run("head -c 5M /dev/vdb | sha256sum").stdout for host in (alpha, beta)}
    assert len(sums) == 1, sums
    for host in (alpha, beta):
        tbstream(host, "remove", "--force", "disk")


def test_truth_about_a_pulled_cable(lab: Lab) -> None:
    """Neither side says that it went well when the cable is pulled half way."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "pulled", "in_hopid=20", "out_hopid=20")
    reader = beta.start("tbstream receive pulled > /tmp/pulled")
    writer = alpha.start("tbstream send pulled /dev/zero")
    beta.wait_until("test -s /tmp/pulled", 20)
    lab.cable.unplug()
    for process in (reader, writer):
        result = process.wait(20)
        assert result.code == 1 and "the cable was pulled" in result.stderr, result
        assert "sha256" not in result.stderr, result
    beta.run("rm /tmp/pulled")


def test_truth_about_a_reader_that_leaves(lab: Lab) -> None:
    """send fails when the reader does not take everything."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        device = tbstream(host, "create", "leaves", "in_hopid=20", "out_hopid=20").stdout.strip()
    reader = beta.start(f"head -c 10000 {device} > /dev/null")
    result = tbstream(alpha, "send", "leaves", "/dev/vdb", code=1)
    assert "the receiver has gone" in result.stderr, result
    assert reader.wait(20).code == 0


def test_progress_on_a_terminal(lab: Lab) -> None:
    """On a terminal there is progress; it stays out of files."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "shown", "in_hopid=20", "out_hopid=20")
    reader = beta.start("tbstream receive shown > /dev/null")
    shown = alpha.run("script -qec 'tbstream send shown /dev/vdb' /dev/null", timeout=60).stdout
    assert " of 64.0 MiB, " in shown and " left\033[K" in shown, shown
    assert "\033" not in reader.wait(60).stderr


def test_monitor_sees_a_transfer(lab: Lab) -> None:
    """Rates while bytes pass, on both sides."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "busy", "in_hopid=20", "out_hopid=20")
    reader = beta.start("tbstream receive -q busy > /dev/null")
    writer = alpha.start("tbstream send -q busy /dev/zero")
    tbstream(beta, "wait", "-t", "20", "session", "busy")
    for host, key in ((alpha, "tx_rate"), (beta, "rx_rate")):
        rows = [json.loads(line) for line in tbstream(
            host, "--json", "monitor", "-c", "2", "-I", "0.5", "busy").stdout.splitlines()]
        assert rows[1][key] > 0 and rows[1]["state"] == "open", rows
    writer.kill()
    writer.wait(20)
    assert reader.wait(30).code == 0


def test_doctor(lab: Lab) -> None:
    """On healthy hosts nothing but a single lane is found; without cable or driver it is told."""
    alpha, beta = install(lab)
    tbstream(alpha, "create", "well", "in_hopid=20", "out_hopid=20")

    def complaints(code: int) -> list[tuple[str, str]]:
        said = json.loads(tbstream(alpha, "--json", "doctor", code=code).stdout)
        return [(finding["check"], finding["finding"]) for finding in said
                if finding["level"] in ("warning", "problem")]
    assert complaints(0) == []
    assert "2 of 16 interrupts" in tbstream(alpha, "doctor").stdout
    tbstream(alpha, "create", "nobody", "in_hopid=0", "out_hopid=0")
    assert [check for check, _ in complaints(6)] == ["stream"]
    tbstream(alpha, "remove", "nobody")
    tbstream(beta, "create", "well", "in_hopid=20", "out_hopid=21")
    alpha.wait_until("tbstream doctor | grep 'problem  other side .*do not mirror'", 20)
    assert [check for check, _ in complaints(6)] == ["other side"]
    tbstream(beta, "remove", "well")
    alpha.wait_until("tbstream doctor | grep 'note  .* no stream well'", 20)
    assert complaints(0) == []

    lab.cable.unplug()
    alpha.wait_for_no_peer()
    assert [check for check, _ in complaints(6)] == ["cable", "stream"]
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer()
    tbstream(alpha, "remove", "well")

    beta.run("rmmod thunderbolt_stream")
    alpha.wait_until("tbstream doctor | grep 'problem  service.*beta offers no streams'", 20)
    beta.run("modprobe thunderbolt_stream")
    beta.wait_for_peer()
    alpha.wait_for_peer()
    alpha.run("rmmod thunderbolt_stream")
    assert [check for check, _ in complaints(6)][0] == "driver"
    alpha.run("modprobe thunderbolt_stream")
    for host in lab.hosts:
        host.wait_for_peer()


def test_doctor_counts_rings(lab: Lab) -> None:
    """Streams take rings until none are left, and doctor says when that is."""
    alpha, beta = prepare(lab)
    install(lab)
    names = [f"r{number}" for number in range(7)]
    devices = []
    for name, hopid in zip(names, range(9, 16)):
        for host in (alpha, beta):
            device = tbstream(host, "create", name, f"in_hopid={hopid}", f"out_hopid={hopid}")
        devices.append(device.stdout.strip())
    hold = start_io(alpha, *(f"open={device},w" for device in devices), "touch=/tmp/held",
                    "await=/tmp/go,60000")
    alpha.wait_until("test -e /tmp/held", 30)
    said = tbstream(alpha, "doctor", code=6).stdout
    assert "16 of 16 interrupts are taken, none are left" in said, said
    alpha.run("touch /tmp/go")
    hold.wait(30)
    alpha.run("rm /tmp/go /tmp/held")


def test_one_receiver_at_a_time(lab: Lab) -> None:
    """A second receive is refused with the number of the first, and the first gets all bytes."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "locked", "in_hopid=20", "out_hopid=20")
    reader = beta.start("tbstream receive locked /tmp/locked")
    beta.wait_until("test -e /tmp/locked.part", 20)
    tbstream(beta, "wait", "-t", "20", "session", "locked")
    holder = beta.run("pidof tbstream").stdout.strip()
    refused = tbstream(beta, "receive", "locked", "/tmp/other", code=4)
    assert f"is being received by process {holder}; --force joins it" in refused.stderr, refused
    assert not beta.run("ls /tmp/other*", check=False).stdout
    tbstream(alpha, "send", "-q", "locked", "/dev/vdb", timeout=60)
    result = reader.wait(60)
    assert result.code == 0 and f"{64 << 20} bytes" in result.stderr, result
    for host in (alpha, beta):
        tbstream(host, "remove", "--force", "locked")
    beta.run("rm /tmp/locked")


def test_interruption_in_mid_transfer(lab: Lab) -> None:
    """A receiver that is interrupted keeps what was there, says what it has and dies of it;
    the sender says that the receiver has gone."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "stopped", "in_hopid=20", "out_hopid=20")
    beta.run("echo precious > /tmp/stopped")
    reader = beta.start("tbstream receive --force stopped /tmp/stopped")
    writer = alpha.start("tbstream send stopped /dev/zero")
    beta.wait_until("test -s /tmp/stopped.part", 20)
    beta.run("kill -TERM $(pidof tbstream)")
    result = reader.wait(20)
    assert result.code == 128 + 15, result
    assert "interrupted: /tmp/stopped.part has only the first " in result.stderr, result
    assert beta.run("cat /tmp/stopped").stdout == "precious\n"
    assert "the receiver has gone" in writer.wait(30).stderr
    for host in (alpha, beta):
        tbstream(host, "remove", "--force", "stopped")
    beta.run("rm /tmp/stopped /tmp/stopped.part")


def test_source_that_cannot_be_read_begins_no_session(lab: Lab) -> None:
    """It leaves nothing for the next receiver, who would take it for an empty transfer."""
    alpha, beta = install(lab)
    for host in (alpha, beta):
        tbstream(host, "create", "unread", "in_hopid=20", "out_hopid=20")
    tbstream(alpha, "send", "unread", "/proc/self/mem", code=1)
    reader = beta.start("tbstream receive unread /tmp/unread")
    beta.wait_until("test -e /tmp/unread.part", 20)
    alpha.run("echo hello | tbstream send unread", timeout=30)
    assert reader.wait(30).code == 0
    assert beta.run("cat /tmp/unread").stdout == "hello\n"
    for host in (alpha, beta):
        tbstream(host, "remove", "--force", "unread")
    beta.run("rm /tmp/unread")
