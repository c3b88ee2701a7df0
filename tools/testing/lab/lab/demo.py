# SPDX-License-Identifier: GPL-2.0-only
"""`make demo`: backups from one virtual host to another, made to be read."""

import re
import sys
import time
from dataclasses import dataclass

from . import paths
from .errors import CommandTimeout, LabFailure
from .host import Host, Result
from .config import HostSpec, LabConfig
from .lab import Lab
from .tool import install_tool

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"
NAME = "backup"
TREE_SUM = "find . -type f -exec sha256sum {} + | sort | sha256sum"

INTRODUCTION = """\
Two virtual computers, alpha and beta, each with the Debian kernel {kernels} as
Debian ships it, and one simulated USB4 cable between them. {driver}
A line that begins with "alpha#" or "beta#" is typed there, as root."""


@dataclass
class Row:
    """A line of the summary."""
    what: str
    mib: float
    seconds: float
    equal: bool


class Screen:
    """Writes for a person; bold only on a terminal."""

    def __init__(self) -> None:
        self._bold, self._plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
        self._began = time.monotonic()

    def title(self, text: str) -> None:
        print(f"\n{self._bold}== {text}{self._plain}", flush=True)

    def text(self, text: str) -> None:
        print(text, flush=True)

    def progress(self, text: str) -> None:
        print(f"   {time.monotonic() - self._began:5.1f} s  {text}", flush=True)

    def typed(self, host: Host, command: str, note: str = "") -> None:
        note = f"    ({note})" if note else ""
        print(f"{self._bold}{host.name + '#':<6} {command}{self._plain}{note}", flush=True)

    def printed(self, host: Host, output: str) -> None:
        for line in output.rstrip("\n").splitlines():
            print(f"{host.name + ':':<6} {line}", flush=True)


