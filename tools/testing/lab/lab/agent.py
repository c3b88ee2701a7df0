# SPDX-License-Identifier: GPL-2.0-only
"""Client of qemu-guest-agent: run commands in a guest."""

import base64
import itertools
import threading
from dataclasses import dataclass
from typing import Any

from .deadline import Deadline
from .errors import InfrastructureError
from .jsonsocket import JsonSocket

ENVIRONMENT = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root", "LC_ALL=C.UTF-8", "TERM=dumb",
]


@dataclass(frozen=True)
class ExitStatus:
    """How a command in the guest ended; code is 128 + n for signal n."""
    code: int
    stdout: bytes
    stderr: bytes


class AgentSilent(InfrastructureError):
    """The agent gives no answer; the caller may find out why."""


class Agent:
    """One guest's agent. Safe to use from several threads."""

    _ids = itertools.count(1000)

    def __init__(self, path: str, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._json = JsonSocket(path, f"{name}: guest agent")

    def close(self) -> None:
        self._json.close()

    def sync(self, deadline: Deadline) -> None:
        """Drop what is left of earlier conversations. Asks again every
        second: what is sent while the guest resumes can get lost."""
        with self._lock:
            while not deadline.expired:
                number = next(self._ids)
                self._json.send({"execute": "guest-sync-delimited",
                                 "arguments": {"id": number}}, prefix=b"\xff")
                second = Deadline(1, stretch=False)
                while (answer := self._json.receive(second)) is not None:
                    if answer.get("return") == number:
                        return
        raise AgentSilent(f"{self._name}: guest agent does not answer within"
                          f" {deadline.seconds:.0f} s")

    def call(self, name: str, **arguments: Any) -> Any:
        """One command of the agent's protocol."""
        deadline = Deadline(30)
        with self._lock:
            self._json.send({"execute": name, "arguments": arguments})
            answer = self._json.receive(deadline)
        if answer is None:
            raise AgentSilent(f"{self._name}: guest agent does not answer {name}"
                              f" within {deadline.seconds:.0f} s")
        if "error" in answer:
            raise InfrastructureError(f"{self._name}: {name}: {answer['error'].get('desc')}")
        return answer["return"]

    def execute(self, command: str, stdin: bytes | None = None) -> int:
        """Start `bash -c command` as leader of a process group; its PID."""
        arguments: dict[str, Any] = {
            "path": "/usr/bin/setsid", "arg": ["/bin/bash", "-c", command],
            "env": ENVIRONMENT, "capture-output": True,
        }
        if stdin is not None:
            arguments["input-data"] = base64.b64encode(stdin).decode()
        return self.call("guest-exec", **arguments)["pid"]

    def status(self, pid: int) -> ExitStatus | None:
        """None while the process runs. Its end can be asked for only once."""
        answer = self.call("guest-exec-status", pid=pid)
        if not answer["exited"]:
            return None
        if answer.get("out-truncated") or answer.get("err-truncated"):
            raise InfrastructureError(f"{self._name}: output too long for the guest agent;"
                                      " let the command write to a file")
        code = 128 + answer["signal"] if "signal" in answer else answer["exitcode"]
        return ExitStatus(code, base64.b64decode(answer.get("out-data", "")),
                          base64.b64decode(answer.get("err-data", "")))
