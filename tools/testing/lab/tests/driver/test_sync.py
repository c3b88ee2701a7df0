# SPDX-License-Identifier: GPL-2.0-only
"""The driver: synchronous writes and what interrupts them, close() and O_DIRECT."""

import pytest

from lab import Lab
from lab.host import Process
from tests.support.streams import (OURS, Stream, blocked_in, check_transfer, good, io, pair, start_io,
                           steps)

pytestmark = pytest.mark.lab(OURS)

SIZE = 200 << 10                        # more than a ring of 32, less than two

# Writes SIZE bytes; a handler of SIGUSR1, with and without SA_RESTART
WRITER = """
import os, signal, sys
device, how, restart = sys.argv[1:]
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.siginterrupt(signal.SIGUSR1, restart != "restart")
data = bytes(range(256)) * {kib}
sync = 0 if how == "rwf" else os.O_DSYNC
out = os.open(device, os.O_WRONLY | sync)
if how == "write":
    count = os.write(out, data)
elif how == "rwf":
    count = os.pwritev(out, [data], -1, os.RWF_DSYNC)
else:
    source = os.memfd_create("data")
    os.write(source, data)
    count = 0
    while count < len(data):
        count += os.sendfile(out, source, count, len(data) - count)
os.close(out)
print(count)
"""


def late_reader(sink: Stream, command: str) -> Process:
    """Open the device now, and let a command read it when /tmp/go is there."""
    return sink.host.start(f"exec 3< {sink.device}; until [ -e /tmp/go ]; do sleep 0.05; done;"
                           f" rm /tmp/go; {command} <&3")


