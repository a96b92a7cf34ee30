"""The screen's side, seen from a child process: its requests, and sending it results."""

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

_NICER = 5
"""The nice value of a child process, so that the screen goes first on a busy machine."""

Requests = SimpleQueue[object]


def serve(work: Callable[[Iterator[object], Callable[[object], None]], None]) -> None:
    """Run `work` with the screen's requests and a reply function; exit when the screen does."""
    os.nice(_NICER)
    requests, answers = Requests(), sys.stdout.buffer
    sys.stdout = sys.stderr
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()

    def send(answer: object) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    try:
        work(iter(requests.get, None), send)
    except BrokenPipeError:
        os._exit(1)


def _listen(requests: Requests) -> None:
    """Pass on requests, and end the process when the screen is gone."""
    while True:
        try:
            requests.put(pickle.load(sys.stdin.buffer))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(1)
