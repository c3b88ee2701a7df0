# SPDX-License-Identifier: GPL-2.0-only
"""The driver: a peer that says and sends whatever it likes.

Who is who stands in hostile.py. What the Thunderbolt core itself does not survive
is left out: a block of one word, and directories that contain themselves more than
once.
"""

import random
from typing import Callable

import pytest

from lab import Lab, ScriptedHost, xdomain
from lab.host import SYSFS
from lab.xdomain import (DISCOVERY, Data, Directory, Entry, Property, Text, Value,
                         host_properties, packet, property_block, stream, stream_service)
from tests.support import hostile
from tests.support.hostile import (HOPID, MALLORY, all_is_well, good_peer_works, got, hostile_stream,
                           parties, peer, publish, start_reader, wait_read)
from tests.support.streams import Stream

pytestmark = pytest.mark.lab(hostile.HOSTILE)

START, DATA, CLOSE = 1, 2, 3            # PDFs
UNKNOWN_PROTOCOL = "11111111-2222-3333-4444-555555555555"


# Properties -----------------------------------------------------------

def test_scripted_peer_is_a_peer(lab: Lab) -> None:
    """When mallory behaves, data arrives both ways, with an EOF at the end."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    reader = start_reader(alpha, evil)
    mallory.send_frame(HOPID, b"one ")
    mallory.send_frame(HOPID, b"two")
    mallory.send_frame(HOPID, eof=CLOSE, size=256)
    result = reader.wait(20)
    assert (result.code, got(alpha)) == (0, b"one two"), result
    mallory.accept(HOPID)
    mallory.frames()
    alpha.run(f"printf hello > {evil.device}", timeout=20)
    frames = mallory.frames()
    assert [(frame.sof, frame.eof) for frame in frames] == [(START, DATA), (START, CLOSE)], frames
    assert frames[0].data == b"hello" and len(frames[1].data) == 256, frames
    all_is_well(lab, evil)


def _malformed() -> dict[str, list[int]]:
    good = host_properties(stream_service(stream(b"evil", HOPID, HOPID)))
    noise = random.Random(1)
    return {
        "no magic number": [0] + good[1:],
        "longer than it is": [good[0], 0xffff] + good[2:],
        "as long as can be said": [good[0], 0xffffffff] + good[2:],
        "nothing in it": property_block(),
        "noise": [noise.getrandbits(32) for _ in range(499)],
        "noise behind a head": [good[0], 496] + [noise.getrandbits(32) for _ in range(498)],
        "cut off": good[:len(good) - 20],
        "a text beyond the end": property_block(Entry(b"deviceid", "t", 4, 0x7fff)),
        "a text that wraps around": property_block(Entry(b"deviceid", "t", 8, 0xfffffffe)),
        "a text without length": property_block(Entry(b"deviceid", "t", 0, 0)),
        "a number of two words": property_block(Entry(b"deviceid", "v", 2, 1)),
        "a directory too short": property_block(Entry(b"stream", "D", 3, 0)),
        "a directory that contains itself": property_block(Entry(b"stream", "D", 8, 0)),
        "directories ten deep": property_block(_nested(10)),
        "a type nobody knows": host_properties(Entry(b"stream", "?", 5, 0x12345678)),
    }


def _nested(depth: int) -> Directory:
    return Directory(b"stream", (_nested(depth - 1),) if depth else (Value(b"end", 1),))


def test_malformed_properties(lab: Lab) -> None:
    """Blocks that are no property blocks do no harm, and a good one helps."""
    alpha, mallory = parties(lab)
    for block in _malformed().values():
        publish(alpha, mallory, block)
    all_is_well(lab, hostile_stream(alpha, mallory))


def test_huge_properties(lab: Lab) -> None:
    """Neither do blocks over the limit, or that end before they say."""
    alpha, mallory = parties(lab)
    good = host_properties(stream_service(stream(b"evil", HOPID, HOPID)))
    for block, length in ((good, 501), (good, 0xffff), (good, 500), ([0x55584401] * 2000, 2000)):
        publish(alpha, mallory, block, length)
    all_is_well(lab, hostile_stream(alpha, mallory))


def test_empty_properties(lab: Lab) -> None:
    """A block of no words keeps the core asking for more until there is no
    answer; then it reads the next one."""
    alpha, mallory = parties(lab)
    publish(alpha, mallory, [], length=0)
    good_peer_works(lab)
    mallory.answer("none")
    mallory.set_properties(host_properties(stream_service()), notify=False)
    mallory.answer("all")
    all_is_well(lab, hostile_stream(alpha, mallory))


def test_properties_that_change(lab: Lab) -> None:
    """Properties that differ with each reading, or within one, do no harm."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    versions = [host_properties(stream_service(stream(b"evil", hopid, hopid + 1),
                                               *(stream(b"x%d" % i, 20, 20) for i in range(more))))
                for hopid, more in ((10, 0), (12, 9), (0, 3), (22, 12))]
    for each in ("reading", "request"):
        mallory.alternate_properties(*versions, each=each)
        for _ in range(4):
            wait_read(mallory)
            evil.get("in_hopid")
            evil.look("state")
    all_is_well(lab, evil)