def test_interrupted_write_is_sent_once(lab: Lab) -> None:
    """A signal while a synchronous write waits for the peer repeats no byte."""
    source, sink = pair(lab, ring_size=32)
    source.host.write_file("/tmp/writer.py", WRITER.format(kib=SIZE // 256))
    for how in ("write", "rwf", "sendfile"):
        for restart in ("restart", "interrupt"):
            reader = late_reader(sink, "md5sum")
            writer = source.host.start(f"exec python3 /tmp/writer.py {source.device} {how} {restart}")
            for sig in ("USR1", "STOP", "CONT", "USR1"):
                source.host.wait_until(f"grep -qE 'tbstream_(confirm|flush)' /proc/{writer.pid}/stack"
                                       f" || grep -q '^State:.T' /proc/{writer.pid}/status", 20)
                source.host.run(f"kill -{sig} {writer.pid}")
            sink.host.run("touch /tmp/go")
            wrote, got = writer.wait(20), reader.wait(20)
            assert wrote.stdout.strip() == str(SIZE), (how, restart, wrote)
            whole = source.host.run(f"python3 -c 'import os; os.write(1, bytes(range(256)) *"
                                    f" {SIZE // 256})' | md5sum").stdout
            assert got.stdout == whole, (how, restart, sink.count("rx_bytes"), got)
    source.host.run("rm /tmp/writer.py")


def test_nonblocking_synchronous_write_does_not_sleep(lab: Lab) -> None:
    """With O_NONBLOCK what fits is accepted; fsync is what waits."""
    source, sink = pair(lab, ring_size=32)
    reader = start_io(sink.host, sink.opened("r"), "await=/tmp/go,60000", "read=eof", "close")
    writer = start_io(source.host, source.opened("w,sync,nonblock"), "poll=out,20000",
                      "write1=100000", "touch=/tmp/written", "fsync", "close")
    source.host.wait_until("test -e /tmp/written", 10)
    sink.host.run("touch /tmp/go")
    done = good(steps(writer.wait(10)))
    assert 0 < done[2]["ret"] <= 100000, done
    assert good(steps(reader.wait(10)))[2]["ret"] == done[2]["ret"]
    sink.host.run("rm /tmp/go")
    source.host.run("rm /tmp/written")


def test_close_tells_the_truth_while_the_file_is_looked_at(lab: Lab) -> None:
    """close() waits for the bytes although another reference comes and goes."""
    source, sink = pair(lab, ring_size=32)
    reader = late_reader(sink, "wc -c")
    # As with lsof or epoll_wait() in another thread: there is another reference.
    source.host.write_file("/tmp/closes.py", "import os\n"
                           f"out = os.open('{source.device}', os.O_WRONLY)\n"
                           f"os.write(out, bytes({SIZE}))\n"
                           "copy = os.dup(out)\n"
                           "os.close(out)\n"
                           "open('/tmp/closed', 'w')\n"
                           "os.close(copy)\n")
    writer = source.host.start("exec python3 /tmp/closes.py")
    source.host.wait_until(blocked_in(writer, "tbstream_flush"), 10)
    source.host.run("! test -e /tmp/closed")
    sink.host.run("touch /tmp/go")
    result = writer.wait(10)
    assert result.code == 0, result
    assert reader.wait(10).stdout.strip() == str(SIZE)
    source.host.run("rm /tmp/closes.py /tmp/closed")


def test_a_child_that_inherited_the_file_closes_it_at_once(lab: Lab) -> None:
    """Only the task that wrote waits: a program it starts does not."""
    source, sink = pair(lab, ring_size=32)
    reader = late_reader(sink, "wc -c")
    writer = source.host.start("exec python3 -c '\n"
                               "import os, subprocess\n"
                               f"out = os.open(\"{source.device}\", os.O_WRONLY)\n"
                               f"os.write(out, bytes({SIZE}))\n"
                               "subprocess.run([\"touch\", \"/tmp/ran\"], close_fds=True)\n"
                               "os.close(out)'")
    source.host.wait_until("test -e /tmp/ran", 10)
    sink.host.run("touch /tmp/go")
    result = writer.wait(10)
    assert result.code == 0, result
    assert reader.wait(10).stdout.strip() == str(SIZE)
    source.host.run("rm /tmp/ran")


def test_a_small_write_does_not_wait_for_a_large_one(lab: Lab) -> None:
    """While one writer has much left, another gets its turn."""
    source, sink = pair(lab, ring_size=32)
    reader = late_reader(sink, "sh -c 'head -c 4M > /dev/null; until [ -e /tmp/go ]; do sleep 0.05;"
                               " done; rm /tmp/go; wc -c'")
    large = source.host.start(f"dd if=/dev/zero of={source.device} bs=64M count=1 status=none")
    full = f"tbstream_io {source.opened('w,nonblock')} poll=out,0 | grep -F '\"events\": []'"
    source.host.wait_until(full, 10)
    small = start_io(source.host, source.opened("w"), "write1=5", "touch=/tmp/wrote", "close")
    sink.host.run("touch /tmp/go")
    source.host.wait_until("test -e /tmp/wrote", 20)
    assert large.poll() is None, "the large write was over before the small one"
    sink.host.run("touch /tmp/go")
    good(steps(small.wait(30)))
    assert large.wait(60).code == 0
    assert reader.wait(20).stdout.strip() == str((60 << 20) + 5)
    source.host.run("rm /tmp/wrote")


def test_o_direct(lab: Lab) -> None:
    """dd with direct on both sides works."""
    source, sink = pair(lab)
    reader = sink.host.start(f"dd if={sink.device} bs=64k iflag=direct status=none | wc -c")
    source.host.run(f"dd if=/dev/zero of={source.device} bs=64k count=8 oflag=direct status=none")
    assert reader.wait(10).stdout.strip() == str(8 << 16)
    check_transfer(source, sink, 100)


def test_an_empty_buffer_in_a_pipe_sends_nothing(lab: Lab) -> None:
    """A failed write to a pipe leaves a buffer without a byte: splice goes past it."""
    source, sink = pair(lab)
    source.host.write_file("/tmp/empty.py", f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
out = os.open("{source.device}", os.O_WRONLY)
r, w = os.pipe()
small = ctypes.create_string_buffer(b"b" * 300, 300)
piece = (ctypes.c_size_t * 2)(ctypes.addressof(small), 300)
for tail in (4096, 300):
    os.write(w, b"a" * 100)
    assert libc.write(w, ctypes.c_void_p(8), 4096) == -1, "the bad address was good"
    if tail == 4096:
        os.write(w, b"b" * tail)
    else:
        # It does not go into the empty buffer, but behind it
        assert libc.vmsplice(w, ctypes.byref(piece), 1, 0) == tail
    left = 100 + tail
    while left:
        left -= os.splice(r, out, left)
os.close(out)
""")
    reader = sink.host.start(f"md5sum < {sink.device}")
    source.host.run("python3 /tmp/empty.py && rm /tmp/empty.py")
    expected = source.host.run("python3 -c 'print(\"a\" * 100 + \"b\" * 4096 + \"a\" * 100 +"
                               " \"b\" * 300, end=\"\")' | md5sum").stdout
    assert reader.wait(10).stdout == expected
