# SPDX-License-Identifier: GPL-2.0-only
"""The driver: directories and attributes in ConfigFS."""

import pytest

from lab import Lab
from tests.support.streams import (CONFIGFS, NOBODY, OURS, Stream, check_transfer, errnos, good, io,
                           nowhere, pair, prepare, start_io, steps)

pytestmark = pytest.mark.lab(OURS)

DEFAULTS = {"in_hopid": "0", "out_hopid": "0", "ring_size": "256", "throttling": "8192",
            "busy_poll": "0", "linger": "30000"}

# What each attribute takes, and the error for what it does not.
GOOD = {
    "in_hopid": ["-1", "0", "8", "9\n", "0x0a"],
    "out_hopid": ["-1", "0", "8", "9\n", "0x0a"],
    "ring_size": ["32", "4096\n", "0x100", "33"],
    "throttling": ["0", "16776960", "1\n"],
    "busy_poll": ["1", "0\n"],
    "linger": ["0", "1", "86400000"],
}
NO_NUMBERS = ["abc", "9x", "9 9", "1.5", "\n", " ", "--1", "0x"]
BAD = {
    "in_hopid": {"ERANGE": ["-2", "1", "7", "99999999999", "-99999999999"], "EINVAL": NO_NUMBERS},
    "out_hopid": {"ERANGE": ["-2", "1", "7", "99999999999"], "EINVAL": NO_NUMBERS},
    "ring_size": {"ERANGE": ["-1", "0", "31", "4097", "4294967552", "99999999999999999999"],
                  "EINVAL": NO_NUMBERS},
    "throttling": {"ERANGE": ["-1", "16776961", "4294967296"], "EINVAL": NO_NUMBERS},
    "busy_poll": {"ERANGE": ["2", "-1"], "EINVAL": NO_NUMBERS + ["y", "on"]},
    "linger": {"ERANGE": ["-1", "86400001"], "EINVAL": NO_NUMBERS},
}


def values(stream: Stream) -> dict[str, str]:
    return {name: stream.get(name) for name in DEFAULTS}


def test_defaults(lab: Lab) -> None:
    """A new stream has these attributes and no others."""
    alpha, _ = prepare(lab)
    stream = nowhere(alpha)
    assert values(stream) == DEFAULTS
    names = alpha.run(f"ls {stream.directory}").stdout.split()
    assert sorted(names) == sorted([*DEFAULTS, "index"]), names
    alpha.run(f"test -c /dev/tbstream{stream.get('index')}")


def test_good_values(lab: Lab) -> None:
    """Every good value is taken and read back."""
    alpha, _ = prepare(lab)
    stream = nowhere(alpha)
    for name, texts in GOOD.items():
        for text in texts:
            assert stream.try_set(name, text) is None, f"{name}: {text!r} was refused"
            assert int(stream.get(name)) == int(text, 0), f"{name}: wrote {text!r}"


def test_bad_values_change_nothing(lab: Lab) -> None:
    """Every bad value is refused with its error, and the old value stays."""
    alpha, _ = prepare(lab)
    stream = nowhere(alpha)
    stream.set(in_hopid=12, out_hopid=13, ring_size=64, throttling=1024, busy_poll=1, linger=5)
    before = values(stream)
    for name, kinds in BAD.items():
        for error, texts in kinds.items():
            got = errnos(io(alpha, *(f"attr={stream.directory}/{name}={t}" for t in texts)))
            wrong = [(t, e) for t, e in zip(texts, got) if e != error]
            assert not wrong, f"{name}: expected {error}, got {wrong}"
    assert values(stream) == before
    assert stream.try_set("index", "5") == "EACCES"


def test_bad_values_with_a_peer(lab: Lab) -> None:
    """With a peer HopIDs that the link does not have are out of range."""
    alpha, _ = prepare(lab)
    stream = Stream(alpha, "links").set(in_hopid=9, out_hopid=10)
    for value in ("24", "1000", "2147483647"):
        for name in ("in_hopid", "out_hopid"):
            assert stream.try_set(name, value) == "ERANGE", f"{name}: {value}"
    assert stream.hopids() == (9, 10)


