# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the driver share: labs, streams, tbstream_io."""

import itertools
import json
import shlex
from typing import Any

from lab import HostSpec, Lab, LabConfig, paths
from lab.child import build
from lab.host import Host, Process, Result


def _lab(first: str, second: str, **config: Any) -> LabConfig:
    return LabConfig((HostSpec("alpha", kernel=first), HostSpec("beta", kernel=second)), **config)


OURS = _lab("6.12", "6.12")
BOTH_NEW = _lab("7.3", "7.3")
MIXED = _lab("6.12", "7.3")
AMD = _lab("6.12", "6.12", profile="amd")
WITH_NET = _lab("6.12", "6.12", net=True)

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"
TRACING = "/sys/kernel/tracing"
PREPARED = "programs"
PROGRAMS = ("tbstream_io", "tbstream_storm")

# The protocol of control messages between two of ours.
CONTROL = "c18eaf68-2dfe-44b7-a712-702265e365b4"

# Any UUID that no host of the lab has.
NOBODY = "00000000-1111-2222-3333-444444444444"

_names = (f"t{number}" for number in itertools.count(1))


# tbstream_io ----------------------------------------------------------

def prepare(lab: Lab) -> tuple[Host, ...]:
    """The hosts, with our programs installed and tunnels being traced."""
    def install() -> None:
        output = paths.BUILD / "selftests"
        source = paths.PROJECT / "tools/testing/selftests/thunderbolt"
        build("the programs that use streams", ["make", "-s", "-C", str(source), f"O={output}"],
              lab.directory / "selftests.build")
        for host in lab.hosts:
            for program in PROGRAMS:
                host.put(output / program, f"/usr/local/bin/{program}")
                host.run(f"chmod 755 /usr/local/bin/{program}")
            trace_tunnels(host)

    lab.once(PREPARED, install)
    return tuple(lab.hosts)


def trace_tunnels(host: Host) -> None:
    """Trace tunnels from now on; to be repeated when the module was loaded anew."""
    event = f"{TRACING}/events/thunderbolt_stream/tbstream_tunnel/enable"
    host.run(f"[ ! -e {event} ] || echo 1 > {event}")


def _command(words: tuple[str, ...]) -> str:
    return "exec tbstream_io " + " ".join(shlex.quote(word) for word in words)


def start_io(host: Host, *words: str) -> Process:
    """Start tbstream_io with these steps."""
    return host.start(_command(words))


def steps(result: Result) -> list[dict[str, Any]]:
    """What tbstream_io said about each step."""
    assert result.code in (0, 1, 137), f"tbstream_io failed\n{result}"
    return [json.loads(line) for line in result.stdout.splitlines()]


def io(host: Host, *words: str, timeout: float = 30) -> list[dict[str, Any]]:
    """Run tbstream_io with these steps to its end."""
    return steps(host.run(_command(words), timeout=timeout, check=False))


