# SPDX-License-Identifier: GPL-2.0-only
"""The driver: a peer that says whatever it likes in control messages.

Who is who stands in hostile.py. Around each attack the good peer's stream goes on, and
when it is over, the right conversation with mallory does."""

import time
from dataclasses import replace
from typing import Any

import pytest

from lab import Lab, LabFailure, xdomain
from lab.host import Process
from lab.xdomain import packet
from tests.support import hostile
from tests.support.fake_peer import (ASK, BROKEN, COMPLETE, ENDED, JOINED, PAUSED, READY, STATUS,
                                STOPPED, Conversation, Message)
from tests.support.hostile import (BETA, HOPID, all_is_well, conversation, good_stream_goes_on, got,
                           own_uuid, parties, peer, start_reader)
from tests.support.streams import CONTROL, NOBODY, Stream, errnos, start_io, steps, trace_tunnels

pytestmark = pytest.mark.lab(hostile.HOSTILE)

ALL_BITS = 0xffffffff


def right_conversation(lab: Lab, evil: Stream, mallory: Conversation) -> None:
    """A session each way, complete and confirmed."""
    alpha = lab.hosts[0]
    reader = start_reader(alpha, evil)
    mallory.meet_reader()
    mallory.send(b"one ", b"two")
    result = reader.wait(20)
    assert (result.code, got(alpha)) == (0, b"one two"), result
    finish_writer(lab, start_writer(lab, evil, mallory), mallory)


def start_writer(lab: Lab, evil: Stream, mallory: Conversation, got: int = 5) -> Process:
    """A writer that has sent five bytes, of which mallory has got so many, and that closes
    when told so."""
    alpha = lab.hosts[0]
    alpha.run("rm -f /tmp/wrote /tmp/close")
    mallory.host.accept(HOPID, "discard")
    writer = start_io(alpha, evil.opened("w"), "write=5", "touch=/tmp/wrote",
                      "await=/tmp/close,60000", "write=1", "close")
    mallory.meet_writer()
    mallory.hear(lambda m: m.tx_bytes == 5, "that five bytes were sent")
    mallory.now(rx_bytes=got)
    alpha.wait_until("test -e /tmp/wrote", 10)
    return writer


def end_writer(lab: Lab, writer: Process) -> list[str | None]:
    """What one more write and close say."""
    alpha = lab.hosts[0]
    alpha.run("touch /tmp/close")
    said = errnos(steps(writer.wait(20)))
    assert said[:4] == [None] * 4, said
    return said[4:]


def finish_writer(lab: Lab, writer: Process, mallory: Conversation) -> None:
    """Its session comes to its end, and is confirmed."""
    lab.hosts[0].run("touch /tmp/close")
    mallory.hear(lambda m: bool(m.flags & ENDED) and m.tx_bytes == 6, "the end of six bytes")
    mallory.confirm()
    said = end_writer(lab, writer)
    assert said == [None, None], said


def answered(mallory: Conversation, more: int = 0, **changes: Any) -> None:
    """Ask, with so many words behind those that are known, and get an answer."""
    question = mallory.message(**changes)
    mallory.host.send_packet(packet(CONTROL, STATUS, question.body() + [ALL_BITS] * more))
    mallory.hear(lambda m: m.ack - question.seq & ALL_BITS < 1 << 31, f"an answer to {question}")


# Messages without sense -----------------------------------------------

def _senseless(lab: Lab, mallory: Conversation) -> list[list[int]]:
    """Packets of our protocol that are no messages, not for alpha, not of mallory, not
    of this stream, or old; each says that everything is over."""
    over = {"flags": STOPPED | BROKEN | JOINED | PAUSED, "rx_session": 77, "rx_bytes": 1 << 63,
            "tx_session": 78, "tx_bytes": 1 << 62, "tunnel": 0}
    message = mallory.message(**over)
    body = message.body()
    beta = peer(lab.hosts[0], BETA)

    words = [packet(CONTROL, STATUS, body[:size]) for size in range(len(body))]
    words += [packet(CONTROL, kind, body) for kind in (0, 2, 0x80000000, ALL_BITS)]
    words += [message.packet(length=length) for length in (0, 1, 5)]
    words += [message.packet(route=route) for route in (0, 2, 3, 0x101, 0x3f << 32)]
    wrong: list[dict[str, Any]] = [
        {"version": 0}, {"name": b""}, {"name": b"\xff" * 8}, {"name": b"evil    "},
        {"name": b"evi"}, {"name": b"\0evil"},
        *({"sender": who} for who in (NOBODY, own_uuid(lab), beta)),
        *({"receiver": who} for who in (NOBODY, mallory.own.sender, beta)),
    ]
    words += [mallory.message(**{**over, **lie}).packet() for lie in wrong]
    # Late ones: their numbers are behind that of one that was heard
    now = mallory.own.seq
    words += [mallory.message(**{**over, "seq": now - behind & ALL_BITS}).packet()
              for behind in (0x7fffff00, 1 << 16, 1000)]
    return words


