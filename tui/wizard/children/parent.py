"""The screen, seen from a process that works for it: what it asks, and telling it."""

import os
import pickle
import sys
from collections.abc import Callable, Iterator

_NICER = 5
"""How far a process stands back behind the screen on a busy machine."""


def serve(work: Callable[[Iterator[object], Callable[[object], None]], None]) -> None:
    """Run `work` with what the screen asks and a way to answer; end quietly with the screen."""
    os.nice(_NICER)
    answers, sys.stdout = sys.stdout.buffer, sys.stderr

    def tell(answer: object) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    try:
        work(_asked(), tell)
    except BrokenPipeError:
        os._exit(1)


def _asked() -> Iterator[object]:
    while True:
        try:
            yield pickle.load(sys.stdin.buffer)
        except EOFError:
            return
