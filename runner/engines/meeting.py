"""How the processes of several machines meet, as their supervisors agreed on it."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.files import read_bounded, write_whole

VARIABLE = "TUNELOCK_SEVERAL_MACHINES"
"""The environment variable that holds it as JSON; absent on one machine."""
ENDS_VARIABLE = "TUNELOCK_ENDS"
"""The environment variable with the file for how the processes ended, where someone reads it."""
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Meeting:
    """The part of one machine in a training on several."""

    node: int
    """This machine's number, from 0."""
    nodes: int
    host: str
    """The address of machine 0."""
    port: int
    """Where torchrun's store listens there."""
    own: str
    """The address of this machine."""
    ends: str
    """The file for how this machine's processes ended: rank to exit code, as JSON."""
    interface: str = ""
    """The network interface of this machine's address; empty where it is unknown."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of this machine's processes."""
        named = {"GLOO_SOCKET_IFNAME": self.interface} if self.interface else {}
        return {VARIABLE: json.dumps(asdict(self))} | named


def of_environment() -> Meeting | None:
    """Return the meeting that this process was started for; None on one machine."""
    text = os.environ.get(VARIABLE)
    return Meeting(**json.loads(text)) if text else None


def ends_file() -> Path | None:
    """Return the file for how this machine's processes ended; None if nobody reads it."""
    meeting = of_environment()
    found = meeting.ends if meeting else os.environ.get(ENDS_VARIABLE)
    return Path(found) if found else None


def write_ends(path: Path, codes: Mapping[int, int]) -> None:
    """Write how the failed processes of this machine ended."""
    write_whole(path, json.dumps(codes).encode())


def read_ends(path: Path) -> dict[int, int]:
    """Return what was written; empty where nothing was."""
    try:
        content = json.loads(read_bounded(path, _MOST_BYTES, follow=False))
        return {int(rank): int(code) for rank, code in content.items()}
    except (OSError, UsageProblem, ValueError, AttributeError, TypeError):
        return {}
