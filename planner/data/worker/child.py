"""The child process for templates and tokenizers, which answers one request at a time.

It is started by `process` and has only two pipes. It ends with its parent: at the end of its input,
or by a timer during a call.
"""

import os
from typing import Any

from planner.data.isolation import frames, limits, restrictions
from planner.data.worker.conversation import Refused
from planner.data.worker.work import Work, start_tokenizer_threads


def main() -> None:
    """Serve requests from standard input, with answers on standard output, until the input ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    restrictions.close_standard_streams()
    restrictions.restrict_files()
    start_tokenizer_threads()  # they could not start later
    restrictions.forbid_new_processes()
    cpu_seconds = [0.0]  # limits by row, from the request; the last one is for all later rows

    def start_row(row_index: int) -> None:
        restrictions.set_cpu_limit(cpu_seconds[min(row_index, len(cpu_seconds) - 1)])
        send(answers, frames.announce_row(row_index))

    work = Work(start_row)
    while header := requests.read(frames.HEADER.size):
        _, json_size, raw_size = frames.HEADER.unpack(header)
        request = frames.decode(requests.read(json_size))
        cpu_seconds = request["cpu_seconds"]
        request_size = json_size + raw_size
        request["memory_bytes"] += limits.MEMORY_BYTES_PER_REQUEST_BYTE * request_size
        send(answers, _handle(work, request, requests.read(raw_size)))


def _handle(work: Work, request: dict[str, Any], raw: bytes) -> bytes:
    """Return the answer to one request, made under its limits; an error is an answer too."""
    try:
        with restrictions.bounded(request["seconds"], request["memory_bytes"]):
            return frames.encode(*work.do(request, raw))
    except MemoryError:
        fault = {"fault": "memory", "said": ""}
    except Refused as refused:
        fault = {"fault": refused.kind, "said": refused.said}
    except BaseException as error:  # a panic of the tokenizer is not an Exception
        fault = {"fault": "broken", "said": f"{error}"[: limits.SAID_CHARS]}
    return frames.encode(fault | {"place": work.row_index})


def send(answers: int, frame: bytes) -> None:
    """Write a frame; exit if the parent has closed the pipe."""
    rest = memoryview(frame)
    try:
        while rest:
            rest = rest[os.write(answers, rest) :]
    except BrokenPipeError:
        os._exit(1)