def _contradictions(key: bytes, hopid: int) -> list[list[Property]]:
    """What mallory may say of a stream with this name, which would be good with this
    HopID: each is what follows the four standard numbers of the service "stream"."""
    def it(*entries: Property) -> Directory:
        return Directory(key, entries)

    both = (Value(b"inhopid", hopid), Value(b"outhopid", hopid))
    cases: list[list[Property]] = [
        [],
        [it()],
        [it(Value(b"inhopid", hopid))],
        [it(Text(b"inhopid", b"10"), Text(b"outhopid", b"10"))],
        [it(Data(b"inhopid", (10,)), Data(b"outhopid", (10,)))],
        [it(Directory(b"inhopid", both), Directory(b"outhopid", both))],
        [it(*both, Value(b"inhopid", 15), Value(b"outhopid", 16))],
        [it(*both), it(Value(b"inhopid", 15), Value(b"outhopid", 16))],
        [Value(key, 10)],
        [it(*both, Data(b"tbspeer", (1,)))],                    # for a host of no bytes
        [it(*both, Data(b"tbspeer", (1, 2, 3, 4)))],            # for another host
        [it(*both, Value(b"tbspeer", 5))],                      # for a number
        [it(*both, Value(b"tbsauto", 0xffffffff))],
        [stream(name, 11, 11) for name in
         (b"", b"\1\2\3", b"a/b", b"..", b"a\nb", b"\xff" * 8, key.ljust(8))],
        [it(*both, Directory(key, both))],
    ]
    for wrong in (0, 1, 7, 8, 24, 2047, 2048, 0x7fffffff, 0x80000000, 0xffffffff):
        cases += [[stream(key, wrong, wrong)], [stream(key, wrong, hopid)]]
    return cases


def test_contradictory_streams(lab: Lab) -> None:
    """Streams that cannot be: nothing is adopted that is no HopID, and what the
    user has chosen stays."""
    alpha, mallory = parties(lab)
    mallory_uuid = peer(alpha, MALLORY)
    manual = Stream(alpha, "manual", mallory_uuid).set(in_hopid=8, out_hopid=23)
    # Mallory says a different thing of each at a time, because it is read once per second.
    adopts = [Stream(alpha, f"evil{number}", mallory_uuid) for number in range(6)]
    cases = [_contradictions(one.name.encode(), 10 + number) for number, one in enumerate(adopts)]
    for at in range(0, len(cases[0]), len(adopts)):
        said = [case for number, each in enumerate(cases)
                for case in each[at + number:at + number + 1]]
        publish(alpha, mallory,
                host_properties(stream_service(*(entry for case in said for entry in case))))
        for one in adopts:
            adopted = one.hopids()
            assert all(hopid == 0 or 8 <= hopid <= 23 for hopid in adopted), f"{said}: {adopted}"
        assert manual.hopids() == (8, 23), f"{said}: {manual.hopids()}"
        alpha.run("\n".join(f"timeout 1 dd if={one.device} iflag=nonblock bs=1 count=1"
                            for one in adopts), check=False)
    for one in (*adopts, manual):
        one.remove()
    all_is_well(lab)
    all_is_well(lab, hostile_stream(alpha, mallory))


def test_contradictory_services(lab: Lab) -> None:
    """Services that are missing, twice, of another protocol, or no directories
    come and go, and leave nothing behind."""
    alpha, mallory = parties(lab)
    evil = stream(b"evil", HOPID, HOPID)
    services: list[list] = [
        [], [Value(b"stream", 1)], [Text(b"stream", b"stream")], [Directory(b"stream", ())],
        [stream_service(evil), stream_service(evil)],
        [Directory(b"stream", (Value(b"prtcid", 2), evil))],
        [Directory(b"stream", (Text(b"prtcid", b"one"), evil))],
        [stream_service(evil, key=b"STREAM")], [stream_service(evil, key=b"stream\n")],
        [stream_service(evil, key=bytes([65 + i, 7])) for i in range(10)],
    ]
    stream_ = Stream(alpha, "evil", peer(alpha, MALLORY)).set(in_hopid=HOPID, out_hopid=HOPID)
    for service in services:
        publish(alpha, mallory, host_properties(*service))
        stream_.look("state")
        publish(alpha, mallory, host_properties(stream_service(evil)))
    stream_.wait_state("closed", 20)
    all_is_well(lab, stream_)


