# SPDX-License-Identifier: GPL-2.0-only
"""JSON objects, one per line, over a Unix socket (QMP and guest agent)."""

import json
import socket
from typing import Any

from .deadline import Deadline
from .errors import InfrastructureError


class NotListening(InfrastructureError):
    """Whoever makes the socket has not done so yet, or is between bind() and listen()."""


class JsonSocket:
    """One connection. Not thread-safe: callers serialise."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            early = isinstance(error, (FileNotFoundError, ConnectionRefusedError))
            kind = NotListening if early else InfrastructureError
            raise kind(f"{name}: cannot connect to {path}: {error}") from error

    def close(self) -> None:
        self._socket.close()

    def send(self, message: dict[str, Any], prefix: bytes = b"") -> None:
        try:
            self._socket.settimeout(30)
            self._socket.sendall(prefix + json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise InfrastructureError(f"{self.name}: sending failed: {error}") from error

    def receive(self, deadline: Deadline) -> dict[str, Any] | None:
        """The next object, or None when the deadline passes."""
        while b"\n" not in self._buffer:
            left = deadline.remaining()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 20)
            except TimeoutError:
                return None
            except OSError as error:
                raise InfrastructureError(f"{self.name}: {error}") from error
            if not data:
                raise InfrastructureError(f"{self.name}: connection closed by QEMU")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        # 0xff is the guest agent's mark for "everything before is stale".
        return json.loads(line.rsplit(b"\xff", 1)[-1])