def test_attributes_are_busy_while_open(lab: Lab) -> None:
    """No attribute changes under an open device; afterwards all do."""
    source, sink = pair(lab)
    writer = start_io(source.host, source.opened("w"), "await=/tmp/tried,30000", "close")
    source.wait_state("open")
    before = values(source)
    tried = {"in_hopid": 11, "out_hopid": 11, "ring_size": 64, "throttling": 0, "busy_poll": 1,
             "linger": 1}
    for name, value in tried.items():
        assert source.try_set(name, value) == "EBUSY", name
    assert values(source) == before
    source.host.run("touch /tmp/tried")
    reader = start_io(sink.host, sink.opened("r"), "read=eof")
    good(steps(writer.wait(10)))
    good(steps(reader.wait(10)))
    source.host.run("rm /tmp/tried")
    source.host.wait_until(f"echo 64 > {source.directory}/ring_size", 10)
    source.set(**tried)
    assert values(source) == {name: str(value) for name, value in tried.items()}


def test_stream_names(lab: Lab) -> None:
    """A name has 1 to 8 printable ASCII characters."""
    alpha, _ = prepare(lab)
    base = f"{CONFIGFS}/{NOBODY}"
    alpha.run(f"mkdir {base}")
    for name in ("a", "12345678", "a b", "~!@#$%^&", ".x"):
        good(io(alpha, f"mkdir={base}/{name}", f"rmdir={base}/{name}"))
    for name, error in (("123456789", "ENAMETOOLONG"), ("x" * 255, "ENAMETOOLONG"),
                        ("na\u00efve", "EINVAL"), ("\u00e4", "EINVAL"), ("a\tb", "EINVAL"),
                        ("a\nb", "EINVAL"), ("\x7f", "EINVAL"), ("\x01", "EINVAL")):
        got = io(alpha, f"mkdir={base}/{name}")[0]["errno"]
        assert got == error, f"{name!r}: expected {error}, got {got}"
    assert alpha.run(f"ls {base}").stdout == ""
    good(io(alpha, f"mkdir={base}/once"))
    assert errnos(io(alpha, f"mkdir={base}/once")) == ["EEXIST"]


def test_service_names(lab: Lab) -> None:
    """A service is a sysfs name as the kernel spells it, or a UUID."""
    alpha, _ = prepare(lab)
    for name in ("0-1.0", "0-503.0", "1-1.12", "0-ffffffffffffffff.1", NOBODY,
                 "ABCDEF01-2345-6789-abcd-ef0123456789"):
        good(io(alpha, f"mkdir={CONFIGFS}/{name}", f"rmdir={CONFIGFS}/{name}"))
    for name in ("0-1", "0-1.", "0-1.0x", "0-1.0 ", " 0-1.0", "0-01.0", "00-1.0", "0-0x1.0", "-1",
                 "0-1.-1", "+0-1.0", "0-1.0.0", "x", "stream", NOBODY[:-1], NOBODY[:-1] + "g",
                 NOBODY + "x", NOBODY.replace("-", "x"), "0-1.0\n"):
        got = io(alpha, f"mkdir={CONFIGFS}/{name}")[0]["errno"]
        assert got == "EINVAL", f"{name!r}: expected EINVAL, got {got}"
    assert errnos(io(alpha, f"mkdir={CONFIGFS}/{'0' * 48}-1.0")) == ["ENAMETOOLONG"]
    assert alpha.run(f"ls {CONFIGFS}").stdout == ""


def test_index_is_the_lowest_free_number(lab: Lab) -> None:
    """`index` names the device, and is free again after rmdir."""
    alpha, _ = prepare(lab)
    first, second, third = (nowhere(alpha) for _ in range(3))
    assert [s.index for s in (first, second, third)] == [0, 1, 2]
    second.remove()
    alpha.run("test ! -e /dev/tbstream1")
    assert nowhere(alpha).index == 1


