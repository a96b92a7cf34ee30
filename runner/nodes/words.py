"""How machines and processes are named when a run on several machines ends."""

import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lockfiles.errors import Stopped


@dataclass(frozen=True)
class Ends:
    """How the processes of one machine ended."""

    host: str
    """Its name; empty for a run on one machine."""
    codes: Mapping[int, int]
    """Rank to exit code, or minus the signal's number, of those that failed."""
    code: int = 0
    """The exit code of their launcher."""
    said: str = ""
    """What their log says about it, as a sentence; empty for nothing."""

    @property
    def clean(self) -> bool:
        """Whether they finished, or stopped on request."""
        return self.code in (0, Stopped.exit_code)


def of_ranks(node: int, on_each: int) -> str:
    """Return the processes of a machine, for a sentence."""
    first, last = node * on_each, (node + 1) * on_each - 1
    return f"process {first}" if first == last else f"processes {first} to {last}"


def machine(rank: int, host: str, processes: str) -> str:
    """Return a machine by number, name and processes."""
    return f"Machine {rank} (`{host}`, {processes})"


def explained(ends: Iterable[Ends], stage: str = "") -> str:
    """Return which process was killed and where, as a sentence; empty if none was.

    `stage` names it instead of its machine, for a run on one.

    One that ended by SIGTERM explains nothing: torchrun ends the rest by it. One that aborted may
    have lost another that was killed.
    """
    killed = [
        (rank, one, -code)
        for one in ends
        for rank, code in one.codes.items()
        if code < 0 and code != -signal.SIGTERM
    ]
    killed.sort(key=lambda found: found[2] == signal.SIGABRT)
    return _killed(*killed[0], stage) if killed else ""


def _killed(rank: int, one: Ends, number: int, stage: str) -> str:
    why = ", possibly because memory ran out" if number == signal.SIGKILL else ""
    said = f": {one.said}" if one.said and number == signal.SIGABRT else "."
    name = signal.Signals(number).name
    where = f"of `{stage}`" if stage else f"(on `{one.host}`)"
    return f"Process {rank} {where} was ended by {name}{why}{said}"
