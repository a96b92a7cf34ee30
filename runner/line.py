"""The stage's end of the pipe to its supervisor: events go out, and a broken pipe is noticed."""

import json
import os
from typing import Any

from runner.events import Kind

DESCRIPTOR_VARIABLE = "TUNELOCK_EVENTS_FD"
"""The environment variable that tells a stage process which descriptor the pipe is."""


class Line:
    """Sends events to the supervisor. After the pipe broke it stays `broken` and sends nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.broken = False
        """True once the supervisor is gone: the stage leaves a checkpoint and exits."""

    @classmethod
    def from_environment(cls) -> "Line":
        """Return the line of this stage process."""
        return cls(int(os.environ[DESCRIPTOR_VARIABLE]))

    def send(self, kind: Kind, **fields: Any) -> None:
        """Send one event; `fields` must be JSON values with units in their names."""
        if self.broken:
            return
        rest = memoryview(json.dumps({**fields, "kind": kind}).encode() + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BrokenPipeError:
            self.broken = True