def test_control_messages_without_sense(lab: Lab) -> None:
    """What is no message for this stream changes nothing in a session."""
    alpha, mallory = parties(lab)
    evil, talk = conversation(lab)
    reader = start_reader(alpha, evil)
    talk.meet_reader()
    mallory.send_frame(HOPID, b"one ")
    with good_stream_goes_on(lab):
        for words in _senseless(lab, talk):
            for pdf in (xdomain.REQUEST, xdomain.RESPONSE):
                mallory.send_packet(words, pdf)
                mallory.wait_sent()
    mallory.send_frame(HOPID, b"two")
    talk.end(2, 7)
    result = reader.wait(20)
    assert (result.code, got(alpha)) == (0, b"one two"), result
    right_conversation(lab, evil, talk)
    all_is_well(lab, evil)


def test_longer_and_later_messages(lab: Lab) -> None:
    """A message of a later version, with words behind those that are known, and flags
    and bytes behind the name that nobody knows, says what it says."""
    alpha, _ = parties(lab)
    evil, talk = conversation(lab)
    reader = start_reader(alpha, evil)
    talk.meet_reader()
    answered(talk, more=20, version=ALL_BITS, name=b"evil\0\xffab",
             flags=talk.own.flags | ASK | 0xfffffe00)
    talk.send(b"data")
    result = reader.wait(20)
    assert (result.code, got(alpha)) == (0, b"data"), result
    all_is_well(lab, evil)


def test_reports_that_come_late_are_no_loss(lab: Lab) -> None:
    """For longer than a second come reports that are from before five bytes had arrived:
    they answer no later question, so nothing is lost."""
    evil, talk = conversation(lab)
    writer = start_writer(lab, evil, talk, got=0)
    assert talk.heard
    old, since = talk.heard.seq, time.monotonic()
    while time.monotonic() - since < 1.5:
        talk.say(ack=old)
        time.sleep(0.1)
    talk.own = replace(talk.own, rx_bytes=5)
    talk.listen()
    talk.say()
    finish_writer(lab, writer, talk)
    all_is_well(lab, evil)


# Contradictions -------------------------------------------------------

# What mallory says to a writer that has sent five bytes, and with which error its
# session may fail; None: it is not believed, or it does no harm.
FAILS = {"EIO", "EPIPE", "EPROTO", "ENXIO"}
CONTRADICTIONS: dict[str, tuple[dict[str, Any], set[str] | None]] = {
    "more than was sent": ({"rx_bytes": 6}, {"EIO"}),
    "more than can be": ({"rx_bytes": (1 << 64) - 1}, {"EIO"}),
    "less than before": ({"rx_bytes": 2}, None),
    "a reader who left, and bytes that were not sent": ({"flags": JOINED | STOPPED,
                                                         "rx_bytes": 9}, {"EIO"}),
    "everything at once": ({"flags": ALL_BITS & ~ASK}, FAILS),
    "the next session, but not complete": ({"rx_session": 1}, {"EIO"}),
    "a session far ahead": ({"rx_session": 1 << 30}, {"EIO"}),
    "complete before it has ended": ({"rx_session": 1, "flags": JOINED | COMPLETE}, {"EIO"}),
    "all of this, but not joined": ({"flags": STOPPED | BROKEN, "rx_bytes": 100,
                                     "rx_session": 5}, None),
    "sessions that it cannot send": ({"tx_session": 1 << 31, "tx_bytes": (1 << 64) - 1,
                                      "tx_wanted": (1 << 64) - 1, "flags": JOINED | READY | ENDED,
                                      "rx_bytes": 5}, None),
    "messages that were not sent": ({"ack": 0x12345678, "rx_bytes": 5}, None),
    "a tunnel that never was": ({"your_tunnel": 0x4711, "rx_bytes": 99}, None),
    "a tunnel for a moment gone": ({"tunnel": 0, "flags": PAUSED}, None),
    "a tunnel that is gone": ({"tunnel": 0}, FAILS),
    "HopIDs that cannot be": ({"in_hopid": 0xffff, "out_hopid": 0xffff}, FAILS),
    "another HopID": ({"in_hopid": HOPID + 1}, FAILS),
}


def contradict(lab: Lab, evil: Stream, mallory: Conversation, lie: dict[str, Any],
               errors: set[str] | None) -> None:
    """Say it to a writer, to whom nothing was confirmed where his session fails."""
    writer = start_writer(lab, evil, mallory, got=0)
    lie = {"flags": JOINED | READY, **lie}
    if "rx_session" in lie:
        lie["rx_session"] = mallory.own.rx_session + lie["rx_session"] & ALL_BITS
    if errors is None:
        mallory.say(rx_bytes=5)
    mallory.say(**lie)
    if errors is None:
        # The truth, and it goes on
        mallory.now(rx_bytes=5, flags=JOINED | READY)
        finish_writer(lab, writer, mallory)
        return
    mallory.own = replace(mallory.own, flags=JOINED, rx_bytes=0, tunnel=mallory.own.tunnel + 1)
    write, close = end_writer(lab, writer)
    assert close in errors and write in errors | {None}, (write, close)


