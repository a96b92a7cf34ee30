"""The child process for templates and tokenizers, which answers one request at a time.

It is started by `process` and has only two pipes. It ends with its parent: at the end of its input,
or by a timer during a call.
"""

import os
from typing import Any, BinaryIO

from planner.data.isolation import frames, limiting, limits
from planner.data.worker.conversation import Refused
from planner.data.worker.work import Work, start_threads


def main() -> None:
    """Answer until the parent closes the pipe."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    limiting.close_all_but()
    limiting.limit()
    start_threads()
    limiting.no_more_processes()
    allowed = [0.0]

    def begin(place: int) -> None:
        limiting.processor(allowed[min(place, len(allowed) - 1)])
        send(answers, frames.at(place))

    work = Work(begin)
    while start := requests.read(frames.START.size):
        _, head, raw = frames.START.unpack(start)
        asked = frames.unpacked(requests.read(head))
        allowed = asked["processor_seconds"]
        asked["bytes"] += limits.BYTES_PER_BYTE * (head + raw)
        send(answers, _answer(work, asked, _raw(requests, raw)))


def _raw(requests: BinaryIO, size: int) -> bytes:
    return requests.read(size) if size else b""


def _answer(work: Work, asked: dict[str, Any], raw: bytes) -> bytes:
    """Answer one request under its limits; an exception becomes an answer too."""
    try:
        with limiting.bounded(asked["seconds"], asked["bytes"]):
            return frames.packed(*work.do(asked, raw))
    except MemoryError:
        fault = {"fault": "memory", "said": ""}
    except Refused as refused:
        fault = {"fault": refused.kind, "said": refused.said}
    except BaseException as problem:  # a panic of the tokenizer is not an Exception
        fault = {"fault": "broken", "said": f"{problem}"[: limits.SAID_CHARS]}
    return frames.packed(fault | {"place": work.place})


def send(answers: int, frame: bytes) -> None:
    """Write a frame; exit if the parent has closed the pipe."""
    rest = memoryview(frame)
    try:
        while rest:
            rest = rest[os.write(answers, rest) :]
    except BrokenPipeError:
        os._exit(1)
