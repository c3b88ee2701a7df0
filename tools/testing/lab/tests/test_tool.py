# SPDX-License-Identifier: GPL-2.0-only
"""tbstream, the command-line helper: what it finds and makes on real hosts."""

from lab import Lab
from tests.streams import BOTH_NEW, CONFIGFS, NOBODY, OURS, good, prepare, start_io, steps
from tests.tool import install, records, tbstream

LABS = {"6.12": OURS, "7.3": BOTH_NEW}


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
