"""The stage's end of the pipe to its supervisor: events go out, and a broken pipe is noticed."""

import json
import os
import threading
from typing import Any

from runner.runs.events import Kind

DESCRIPTOR_VARIABLE = "TUNELOCK_EVENTS_FD"
"""The environment variable that tells a stage process which descriptor the pipe is."""
HEARTBEAT = "heartbeat"
"""The kind of a line that only says that the stage process lives; it is no event."""


class Line:
    """Sends events to the supervisor. After the pipe broke it stays `broken` and sends nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._sending = threading.Lock()
        self.broken = False
        """True once the supervisor is gone: the stage leaves a checkpoint and exits."""

    @classmethod
    def from_environment(cls) -> "Line":
        """Return the line of this stage process."""
        return cls(int(os.environ[DESCRIPTOR_VARIABLE]))

    def send(self, kind: Kind, **fields: Any) -> None:
        """Send one event; `fields` must be JSON values with units in their names."""
        self._send({**fields, "kind": kind})

    def beat(self) -> None:
        """Tell that this process lives."""
        self._send({"kind": HEARTBEAT})

    def _send(self, value: dict[str, Any]) -> None:
        rest = memoryview(json.dumps(value).encode() + b"\n")
        with self._sending:  # a heartbeat never lands inside an event
            try:
                while rest and not self.broken:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BrokenPipeError:
                self.broken = True
