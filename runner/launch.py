"""One stage in a process of its own: its events into the file, a stop passed on to it.

The process is started with `python -P`, so that a `torch.py` in the folder where someone stands
is never imported, and in a process group of its own, so that a Ctrl-C reaches the supervisor
alone and the stage is always stopped the same way, by SIGTERM.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.events import KINDS, Writer
from runner.line import DESCRIPTOR_VARIABLE

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Program:
    """What a stage process runs."""

    stage: str
    arguments: tuple[str, ...]
    """After `python -P`: `("-m", "runner.road.train", "job.json")`."""
    environment: dict[str, str]
    """All of its variables; of this process's own it gets no others."""


@dataclass(frozen=True)
class Supervision:
    """What the supervisor lends to every stage."""

    writer: Writer
    log: Path
    """Where stdout and stderr of the stages are appended."""
    held: int
    """The descriptor that holds the run folder; inherited, so that an orphan holds it too."""
    stopping: Callable[[], bool]
    """True once somebody asked the run to stop."""
    stall_seconds: float = 600.0
    """Silence after which a warning is written; the stage is left to go on."""


def launch(program: Program, supervision: Supervision) -> int:
    """Run one stage to its end and return its exit code (negative: killed by that signal)."""
    reader, sender = os.pipe()
    with supervision.log.open("ab") as log:
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", *program.arguments],
                env=program.environment | {DESCRIPTOR_VARIABLE: str(sender)},
                pass_fds=[sender, supervision.held],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        finally:
            os.close(sender)
    try:
        _follow(child, reader, program.stage, supervision)
    finally:
        os.close(reader)
        code = child.wait()
    return code


def _follow(
    child: subprocess.Popen[bytes], reader: int, stage: str, supervision: Supervision
) -> None:
    """Copy events until the stage's end of the pipe is closed."""
    asked, heard, warned, held = False, time.monotonic(), False, b""
    while True:
        if supervision.stopping() and not asked:
            asked = True
            child.send_signal(signal.SIGTERM)
        if not select.select([reader], [], [], _POLL_SECONDS)[0]:
            silent = time.monotonic() - heard
            if silent > supervision.stall_seconds and not warned:
                warned = True
                note = {"text": f"nothing heard from `{stage}` for {silent:.0f} s"}
                supervision.writer.append(stage, "warning", note)
            continue
        block = os.read(reader, 1 << 16)
        if not block:
            return
        heard, warned = time.monotonic(), False
        *lines, held = (held + block).split(b"\n")
        for kind, fields in _events(lines):
            supervision.writer.append(stage, kind, fields)


def _events(lines: list[bytes]) -> Iterator[tuple[str, dict[str, object]]]:
    for line in lines:
        try:
            fields = json.loads(line)
            kind = str(fields.pop("kind"))
        except (ValueError, AttributeError, KeyError, TypeError):
            kind, fields = "warning", {"text": f"not an event: {line[:200]!r}"}
        if kind not in KINDS:
            kind, fields = "warning", {"text": f"an event of unknown kind `{kind}`"}
        yield kind, fields
