# SPDX-License-Identifier: GPL-2.0-only
"""A made-up root directory for tbstream, and the program run on it."""

import csv
import io
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

BETA = "bbbbbbbb-0000-4000-8000-00000000be7a"
GAMMA = "cccccccc-0000-4000-8000-000000000c3a"
NOBODY = "00000000-1111-2222-3333-444444444444"


class Ended:
    """How a run of the program ended."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr

    def __str__(self) -> str:
        return f"exit code {self.code}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class Root:
    """The files that tbstream looks at. Context manager."""

    configfs = "sys/kernel/config/thunderbolt/stream"
    bus = "sys/bus/thunderbolt/devices"

    def __init__(self, driver: bool = True) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="tbstream-"))
        self.write(f"{self.bus}/domain0/security", "user")
        self.write(f"{self.bus}/0-0/uevent", "DEVTYPE=thunderbolt_device")
        self.write(f"{self.bus}/0-0/usb4_port1/link", "none")
        if driver:
            (self.path / self.configfs).mkdir(parents=True)
            (self.path / "sys/class/tbstream").mkdir(parents=True)
            self.write("sys/module/thunderbolt_stream/srcversion", "123")
        (self.path / "dev").mkdir()

    def __enter__(self) -> "Root":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)

    def write(self, path: str, text: str) -> None:
        """Make a file and the directories that it is in."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def read(self, path: str) -> str:
        return (self.path / path).read_text().rstrip("\n")

    def exists(self, path: str) -> bool:
        return (self.path / path).exists()

    def host(self, name: str = "beta", uuid: str = BETA, route: str = "1", domain: int = 0,
             service: int | None = 0, driver: str | None = "thunderbolt_stream",
             lanes: int = 2) -> None:
        """Connect a host."""
        base = f"{self.bus}/{domain}-{route}"
        self.write(f"{base}/uevent", "DEVTYPE=thunderbolt_xdomain")
        for file, text in {"device_name": name, "unique_id": uuid, "vendor_name": "ACME",
                           "rx_speed": "20.0 Gb/s", "tx_speed": "20.0 Gb/s",
                           "rx_lanes": str(lanes), "tx_lanes": str(lanes)}.items():
            self.write(f"{base}/{file}", text)
        self.write(f"{self.bus}/{domain}-0/usb4_port1/link", "usb4")
        if service is None:
            return
        base += f".{service}"
        self.write(f"{base}/key", "stream")
        self.write(f"{base}/uevent", "DEVTYPE=thunderbolt_service")
        if driver:
            (self.path / base / "driver").symlink_to(f"../../drivers/{driver}")

    def unplug(self, route: str = "1", domain: int = 0) -> None:
        """Disconnect a host."""
        for path in (self.path / self.bus).glob(f"{domain}-{route}*"):
            shutil.rmtree(path)

    def stream(self, name: str = "backup", service: str = BETA, index: int = 0,
               state: str | None = "closed", peer: str = BETA, hopids: tuple[int, int] = (9, 10),
               theirs: tuple[object, object] | None = None, protocol: str = "sessions",
               **counters: int) -> str:
        """Configure a stream; returns its directory. State None: the stock driver.
        `theirs` are the HopIDs that the other host says it has, mirrored by default."""
        theirs = theirs or (hopids[1], hopids[0])
        base = f"{self.configfs}/{service}/{name}"
        for key, value in {"index": index, "in_hopid": hopids[0], "out_hopid": hopids[1],
                           "ring_size": 256, "throttling": 8192, "busy_poll": 0,
                           "linger": 30000}.items():
            self.write(f"{base}/{key}", str(value))
        if state is not None:
            device = f"sys/class/tbstream/tbstream{index}"
            for key, text in {"name": name, "service": service, "state": state,
                              "peer_uuid": peer, "peer_in_hopid": theirs[0],
                              "peer_out_hopid": theirs[1], "protocol": protocol}.items():
                self.write(f"{device}/{key}", str(text))
            for key in ("sessions", "rx_bytes", "rx_frames", "tx_bytes", "tx_frames",
                        "rx_crc_errors", "rx_overruns", "rx_malformed", "rx_discarded_bytes",
                        "tx_lost_bytes", "rx_lost_frames"):
                self.write(f"{device}/{key}", str(counters.get(key, 0)))
        return base

    # The program ------------------------------------------------------

    def environment(self) -> dict[str, str]:
        return {**os.environ, "TBSTREAM_ROOT": str(self.path)}

    def start(self, *words: str, **keys: Any) -> subprocess.Popen[str]:
        """Start the program."""
        return subprocess.Popen([os.environ["TBSTREAM"], *words], env=self.environment(),
                                stdin=keys.pop("stdin", subprocess.DEVNULL),
                                stdout=keys.pop("stdout", subprocess.PIPE),
                                stderr=keys.pop("stderr", subprocess.PIPE), text=True, **keys)

    def run(self, *words: str, code: int = 0, within: float = 60, **keys: Any) -> Ended:
        """Run the program to its end, and fail unless it has this exit code."""
        with self.start(*words, **keys) as process:
            try:
                stdout, stderr = process.communicate(timeout=within)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        ended = Ended(process.returncode, stdout, stderr)
        assert ended.code == code, f"tbstream {' '.join(words)}: expected {code}\n{ended}"
        return ended

    def json(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """Its output with --json."""
        return json.loads(self.run("--json", *words, code=code).stdout)

    def csv(self, *words: str, code: int = 0) -> list[dict[str, str]]:
        """Its output with -S."""
        return list(csv.DictReader(io.StringIO(self.run("-S", *words, code=code).stdout)))