def test_contradictory_control_messages(lab: Lab) -> None:
    """Reports that cannot be true fail the session that they are about, or are not
    believed; close says 0 only for what was confirmed."""
    evil, talk = conversation(lab)
    with good_stream_goes_on(lab):
        for name, (lie, errors) in CONTRADICTIONS.items():
            try:
                contradict(lab, evil, talk, lie, errors)
            except AssertionError as error:
                raise LabFailure(f"{name}, expected {errors or 'no error'}: {error}") from error
    right_conversation(lab, evil, talk)
    all_is_well(lab, evil)


# Streams that are not there -------------------------------------------

def test_stream_that_does_not_exist(lab: Lab) -> None:
    """Who asks for a stream that is not there is told that nobody is; who does not ask
    is not answered."""
    _, mallory = parties(lab)
    evil, talk = conversation(lab)
    with good_stream_goes_on(lab):
        for name in (b"none", b"evil    ", b"\xff" * 8, b"a/b\n"):
            for flags in (0, ASK):
                question = talk.message(name=name, flags=flags, tunnel=0x99 + flags)
                mallory.send_packet(question.packet())
            words = mallory.wait_packet(CONTROL).words
            answer = Message.of(words)
            assert answer.name == name.rstrip(b"\0") and answer.ack == question.seq, answer
            assert (answer.tunnel, answer.your_tunnel) == (0, question.tunnel), answer
            assert not answer.flags & ASK, answer
        assert not [p for p in mallory.packets() if p.is_of(CONTROL)]
    all_is_well(lab, evil)


# Floods ---------------------------------------------------------------

def test_flood_of_control_messages(lab: Lab) -> None:
    """A peer that asks as fast as it can gets no more than an answer to each question,
    and takes nothing from others."""
    alpha, mallory = parties(lab)
    evil, talk = conversation(lab)
    reader = start_reader(alpha, evil)
    talk.meet_reader()
    mallory.packets()
    lost = mallory.status()["packets_lost"]
    question = talk.message(flags=talk.own.flags | ASK)
    stranger = talk.message(name=b"none", flags=ASK)
    for words in (question.packet(), stranger.packet()):
        mallory.send_packet(words, count=1000)
        mallory.send_packet(words, xdomain.RESPONSE, count=300)
    with good_stream_goes_on(lab):
        pass
    mallory.wait_sent(60)
    answers = sum(one.is_of(CONTROL) for one in mallory.packets())
    answers += mallory.status()["packets_lost"] - lost
    assert 2 <= answers <= 2600, answers
    answered(talk, flags=talk.own.flags | ASK)
    talk.send(b"data")
    result = reader.wait(20)
    assert (result.code, got(alpha)) == (0, b"data"), result
    right_conversation(lab, evil, talk)
    all_is_well(lab, evil)


def test_module_goes_while_messages_are_under_way(lab: Lab) -> None:
    """The core looks at the driver's last message for longer than the driver is there:
    nothing comes of what arrives then, and the driver that is loaded next works."""
    alpha, mallory = parties(lab)
    for _ in range(3):
        evil, talk = conversation(lab)
        reader = start_reader(alpha, evil)
        talk.meet_reader()
        for pdf in (xdomain.REQUEST, xdomain.RESPONSE):
            mallory.send_packet(talk.message(flags=ASK).packet(), pdf, count=100000)
        reader.kill()
        reader.wait(20)
        evil.remove_all()
        alpha.wait_until("rmmod thunderbolt_stream", 20, "the module unloaded")
        mallory.stop()
        alpha.run("modprobe thunderbolt_stream", timeout=20)
        trace_tunnels(alpha)
    evil, talk = conversation(lab)
    right_conversation(lab, evil, talk)
    all_is_well(lab, evil)


# Plain peers ----------------------------------------------------------

def test_plain_peer_that_says_something(lab: Lab) -> None:
    """A peer that did not say that it knows control messages, and sends one: what was
    begun without sessions ends with an error, the next has them."""
    alpha, _ = parties(lab)
    evil, talk = conversation(lab, control=False)
    reader = start_reader(alpha, evil)
    evil.wait_state("open", 20)
    talk.say(tunnel=0, flags=0)
    talk.say(flags=ASK)
    assert reader.wait(20).code != 0 and got(alpha) == b""
    evil.wait_file("protocol", "sessions")
    right_conversation(lab, evil, talk)
    all_is_well(lab, evil)
