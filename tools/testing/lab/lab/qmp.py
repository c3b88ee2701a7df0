# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's control connection."""

from typing import Any, Callable

from .deadline import Deadline
from .errors import InfrastructureError
from .jsonsocket import JsonSocket

Event = dict[str, Any]


class Qmp:
    """Commands and events of one QEMU."""

    def __init__(self, path: str, name: str) -> None:
        self._json = JsonSocket(path, f"{name}: QMP")
        self._events: list[Event] = []
        if self._json.receive(Deadline(20)) is None:
            raise InfrastructureError(f"{name}: QMP sends no greeting")
        self.command("qmp_capabilities")

    def close(self) -> None:
        self._json.close()

    def command(self, name: str, **arguments: Any) -> Any:
        """Execute a command and return its "return" member."""
        self._json.send({"execute": name, "arguments": arguments})
        deadline = Deadline(30)
        while (answer := self._json.receive(deadline)) is not None:
            if "event" in answer:
                self._events.append(answer)
            elif "error" in answer:
                raise InfrastructureError(f"{self._json.name}: {name}: {answer['error']}")
            else:
                return answer["return"]
        raise InfrastructureError(f"{self._json.name}: no answer to {name}")

    def wait_event(self, wanted: Callable[[Event], bool], deadline: Deadline) -> Event | None:
        """The first event not yet taken that `wanted` accepts, or None."""
        while True:
            for event in self._events:
                if wanted(event):
                    self._events.remove(event)
                    return event
            message = self._json.receive(deadline)
            if message is None:
                return None
            if "event" in message:
                self._events.append(message)