def test_unmirrored_stream_cannot_be_opened(lab: Lab) -> None:
    """HopIDs that do not match are an error of open(), not a silence."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    publish(alpha, mallory, host_properties(stream_service(stream(b"evil", 15, 16))))
    result = alpha.run(f"timeout 20 cat {evil.device}", check=False, timeout=30)
    assert result.code == 1 and "rotocol" in result.stderr, result
    all_is_well(lab, evil)


# Frames ---------------------------------------------------------------

def attack_reader(lab: Lab, attack: Callable[[ScriptedHost], None], lossy: bytes = b"") -> None:
    """A reader gets what was sent as data, or the beginning of it; then an end
    or an error. `lossy` is what the attacker sends in a way that loses it. What the
    attack leaves behind are sessions of their own, and after them a new one works."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    mallory.accept(HOPID, "discard")
    reader = start_reader(alpha, evil)
    mallory.send_frame(HOPID, b"begin ")
    attack(mallory)
    mallory.send_frame(HOPID, b"end")
    mallory.send_frame(HOPID, eof=CLOSE, size=256)
    result = reader.wait(30)
    data = got(alpha).replace(lossy, b"") if lossy else got(alpha)
    whole = b"begin end"
    assert whole.startswith(data), f"expected a part of {whole!r}, got {data!r}"
    assert data == whole or result.code != 0, f"a part of the data, and no error: {data!r}"
    for _ in range(5):
        reader = start_reader(alpha, evil)
        mallory.send_frame(HOPID, b"again")
        mallory.send_frame(HOPID, eof=CLOSE, size=256)
        result = reader.wait(20)
        if (result.code, got(alpha)) == (0, b"again"):
            break
        assert got(alpha) in whole, f"expected a part of {whole!r}, got {got(alpha)!r}"
    else:
        raise AssertionError("expected a new session to work")
    mallory.stop()
    all_is_well(lab, evil)


def test_frames_with_wrong_pdfs(lab: Lab) -> None:
    """Frames that are neither data nor an end are not taken for them."""
    def attack(mallory: ScriptedHost) -> None:
        for sof in (0, 2, 3, 4, 7):
            mallory.send_frame(HOPID, b"wrong", sof=sof)
        for eof in (0, 1, 4, 8, 15):
            mallory.send_frame(HOPID, b"wrong", eof=eof)
        mallory.wait_sent()
    attack_reader(lab, attack)


def test_frames_with_errors(lab: Lab) -> None:
    """Damaged frames end the session with an error, whatever is in them."""
    def attack(mallory: ScriptedHost) -> None:
        mallory.send_frame(HOPID, b"bad", flags="crc,overrun")
        mallory.send_frame(HOPID, b"bad", eof=CLOSE, flags="crc")
    attack_reader(lab, attack)


def test_frames_on_other_hopids(lab: Lab) -> None:
    """Frames for nobody reach nobody."""
    def attack(mallory: ScriptedHost) -> None:
        for hopid in (1, 7, 8, 9, 11, 23, 24, 2047):
            mallory.send_frame(hopid, b"wrong", count=20, credits_ignored=True)
        mallory.wait_sent()
    attack_reader(lab, attack)


def test_frames_that_ignore_flow_control(lab: Lab) -> None:
    """Frames beyond the credits are lost where they are too many, as the sender
    has asked for; what arrives is what was sent."""
    def attack(mallory: ScriptedHost) -> None:
        mallory.send_frame(HOPID, b"x", count=3000, credits_ignored=True)
        mallory.wait_sent()
    attack_reader(lab, attack, lossy=b"x")


def close_of(lab: Lab, size: int, fill: int) -> None:
    """A reader that gets an end of this size gets an end or an error."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    reader = start_reader(alpha, evil)
    mallory.send_frame(HOPID, b"data")
    mallory.send_frame(HOPID, eof=CLOSE, size=size, fill=fill)
    reader.wait(20)
    assert b"data".startswith(got(alpha)), got(alpha)
    all_is_well(lab, evil)


def test_close_of_one_byte(lab: Lab) -> None:
    """A CLOSE that is too short is no data."""
    close_of(lab, 1, 0)


def test_close_of_a_whole_frame(lab: Lab) -> None:
    """A CLOSE that is too long is no data."""
    close_of(lab, 4096, 0xff)


def test_frames_before_and_after(lab: Lab) -> None:
    """Frames that come before anybody reads, after the end, and while the
    tunnel goes down belong to nobody, or to the next session."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    mallory.accept(HOPID, "discard")
    mallory.send_frame(HOPID, b"early", count=500)
    for _ in range(5):
        result = alpha.run(f"timeout 2 cat {evil.device} > /tmp/got", check=False, timeout=20)
        assert result.code in (0, 1, 124), result
        assert set(got(alpha)) <= set(b"early"), got(alpha)[:100]
        mallory.send_frame(HOPID, eof=CLOSE, size=256)
        mallory.send_frame(HOPID, b"early", count=50, credits_ignored=True)
    mallory.stop()
    all_is_well(lab, evil)


