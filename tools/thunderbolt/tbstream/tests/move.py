# SPDX-License-Identifier: GPL-2.0-only
"""send, receive and monitor."""

import contextlib
import hashlib
import json
import os
import pty
import random
import select
import subprocess
import threading

from fake import GAMMA, Root

DATA = random.Random(1).randbytes(3 << 20)
SHA256 = hashlib.sha256(DATA).hexdigest()


class Pipe(Root):
    """A stream whose device is a FIFO in place of a cable."""

    def __init__(self, **state: str) -> None:
        super().__init__()
        self.host()
        self.stream(**state)
        self.write("sys/class/tbstream/tbstream0/dev", "0:0")
        os.mkfifo(self.path / "dev/tbstream0")
        self.device = self.path / "dev/tbstream0"
        self.file = self.path / "file"
        self.got = b""

    def reads(self) -> threading.Thread:
        """Somebody who reads the device to its end, into `got`."""
        def read() -> None:
            self.got = self.device.read_bytes()
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def writes(self, data: bytes = DATA) -> threading.Thread:
        """Somebody who writes to the device and closes it."""
        def write() -> None:
            with contextlib.suppress(BrokenPipeError):
                self.device.write_bytes(data)
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        return thread


def test_send_a_file() -> None:
    """All bytes arrive, and the report has their number and checksum."""
    with Pipe() as root:
        root.file.write_bytes(DATA)
        reader = root.reads()
        ended = root.run("send", "beta/backup", str(root.file))
        reader.join(30)
        assert root.got == DATA
        assert ended.stdout == "" and f"{len(DATA)} bytes (3.0 MiB) sent in" in ended.stderr, ended
        assert f"sha256 {SHA256}\n" in ended.stderr and "\033" not in ended.stderr, ended


def test_send_standard_input() -> None:
    """Without FILE, and with '-', what comes from a pipe is sent."""
    for words in ([], ["-"]):
        with Pipe() as root:
            reader = root.reads()
            source = subprocess.Popen(["printf", "hello"], stdout=subprocess.PIPE)
            root.run("send", "-q", "backup", *words, stdin=source.stdout)
            source.wait()
            reader.join(30)
            assert root.got == b"hello"


def test_receive_into_a_file() -> None:
    """The file is made, complete, and the report has the same checksum."""
    with Pipe() as root:
        writer = root.writes()
        row, = root.csv("receive", "backup", str(root.file))
        writer.join(30)
        assert root.file.read_bytes() == DATA
        assert list(row) == ["stream", "direction", "bytes", "seconds", "sha256"]
        assert (row["bytes"], row["sha256"]) == (str(len(DATA)), SHA256)
        assert row["direction"] == "received"


def test_receive_to_standard_output() -> None:
    """Bytes to standard output, the report to standard error."""
    with Pipe() as root:
        writer = root.writes(b"hello")
        ended = root.run("receive", "backup")
        writer.join(30)
        assert ended.stdout == "hello" and "5 bytes (5 B) received" in ended.stderr, ended


def test_nothing_at_all() -> None:
    """An empty transfer is a good one."""
    with Pipe() as root:
        writer = root.writes(b"")
        root.run("receive", "backup", str(root.file))
        writer.join(30)
        assert root.file.read_bytes() == b""
        reader = root.reads()
        ended = root.run("send", "backup")
        reader.join(30)
        assert "0 bytes (0 B) sent in 0.00 s" in ended.stderr, ended
        assert hashlib.sha256(b"").hexdigest() in ended.stderr, ended


def test_no_checksum() -> None:
    """-n leaves it out, -q everything."""
    with Pipe() as root:
        for words, report in ((["-n"], True), (["-q"], False)):
            writer = root.writes()
            ended = root.run("receive", "--force", *words, "backup", str(root.file))
            writer.join(30)
            assert "sha256" not in ended.stderr and ("received" in ended.stderr) == report, ended


def test_receive_does_not_overwrite() -> None:
    """A file that is there is kept, unless --force."""
    with Pipe() as root:
        root.file.write_bytes(b"precious and long")
        root.run("receive", "--force", "other", str(root.file), code=3)
        assert "--force" in root.run("receive", "backup", str(root.file), code=4).stderr
        assert root.file.read_bytes() == b"precious and long"
        writer = root.writes(b"new")
        root.run("receive", "-f", "backup", str(root.file))
        writer.join(30)
        assert root.file.read_bytes() == b"new"


def test_receive_leaves_no_empty_file() -> None:
    """A stream that is not there, or a device that is another one: FILE is not made."""
    with Pipe() as root:
        root.run("receive", "other", str(root.file), code=3)
        root.write("sys/class/tbstream/tbstream0/dev", "240:0")
        assert "but the stream is device 240:0" in root.run(
            "receive", "backup", str(root.file), code=4).stderr
        assert not root.file.exists()
        # A disk that is not there yet is no reason to fill the memory behind /dev
        assert "no device" in root.run("receive", "backup", "/dev/nonexistent", code=3).stderr


