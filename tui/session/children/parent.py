"""The screen, seen from a process that works for it: what it asks, and telling it."""

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

_NICER = 5
"""How far a process stands back behind the screen on a busy machine."""

Asked = SimpleQueue[object]


def serve(work: Callable[[Iterator[object], Callable[[object], None]], None]) -> None:
    """Run `work` with what the screen asks and a way to answer; end at once with the screen."""
    os.nice(_NICER)
    asked, answers = Asked(), sys.stdout.buffer
    sys.stdout = sys.stderr
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()

    def tell(answer: object) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    try:
        work(iter(asked.get, None), tell)
    except BrokenPipeError:
        os._exit(1)


def _listen(asked: Asked) -> None:
    """Pass on what is asked, and end the process when nobody is left to ask."""
    while True:
        try:
            asked.put(pickle.load(sys.stdin.buffer))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(1)