def test_flood_of_frames(lab: Lab) -> None:
    """A peer that fills every buffer blocks nobody else, and rmdir ends it."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    sleeper = alpha.start(f"exec sleep 1000 < {evil.device}")
    evil.wait_state("open", 20)
    for eof in (DATA, CLOSE):
        mallory.send_frame(HOPID, size=4096, eof=eof, count=100000)
    good_peer_works(lab)
    sleeper.kill()
    sleeper.wait(20)
    mallory.stop()
    all_is_well(lab, evil)


# Packets --------------------------------------------------------------

def _packets() -> list[tuple[list[int], int]]:
    """Packets that make no sense, and their PDFs."""
    words = [packet(DISCOVERY, kind, [0] * 9) for kind in (*range(0, 20), 0xffffffff)]
    words += [packet(DISCOVERY, kind) for kind in (3, 5, 12, 15, 17)]           # too short
    words += [packet(UNKNOWN_PROTOCOL, kind, range(kind)) for kind in range(0, 40, 7)]
    words += [packet(DISCOVERY, 3, [0] * 9, length=length) for length in (0, 1, 5, 63)]
    words += [packet(DISCOVERY, 12, route=route) for route in (0, 2, 3, 0x101, 0x3f << 32)]
    words += [packet(DISCOVERY, 12)[:size] for size in (1, 2, 3, 4, 7)]
    words += [packet(DISCOVERY, 4, [0xffffffff] * 52)]
    return [(one, pdf) for one in words for pdf in (xdomain.REQUEST, xdomain.RESPONSE)]


def test_packets_without_sense(lab: Lab) -> None:
    """Control packets of every wrong kind do no harm."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    reader = start_reader(alpha, evil)
    for words, pdf in _packets():
        mallory.send_packet(words, pdf)
        mallory.wait_sent()
    for data in (b"\0", b"\xff" * 3, b"\x80\0\0\0" * 5, b"\xff" * 256):
        mallory.send_bytes(data)
    mallory.wait_sent()
    mallory.send_frame(HOPID, b"data")
    mallory.send_frame(HOPID, eof=CLOSE, size=256)
    result = reader.wait(20)
    assert (result.code, got(alpha)) == (0, b"data"), result
    all_is_well(lab, evil)


def test_flood_of_packets(lab: Lab) -> None:
    """Floods of packets slow the victim down at most; it goes on to talk to
    others, and to mallory when the flood is over."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    floods = [packet(UNKNOWN_PROTOCOL, 1, [0] * 40), packet(DISCOVERY, xdomain.UUID_REQUEST),
              packet(DISCOVERY, 99)]
    for words in floods:
        mallory.send_packet(words, count=1500)
    for words in floods:
        mallory.send_packet(words, xdomain.RESPONSE, count=500)
    good_peer_works(lab)
    mallory.wait_sent(60)
    reader = start_reader(alpha, evil)
    mallory.send_frame(HOPID, b"data")
    mallory.send_frame(HOPID, eof=CLOSE, size=256)
    result = reader.wait(20)
    assert (result.code, got(alpha)) == (0, b"data"), result
    all_is_well(lab, evil)


# Presence -------------------------------------------------------------

def test_peer_that_is_somebody_else(lab: Lab) -> None:
    """A peer that changes its UUID while a stream is open: its reader gets an
    error, and the stream works when the old one is back."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    reader = start_reader(alpha, evil)
    mallory.set_uuid("01234567-89ab-cdef-0123-456789abcdef")
    lab.cable.unplug()
    assert reader.wait(20).code != 0
    lab.cable.plug()
    alpha.wait_until(f"grep -q 01234567 {SYSFS}/{MALLORY}/unique_id", 30, "the other peer")
    good_peer_works(lab)
    mallory.reset()
    lab.cable.unplug()
    alpha.wait_until(f"! test -e {SYSFS}/{MALLORY}", 20, "the other peer gone")
    lab.cable.plug()
    all_is_well(lab, hostile_stream(alpha, mallory))


def test_peer_that_never_answers(lab: Lab) -> None:
    """A peer that falls silent is waited for, and can still be unplugged."""
    alpha, mallory = parties(lab)
    evil = hostile_stream(alpha, mallory)
    mallory.answer("none")
    mallory.changed()
    lab.cable.unplug()
    alpha.wait_until(f"! test -e {SYSFS}/{MALLORY}", 20, "mallory gone")
    lab.cable.plug()
    good_peer_works(lab)
    result = alpha.run(f"timeout 2 cat {evil.device}", check=False, timeout=20)
    assert result.code == 124, result
    mallory.answer("all")
    evil.wait_state("closed", 60)
    all_is_well(lab, evil)
