# SPDX-License-Identifier: GPL-2.0-only
"""send, receive and monitor."""

import contextlib
import hashlib
import json
import os
import pty
import random
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

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
    """The device is not opened for what cannot be read: that would begin a session."""
    with Pipe() as root:
        assert "No such file" in root.run("send", "backup", "/nonexistent", code=1).stderr
        # Nothing reads the device: opening it would not come to an end
        assert "Is a directory" in root.run("send", "backup", str(root.path), code=1).stderr
        assert "Input/output error" in root.run("send", "backup", "/proc/self/mem", code=1).stderr


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
        assert ("waiting: beta has no stream 'backup' yet; type there: tbstream create backup\n"
                in ended.stderr), ended


def line_of(process: subprocess.Popen[str], text: str) -> str:
    """The first line on standard error, which has to have this text."""
    assert process.stderr
    line = process.stderr.readline()
    assert text in line, line
    return line


def test_silence_is_explained() -> None:
    """After a second without a byte it is said what is waited for, also to a file."""
    with Pipe() as root:
        with root.start("receive", "backup", str(root.file)) as process:
            line_of(process, "waiting for beta to send to 'backup'")
            root.writes(b"x").join(30)
            assert process.wait(30) == 0
        with root.start("send", "backup", str(root.file)) as process:
            line_of(process, "waiting for beta to receive 'backup'")
            root.reads().join(30)
            assert process.wait(30) == 0


def test_full_receiver_is_explained() -> None:
    """A stream that was opened, but takes nothing, is waited for as well."""
    with Pipe() as root:
        root.file.write_bytes(DATA)
        with root.start("send", "backup", str(root.file)) as process, \
                root.device.open("rb") as device:
            line_of(process, "waiting for beta to receive 'backup'")
            assert device.read() == DATA
            assert process.wait(30) == 0


def test_silent_source_is_not_the_other_hosts() -> None:
    """A pipe that brings nothing is not explained by the other host."""
    with Pipe() as root:
        reader = root.reads()
        with root.start("send", "-n", "backup", stdin=subprocess.PIPE) as process:
            assert process.stdin and process.stderr
            assert not select.select([process.stderr], [], [], 2)[0]
            process.stdin.close()
            assert "sent in" in process.stderr.read()
            assert process.wait(30) == 0
        reader.join(30)


def test_failure_keeps_what_was_there() -> None:
    """--force replaces a file only when all bytes have come; no byte at all replaces nothing."""
    with Pipe() as root:
        root.file.write_bytes(b"precious")
        root.file.chmod(0o640)
        writer = root.writes(b"")
        assert "stays as it was" in root.run(
            "receive", "-f", "backup", str(root.file), code=4).stderr
        writer.join(30)
        with root.start("receive", "-f", "backup", str(root.file)) as process, \
                root.device.open("wb") as device:
            device.write(DATA)
            device.flush()
            await_size(root.path / "file.part", len(DATA))
            assert root.file.read_bytes() == b"precious"
            process.kill()
            process.wait(30)
        assert root.file.read_bytes() == b"precious"
        # The pieces stay, and are not what the next one writes to
        writer = root.writes(b"new")
        root.run("receive", "-f", "backup", str(root.file))
        writer.join(30)
        assert root.file.read_bytes() == b"new" and root.file.stat().st_mode & 0o777 == 0o640
        assert sorted(path.name for path in root.path.glob("file*")) == ["file", "file.part"]


def test_replacing_follows_a_link() -> None:
    """A symbolic link stays one: the file that it leads to is replaced."""
    with Pipe() as root:
        root.file.write_bytes(b"old")
        link = root.path / "link"
        link.symlink_to("file")
        writer = root.writes(b"new")
        root.run("receive", "-f", "backup", str(link))
        writer.join(30)
        assert link.is_symlink() and root.file.read_bytes() == b"new"


def test_file_that_appears_meanwhile_is_kept() -> None:
    """A file that is made during the transfer is not overwritten; the bytes are kept, too."""
    with Pipe() as root:
        with root.start("receive", "backup", str(root.file)) as process:
            assert process.stderr
            with root.device.open("wb") as device:
                device.write(b"bytes")
                device.flush()
                await_size(root.path / "file.part", 5)
                root.file.write_bytes(b"other")
            assert "what came is in" in process.stderr.read()
            assert process.wait(30) == 1
        assert root.file.read_bytes() == b"other"
        assert (root.path / "file.part").read_bytes() == b"bytes"


def await_size(path: Path, size: int) -> None:
    """Until a file has so many bytes."""
    end = time.monotonic() + 30
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < end, f"{path} does not get its {size} bytes"
        time.sleep(0.01)


def test_interrupted_receiver() -> None:
    """It says what it has and dies of the signal; with nothing, it leaves nothing behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with Pipe() as root:
            with root.start("receive", "backup", str(root.file)) as process:
                line_of(process, "waiting")
                process.send_signal(number)
                assert process.wait(30) == -number
                line_of(process, "interrupted before the first byte\n")
            assert not list(root.path.glob("file*"))
            with root.start("receive", "backup", str(root.file)) as process, \
                    root.device.open("wb") as device:
                device.write(bytes(2560 << 10))
                device.flush()
                await_size(root.path / "file.part", 2560 << 10)
                process.send_signal(number)
                assert process.wait(30) == -number
                line_of(process, "/file.part has only the first 2.5 MiB\n")


def test_interrupted_sender() -> None:
    """It says how much the other host may have, and dies of the signal."""
    with Pipe() as root:
        with root.start("send", "backup", stdin=subprocess.PIPE) as process, \
                root.device.open("rb") as device:
            assert process.stdin
            process.stdin.write("x" * 700)
            process.stdin.flush()
            assert len(device.read(700)) == 700
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == -signal.SIGINT
            line_of(process, "the other host has at most the first 700 B of standard input\n")


def test_ignored_signals_stay_ignored() -> None:
    """As nohup(1) wants it."""
    with Pipe() as root:
        with root.start("receive", "backup", preexec_fn=lambda: signal.signal(
                signal.SIGHUP, signal.SIG_IGN)) as process:
            line_of(process, "waiting")
            process.send_signal(signal.SIGHUP)
            root.writes(b"x").join(30)
            assert process.wait(30) == 0


def test_one_process_a_direction() -> None:
    """A second receiver or sender is refused with the number of the first; --force joins."""
    for command in ("receive", "send"):
        with Pipe() as root:
            words = [command, "backup"]
            with root.start(*words, stdin=subprocess.PIPE) as process:
                line_of(process, "waiting")
                for _ in range(3):
                    said = root.run(*words, code=4).stderr
                    assert f"by process {process.pid}; --force joins it" in said, said
                with root.start(*words, "--force") as other:
                    line_of(other, "waiting")
                    other.kill()
                process.kill()
            # The lock went with its process
            thread = root.writes(b"x") if command == "receive" else root.reads()
            root.run(*words)
            thread.join(30)


def test_directions_are_locked_apart() -> None:
    """One process may receive while another one sends."""
    with Pipe() as root:
        with root.start("receive", "backup") as process:
            line_of(process, "waiting")
            root.file.write_bytes(b"through")
            root.run("send", "backup", str(root.file))
            assert process.communicate(timeout=30)[0] == "through"


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