def good(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fail unless every step worked and all that was read was right."""
    bad = [step for step in done
           if step["errno"] or "mismatch" in step or step.get("read_errno")]
    assert not bad, "\n".join(["expected every step to work, but"] + [str(s) for s in bad])
    return done


def errnos(done: list[dict[str, Any]]) -> list[str | None]:
    """Only the errors of each step."""
    return [step["errno"] for step in done]


def blocked_in(process: Process, function: str) -> str:
    """Shell condition: the process sleeps in this function of the kernel."""
    return f"grep -q '{function}' /proc/{process.pid}/stack"


# Streams --------------------------------------------------------------

class Stream:
    """A stream's directory on one host."""

    def __init__(self, host: Host, name: str, service: str | None = None) -> None:
        """`service` None is the UUID of the host at the other end."""
        self.host = host
        self.name = name
        self.service = service or host.peer_uuid()
        self.directory = f"{CONFIGFS}/{self.service}/{name}"
        host.run(f"mkdir -p {shlex.quote(self.directory)}")
        self.index = int(self.get("index"))
        self.device = f"/dev/tbstream{self.index}"
        self.sysfs = f"/sys/class/tbstream/tbstream{self.index}"

    def get(self, attribute: str) -> str:
        """Value of an attribute in the directory."""
        return self.host.read_file(f"{self.directory}/{attribute}").rstrip("\n")

    def set(self, **values: object) -> "Stream":
        """Write attributes."""
        good(io(self.host, *(f"attr={self.directory}/{key}={value}\n"
                             for key, value in values.items())))
        return self

    def try_set(self, attribute: str, value: object) -> str | None:
        """Write an attribute, return the error's name."""
        return io(self.host, f"attr={self.directory}/{attribute}={value}")[0]["errno"]

    def hopids(self) -> tuple[int, int]:
        """In and out HopID."""
        return int(self.get("in_hopid")), int(self.get("out_hopid"))

    def look(self, file: str) -> str:
        """Value of a file of the class."""
        return self.host.read_file(f"{self.sysfs}/{file}").rstrip("\n")

    def count(self, counter: str) -> int:
        return int(self.look(counter))

    def wait_file(self, file: str, value: str, timeout: float = 10) -> None:
        """Until a file of the class has this value."""
        self.host.wait_until(f"v=$(cat {self.sysfs}/{file}); echo {file} $v; [ \"$v\" = '{value}' ]",
                             timeout, f"{file} of {self.device} is '{value}'")

    def wait_state(self, state: str, timeout: float = 10) -> None:
        self.wait_file("state", state, timeout)

    def wait_count(self, counter: str, at_least: int, timeout: float = 10) -> None:
        """Until a counter has come so far."""
        self.host.wait_until(f"n=$(cat {self.sysfs}/{counter}); echo {counter} $n;"
                             f" [ $n -ge {at_least} ]", timeout,
                             f"{counter} of {self.device} at least {at_least}")

    def opened(self, how: str) -> str:
        """The step that opens the device."""
        return f"open={self.device},{how}"

    def remove(self) -> None:
        self.host.run(f"rmdir {shlex.quote(self.directory)}", timeout=5)

    def remove_all(self) -> None:
        """The service's directory, too."""
        self.remove()
        self.host.run(f"rmdir {CONFIGFS}/{self.service}", timeout=5)


def pair(lab: Lab, hopid: int = 9, **attributes: object) -> tuple[Stream, Stream]:
    """The same stream on both hosts, with HopIDs that need no negotiation."""
    name = next(_names)
    return tuple(Stream(host, name).set(**attributes, in_hopid=hopid, out_hopid=hopid)
                 for host in prepare(lab))


def nowhere(host: Host) -> Stream:
    """A stream whose peer does not exist."""
    return Stream(host, next(_names), NOBODY)


def check_transfer(source: Stream, sink: Stream, total: int, write: str = "", read: str = "",
                   seed: int = 1, timeout: float = 30) -> None:
    """Bytes written on one side arrive at the other, exactly these and then EOF."""
    reader = start_io(sink.host, f"seed={seed}", sink.opened("r"), f"read=eof{read}", "close")
    try:
        good(io(source.host, f"seed={seed}", source.opened("w"), f"write={total}{write}", "close",
                timeout=timeout))
    except AssertionError as error:
        raise AssertionError(f"{error}\nthe reader: {reader.poll() or 'still reads'}") from error
    done = good(steps(reader.wait(timeout)))
    assert done[2]["eof"] and done[2]["ret"] == total, f"expected {total} bytes: {done[2]}"


def transfer(streams: tuple[Stream, Stream], total: int = 300000) -> None:
    """A quick check that both directions work."""
    check_transfer(*streams, total)
    check_transfer(*reversed(streams), total)


def tunnels_balance(host: Host) -> None:
    """Each tunnel that came up while traced has gone down again."""
    count = ("awk '/tbstream_tunnel:/ && / up: 0/ { n++ }"
             " /tbstream_tunnel:/ && / (down|quiesced): / { n-- } END { print n + 0 }'"
             f" {TRACING}/trace")
    host.wait_until(f"n=$({count}); echo up minus down: $n; [ $n = 0 ]", 10,
                    "every tunnel that came up has gone down")