class Demo:
    """The steps, on a running lab."""

    def __init__(self, lab: Lab, screen: Screen, stock: bool) -> None:
        self._alpha, self._beta = lab.hosts
        self._lab = lab
        self._screen = screen
        self._stock = stock
        self.rows: list[Row] = []

    def type(self, host: Host, command: str, timeout: float = 60) -> Result:
        """Run a command as if it was typed; show what it prints."""
        self._screen.typed(host, command)
        result = host.run(f"cd /root; {command}", timeout=timeout)
        self._screen.printed(host, result.stdout + result.stderr)
        return result

    def both(self, sink: Host, reading: str, source: Host, writing: str,
             timeout: float = 60) -> tuple[Result, Result]:
        """A command that reads the stream on one host, and one that writes it
        on the other."""
        self._screen.typed(sink, reading, "waits for data")
        reader = sink.start(f"cd /root; {reading}")
        if self._stock:
            # What it is sent while the reader is not there is lost.
            sink.wait_until("fuser -s /dev/tbstream0 || ls -l /proc/[0-9]*/fd | grep -q tbstream0")
            time.sleep(1)
        self._screen.typed(source, writing)
        try:
            written = source.run(f"cd /root; {writing}", timeout=timeout, check=False)
        except CommandTimeout as error:
            raise LabFailure(f"{error}\n{sink.name}# {reading}\n{sink.where(reader.pid)}") from None
        self._screen.printed(source, written.stdout + written.stderr)
        read = reader.wait(timeout)
        self._screen.printed(sink, read.stdout + read.stderr)
        for result in (written, read):
            if result.code:
                raise LabFailure(str(result))
        return written, read

    def make_stream(self) -> None:
        """ConfigFS on both sides, until both know their HopIDs."""
        self._screen.title("One directory on each side makes the stream")
        directories = [f"{CONFIGFS}/{host.service()}/{NAME}" for host in (self._alpha, self._beta)]
        self.type(self._alpha, f"mkdir -p {directories[0]}")
        value = 8 if self._stock else -1
        self.type(self._alpha, f"cd {directories[0]}; echo {value} > in_hopid;"
                               f" echo {value} > out_hopid")
        self.type(self._beta, f"mkdir -p {directories[1]}")
        if self._stock:
            self.type(self._beta, f"cd {directories[1]}; echo 8 > in_hopid; echo 8 > out_hopid")
        else:
            # The name is enough: beta takes over what alpha advertises.
            self._beta.wait_until(f"test $(cat {directories[1]}/in_hopid) -ge 8", timeout=20,
                                  what="beta takes over alpha's HopIDs")
        for host, directory in zip((self._alpha, self._beta), directories):
            self.type(host, f"cd {directory}; grep . in_hopid out_hopid; ls /dev/tbstream*")
        self._directories = directories

    def hello(self) -> None:
        """The smallest use."""
        self._screen.title("cat and echo")
        _, read = self.both(self._beta, "cat /dev/tbstream0",
                            self._alpha, "echo hello > /dev/tbstream0")
        if read.stdout != "hello\n":
            raise LabFailure(f"beta read {read.stdout!r} instead of 'hello'")

    def disk(self) -> None:
        """A block device of alpha becomes a file on beta."""
        self._screen.title("Back up a disk: alpha's /dev/vdb to a file on beta")
        written, _ = self.both(
            self._beta, "dd if=/dev/tbstream0 of=alpha-disk.img bs=256k",
            self._alpha, "dd if=/dev/vdb of=/dev/tbstream0 bs=256k")
        there = self.type(self._alpha, "sha256sum < /dev/vdb").stdout
        back = self.type(self._beta, "sha256sum < alpha-disk.img").stdout
        copied = re.search(r"(\d+) bytes .*copied, ([0-9.e-]+) s", written.stderr)
        size, seconds = (int(copied[1]), float(copied[2])) if copied else (0, 1.0)
        self.rows.append(Row("disk, alpha to beta", size / 2**20, seconds, there == back))

    def directory(self) -> None:
        """A directory of beta appears on alpha."""
        self._screen.title("Back up a directory: beta's mydir to alpha, compressed")
        # With their own times: what is younger than the other host's clock makes tar talk.
        self._beta.run("cp -rL --preserve=timestamps /usr/lib/python3.*/ /root/mydir", timeout=60)
        size = int(self.type(self._beta, "du -sb mydir").stdout.split()[0])
        self.type(self._beta, "find mydir -type f | wc -l")
        written, _ = self.both(
            self._alpha, "gunzip < /dev/tbstream0 | tar xf -",
            self._beta, "tar cf - mydir | gzip > /dev/tbstream0")
        there = self.type(self._beta, f"cd mydir; {TREE_SUM}").stdout
        back = self.type(self._alpha, f"cd mydir; {TREE_SUM}").stdout
        self.rows.append(Row("directory, beta to alpha", size / 2**20, written.seconds,
                             there == back))

    def tool(self) -> None:
        """The helper, on the stream that is there."""
        self._screen.title("The same with tbstream, which finds the stream by its name")
        for host in (self._alpha, self._beta):
            install_tool(host, self._lab.directory)
        self.type(self._alpha, "tbstream list")
        written, _ = self.both(self._beta, f"tbstream receive --force {NAME} alpha-disk.img",
                               self._alpha, f"tbstream send {NAME} /dev/vdb")
        size = int(self._alpha.run("blockdev --getsize64 /dev/vdb").stdout)
        sums = [host.run(f"sha256sum < {file}").stdout for host, file in
                ((self._alpha, "/dev/vdb"), (self._beta, "/root/alpha-disk.img"))]
        self.rows.append(Row("disk, with tbstream", size / 2**20, written.seconds,
                             sums[0] == sums[1]))

    def remove_stream(self) -> None:
        self._screen.title("Removing the directory removes the stream")
        for host, directory in zip((self._alpha, self._beta), self._directories):
            service, name = directory.removeprefix(CONFIGFS + "/").split("/")
            self.type(host, f"cd {CONFIGFS}; rmdir -p {service}/{name}")
            host.run("! test -e /dev/tbstream0")

    def check_health(self) -> None:
        self._screen.title("Afterwards")
        self._lab.health_check()
        self._screen.text("Kernel logs of both hosts: no warning. Simulator: no rule of the"
                          " hardware was broken.")

    def summary(self) -> bool:
        self._screen.title("Summary")
        for row in self.rows:
            verdict = "checksums equal" if row.equal else "CHECKSUMS DIFFER"
            self._screen.text(f"{row.what:<26} {row.mib:6.1f} MiB in {row.seconds:5.2f} s ="
                              f" {row.mib / row.seconds:6.1f} MiB/s   {verdict}")
        self._screen.text("(Everything is emulated, processors included: the speed says little"
                          " about real hardware.)")
        self._screen.text("To type it yourself: make lab")
        return all(row.equal for row in self.rows)


def demo(kernels: list[str], driver: str) -> int:
    """Run it; 0 when every checksum is equal and nothing complained."""
    screen = Screen()
    releases = sorted({paths.kernel_release(series) for series in kernels})
    whose = ("The driver is the one that comes with the kernel." if driver == "stock" else
             "The driver is this project's\nthunderbolt_stream, built as an external module.")
    screen.text(INTRODUCTION.format(kernels=" and ".join(releases), driver=whose))
    screen.title("Set up")
    specs = [HostSpec(name, series) for name, series in zip(("alpha", "beta"), kernels)]
    tolerate = ("ring-stopped-with-path-enabled",) if driver == "stock" else ()
    with Lab(LabConfig(tuple(specs), driver=driver, tolerate=tolerate), name="demo",
             progress=screen.progress) as lab:
        show = Demo(lab, screen, stock=driver == "stock")
        show.make_stream()
        show.hello()
        show.disk()
        show.directory()
        if driver == "ours":
            show.tool()
        show.remove_stream()
        show.check_health()
    return 0 if show.summary() else 1