def test_receive_refuses_a_terminal() -> None:
    """Bytes go to a terminal only when '-' says so, and no report goes between them."""
    with Pipe() as root:
        ours, theirs = pty.openpty()
        try:
            assert "is a terminal" in root.run("receive", "backup", stdout=theirs, code=4).stderr
            assert "need a FILE" in root.run("--json", "receive", "backup", code=2).stderr
        finally:
            os.close(ours)
            os.close(theirs)


def test_source_that_cannot_be_read() -> None:
    """The device is not opened for a file that is not there; a directory is an error."""
    with Pipe() as root:
        assert "No such file" in root.run("send", "backup", "/nonexistent", code=1).stderr
        reader = root.reads()
        assert "Is a directory" in root.run("send", "backup", str(root.path), code=1).stderr
        reader.join(30)


def test_reader_that_goes_away() -> None:
    """Sending fails when nobody takes the bytes, and says so."""
    with Pipe() as root:
        root.file.write_bytes(DATA)
        def read_a_little() -> None:
            with root.device.open("rb") as device:
                device.read(10)
        thread = threading.Thread(target=read_a_little, daemon=True)
        thread.start()
        ended = root.run("send", "backup", str(root.file), code=1)
        thread.join(30)
        assert "the receiver has gone" in ended.stderr and "sha256" not in ended.stderr, ended


def test_disk_that_is_full() -> None:
    """Receiving fails when the bytes cannot be stored."""
    with Pipe() as root:
        writer = root.writes()
        ended = root.run("receive", "backup", "/dev/full", code=1)
        writer.join(30)
        assert "No space left" in ended.stderr and "sha256" not in ended.stderr, ended


def test_waiting_is_said() -> None:
    """When the other end is not there yet, the user is told what is waited for."""
    with Pipe(state="unconfigured", hopids=(0, 0)) as root:
        writer = root.writes(b"x")
        ended = root.run("receive", "backup")
        writer.join(30)
        assert "waiting for the other end of backup" in ended.stderr, ended


def terminal_output(root: Pipe, *words: str) -> str:
    """What a run shows on a terminal."""
    ours, theirs = pty.openpty()
    process = root.start(*words, stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        while select.select([ours], [], [], 60)[0]:
            text += os.read(ours, 4096)
    except OSError:
        pass                    # the end of a terminal
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 0, text
    return text.decode()


def test_progress_on_a_terminal() -> None:
    """Bytes, share, rate and remaining time while it takes its time; then they are wiped."""
    with Pipe() as root:
        root.file.write_bytes(DATA)
        def read_slowly() -> None:
            with root.device.open("rb", buffering=0) as device:
                while chunk := device.read(1 << 16):
                    root.got += chunk
                    threading.Event().wait(0.01)
        reader = threading.Thread(target=read_slowly, daemon=True)
        reader.start()
        text = terminal_output(root, "send", "backup", str(root.file))
        reader.join(30)
        assert root.got == DATA
        assert " of 3.0 MiB, " in text and "/s, 0:00:0" in text and " left" in text, text
        assert "\r\033[K3145728 bytes" in text, text


def test_monitor_counts_and_rates() -> None:
    """Rows for each look with rates since the last one; another stream begins at zero."""
    with Root() as root:
        root.host()
        root.host("gamma", GAMMA, route="3")
        root.stream(rx_bytes=1000, rx_crc_errors=1, rx_overruns=2, rx_malformed=3,
                    rx_lost_frames=4)
        root.stream("other", GAMMA, 1, "open", GAMMA, tx_bytes=7, tx_lost_bytes=9)
        rows = root.csv("monitor", "-c", "2", "-I", "0.05")
        assert list(rows[0]) == ["time", "stream", "directory", "host", "state", "rx_bytes",
                                 "rx_rate", "tx_bytes", "tx_rate", "rx_errors", "tx_lost_bytes"]
        assert [row["stream"] for row in rows] == ["backup", "other"] * 2
        assert (rows[0]["rx_errors"], rows[1]["tx_lost_bytes"]) == ("10", "9")
        assert {row["rx_rate"] for row in rows} == {"0"}

        lines = root.run("-j", "monitor", "-c", "1", "gamma/other").stdout.splitlines()
        record, = map(json.loads, lines)
        assert (record["host"], record["tx_bytes"]) == ("gamma", 7)


def test_monitor_follows_changes() -> None:
    """A counter that grows makes a rate."""
    with Root() as root:
        root.host()
        root.stream(rx_bytes=1000)
        process = root.start("-S", "monitor", "-c", "3", "-I", "0.2")
        assert process.stdout
        process.stdout.readline()
        before = process.stdout.readline().split(",")
        root.write("sys/class/tbstream/tbstream0/rx_bytes", str(5000))
        rates = [float(row.split(",")[6]) for row in process.stdout.read().splitlines()]
        process.wait(30)
        assert before[5] == "1000" and before[6] == "0"
        # It may have been between the second look and the third
        assert 10000 < max(rates) <= 4000 / 0.2, rates


def test_monitor_for_people() -> None:
    """A heading once, then a line for each stream; nothing is cleared in a file."""
    with Root() as root:
        root.host()
        root.stream()
        lines = root.run("monitor", "-c", "3", "-I", "0", "backup").stdout.splitlines()
        assert len(lines) == 4 and lines[0].startswith("stream   state"), lines
        assert all(line.startswith("backup   closed") for line in lines[1:]), lines


