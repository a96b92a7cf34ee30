"""Rehearsals one after another, each in a process of its own.

The parent imports everything and touches no card; each case is forked from it, so that none sees
what an earlier one left on the card, and none waits for imports.
"""

import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import cycle

from planner.plan.exactness import ON_CUDA
from runner.rehearse.case import Case, Measured

LONGEST_SECONDS = 150.0
"""After which a case is ended."""
Outcome = Measured | str
"""What was measured, or what went wrong."""


def each(
    cases: Iterable[Case],
    *,
    seconds: float = 1e9,
    at_once: int = 1,
    room_bytes: int = 0,
    claim: Callable[[Case], int] = lambda _: 0,
    cards: Sequence[str] = (),
) -> Iterator[tuple[Case, Outcome]]:
    """Run each case in a fork, until `seconds` are over; those that run then are finished.

    `at_once` cases share the card while their claims, in bytes, are within `room_bytes`: peaks
    are the same then, and step times are not. With `cards`, the names of cards as in
    `CUDA_VISIBLE_DEVICES`, each case gets the next one.
    """
    ends = time.monotonic() + seconds
    prepared()
    waiting, running = iter(cases), list[_Fork]()
    places = cycle(cards or [""])
    following = next(waiting, None)
    while following or running:
        room = room_bytes - sum(claim(fork.case) for fork in running)
        over = time.monotonic() > ends
        may = not running or (len(running) < at_once and following and claim(following) <= room)
        if following and may and not over:
            running.append(_Fork(following, next(places)))
            following = next(waiting, None)
            continue
        if not running:
            return
        for fork in _ended(running):
            running.remove(fork)
            yield fork.case, fork.outcome()


def _ended(running: list["_Fork"]) -> list["_Fork"]:
    """Wait until a fork has told all or its time is over, and return those."""
    told, _, _ = select.select([fork.pipe for fork in running], [], [], 1.0)
    for fork in running:
        if fork.pipe in told:
            fork.read()
        elif time.monotonic() - fork.began > LONGEST_SECONDS:
            fork.kill()
    return [fork for fork in running if fork.ended]


class _Fork:
    """One case in its own process."""

    def __init__(self, case: Case, card: str = "") -> None:
        self.case, self.began, self.ended = case, time.monotonic(), False
        self._told = b""
        reading, writing = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(reading)
            if card:
                os.environ["CUDA_VISIBLE_DEVICES"] = card
            _report(case, writing)
            os._exit(0)
        os.close(writing)
        self.pipe = reading

    def read(self) -> None:
        """Read what is there; at its end the process is over."""
        more = os.read(self.pipe, 1 << 16)
        self._told += more
        if not more:
            os.close(self.pipe)
            os.waitpid(self._process, 0)
            self.ended = True

    def kill(self) -> None:
        """End a process that hangs."""
        os.kill(self._process, signal.SIGKILL)

    def outcome(self) -> Outcome:
        """Return what it told."""
        if not self._told:
            return "the process died"
        found = json.loads(self._told)
        if isinstance(found, str):
            return found
        return Measured(**found | {"step_seconds": tuple(found["step_seconds"])})


def prepared() -> None:
    """Import what a case needs, without touching a card."""
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    for name, value in ON_CUDA.items():
        os.environ.setdefault(name, value)
    import torch

    with capability_by_driver():
        import bitsandbytes  # noqa: F401
        import peft  # noqa: F401

        import runner.rehearse.measure  # noqa: F401
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    assert not used, "a fork cannot use a card that its parent used"


@contextmanager
def capability_by_driver() -> Iterator[None]:
    """bitsandbytes asks torch for the compute capability when it is imported."""
    import torch

    asked = torch.cuda.get_device_capability

    def known(_: object = None) -> tuple[int, int]:
        import pynvml as n

        n.nvmlInit()
        found = n.nvmlDeviceGetCudaComputeCapability(n.nvmlDeviceGetHandleByIndex(0))
        return int(found[0]), int(found[1])

    torch.cuda.get_device_capability = known  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.cuda.get_device_capability = asked


def _report(case: Case, write: int) -> None:
    from runner.rehearse.measure import measure

    try:
        told = json.dumps(asdict(measure(case)))
    except BaseException:
        told = json.dumps(traceback.format_exc()[-2000:])
    with os.fdopen(write, "w", encoding="utf-8") as pipe:
        pipe.write(told)
