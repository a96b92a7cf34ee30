"""A stage process: `python -P -m runner.stages JOB.json` carries out one stage of a run.

What a stage returns is written to `report.json` in its folder; the supervisor renames the folder
into place. The exit code is 0, 75 for a clean stop, or that of the error, which is also sent as
a `failed` event. What is unexpected has its traceback in the run's `log.txt`.
"""

import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from lockfiles.errors import RunFailed, Stopped, TunelockError
from lockfiles.files import write_whole
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Change, Command, Steps
from runner.runs.heartbeat import heartbeat
from runner.runs.pipe import Line
from runner.stages import context

REPORT = "report.json"
"""What a stage reports to those after it, in its folder."""


def main(job: Path) -> int:
    """Carry out the stage of a job and return the exit code."""
    given = context.read(job)
    with heartbeat(lambda: _beat(given.line), context.beat_seconds(job)):
        return _carry_out(given)


def _beat(line: Line) -> None:
    """Tell the supervisor that this process lives; where it is gone, stop as it would ask."""
    line.beat()
    if line.broken:
        os.kill(os.getpid(), signal.SIGTERM)
        raise BrokenPipeError("the supervisor is gone")


def _carry_out(given: context.Context) -> int:
    begun = time.monotonic()
    given.line.send("started")
    try:
        module = import_module(f"runner.stages.{given.kind}")
        report = module.run(given)
        if given.rank:
            return 0
        write_whole(given.work / REPORT, json.dumps(report, indent=2).encode() + b"\n")
    except Stopped:
        return Stopped.exit_code
    except TunelockError as problem:
        return _failed(given, problem)
    except Exception as problem:
        with suppress(OSError):  # the log's disk may be what is full
            traceback.print_exc()
        return _failed(given, _unexpected(given, problem))
    given.line.send("done", seconds=round(time.monotonic() - begun, 3))
    return 0


def _failed(given: context.Context, problem: TunelockError) -> int:
    if given.engine.tells():
        _tell(given, problem)
    return problem.exit_code


def _tell(given: context.Context, problem: TunelockError) -> None:
    given.line.send(
        "failed",
        message=problem.message,
        hint=problem.hint,
        details=list(problem.details),
        exit_code=problem.exit_code,
    )


def _unexpected(given: context.Context, problem: Exception) -> TunelockError:
    if type(problem).__name__ == "OutOfMemoryError":
        return RunFailed(
            f"The stage `{given.stage}` ran out of the accelerator's memory.",
            fix=(
                Steps((Change("method.micro_batch", "a smaller number"), PLAN_AGAIN)),
                Answer("method.checkpointing", "on"),
            ),
        )
    if isinstance(problem, MemoryError):
        return RunFailed(
            f"The stage `{given.stage}` ran out of main memory.", fix=Command("free -h")
        )
    if isinstance(problem, OSError) and problem.errno is not None:
        place = problem.filename or given.work
        return RunFailed(
            f"The stage `{given.stage}` could not use `{place}`: {problem.strerror}.",
            fix=Advice("make room or set the rights, then run the same command again"),
        )
    words = " ".join(str(problem).split())[:300].rstrip(".")
    return RunFailed(
        f"The stage `{given.stage}` failed with {type(problem).__name__}: {words}.",
        fix=Advice(f"see {given.run / 'log.txt'}"),
    )


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