def test_announced_sequence(lab: Lab) -> None:
    """mkdir -p, echo -1 twice on one side; mkdir -p on the other; rmdir -p."""
    alpha, beta = prepare(lab)
    here = f"{alpha.service()}/demo"
    there = f"{beta.service()}/demo"
    alpha.run(f"cd /sys/kernel/config/thunderbolt/stream && mkdir -p {here}"
              f" && echo -1 > {here}/in_hopid && echo -1 > {here}/out_hopid")
    beta.run(f"mkdir -p {CONFIGFS}/{there}")
    beta.wait_until(f"cat {CONFIGFS}/{there}/*hopid; [ $(cat {CONFIGFS}/{there}/in_hopid) != 0 ]",
                    10, "HopIDs adopted")
    device = "/dev/tbstream$(cat {}/index)"
    reader = beta.start("cat " + device.format(f"{CONFIGFS}/{there}"))
    alpha.run("echo hello > " + device.format(f"{CONFIGFS}/{here}"))
    assert reader.wait(10).stdout == "hello\n"
    for host, path in ((alpha, here), (beta, there)):
        host.run(f"cd /sys/kernel/config/thunderbolt/stream && rmdir -p {path}", timeout=5)
        assert host.run(f"ls {CONFIGFS}").stdout == ""
        host.run("test ! -e /dev/tbstream0")


def test_one_peer_by_two_names(lab: Lab) -> None:
    """A service name and a UUID may mean one peer; a stream's name counts once."""
    alpha, beta = prepare(lab)
    by_name = Stream(alpha, "one", alpha.service()).set(in_hopid=9, out_hopid=9)
    by_uuid = Stream(alpha, "two").set(in_hopid=10, out_hopid=10)
    again = Stream(alpha, "one")
    assert by_name.look("state") == by_uuid.look("state") == "closed"
    assert again.look("state") == "absent"
    there = [Stream(beta, name).set(in_hopid=hopid, out_hopid=hopid)
             for name, hopid in (("one", 9), ("two", 10))]
    check_transfer(by_name, there[0], 5000)
    check_transfer(by_uuid, there[1], 5000)


def test_many_streams(lab: Lab) -> None:
    """All streams that can be advertised reach the peer; one more is ENOSPC."""
    alpha, beta = prepare(lab)
    base = f"{CONFIGFS}/{alpha.peer_uuid()}"
    streams = [Stream(alpha, f"many{n}").set(in_hopid=-1, out_hopid=-1) for n in range(12)]
    assert errnos(io(alpha, f"mkdir={base}/onemore")) == ["ENOSPC"]
    peer = f"{CONFIGFS}/{beta.peer_uuid()}"
    beta.run(f"for n in $(seq 0 11); do mkdir -p {peer}/many$n; done")
    beta.wait_until(f"cd {peer} && cat */in_hopid && ! grep -qx 0 */in_hopid", 15,
                    "all twelve streams adopted")
    for stream in streams:
        theirs = (int(beta.read_file(f"{peer}/{stream.name}/out_hopid")),
                  int(beta.read_file(f"{peer}/{stream.name}/in_hopid")))
        assert stream.hopids() == theirs, f"{stream.name}: {stream.hopids()} against {theirs}"
    streams[3].remove()
    good(io(alpha, f"mkdir={base}/onemore"))


def test_configured_before_the_peer_is_there(lab: Lab) -> None:
    """mkdir and HopIDs before the other side has a driver are applied later."""
    alpha, beta = prepare(lab)
    uuid = alpha.peer_uuid()
    beta.run("rmmod thunderbolt_stream", timeout=10)
    alpha.wait_until("! grep -qx stream /sys/bus/thunderbolt/devices/*/key", 15)
    stream = Stream(alpha, "early", uuid).set(in_hopid=-1, out_hopid=11, ring_size=128)
    assert stream.look("state") == "absent" and stream.look("peer_uuid") == ""
    assert (stream.get("in_hopid"), stream.get("out_hopid")) == ("-1", "11")
    opener = start_io(alpha, stream.opened("r"), "read=eof")
    beta.run("modprobe thunderbolt_stream", timeout=20)
    for host in lab.hosts:
        host.wait_for_peer(30)
    there = Stream(beta, "early")
    done = good(io(beta, there.opened("w"), "write=1000", "close"))
    assert done[1]["ret"] == 1000
    assert good(steps(opener.wait(15)))[1]["ret"] == 1000
    assert stream.hopids() == tuple(reversed(there.hopids()))
    assert stream.hopids()[1] == 11 and stream.get("ring_size") == "128"
