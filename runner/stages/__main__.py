"""A stage process: `python -P -m runner.stages JOB.json` runs one stage of a run.

What a stage returns is written to `report.json` in its folder; the supervisor renames the folder
into place. The exit code is 0, 75 for a clean stop, or that of the error, which is also sent as
a `failed` event. The traceback of an unexpected error is in the run's `log.txt`.
"""

import atexit
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from lockfiles.errors import RunFailed, Stopped, TunelockError
from lockfiles.files import write_whole
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Change, Command, Fix, Steps
from lockfiles.harmless import one_line
from lockfiles.lock import TrainingLock
from lockfiles.stage_kinds.registry import KINDS
from planner.pipeline.kind import of_kind
from runner.engines.ddp import MEETING_VARIABLE
from runner.engines.lost import waited
from runner.environments.collecting import importing
from runner.environments.unused import hide, unused
from runner.runs.heartbeat import heartbeat
from runner.runs.pipe import Line
from runner.stages import context

REPORT = "report.json"
"""The file in a stage's folder that holds its report for later stages."""


def main(job: Path) -> int:
    """Run the stage of a job and return the exit code."""
    given = context.read(job)
    with heartbeat(lambda: _beat(given.line), context.beat_seconds(job)):
        return _run(given)


def _beat(line: Line) -> None:
    """Send a heartbeat to the supervisor; if it is gone, stop this process with SIGTERM."""
    line.beat()
    if line.broken:
        os.kill(os.getpid(), signal.SIGTERM)
        raise BrokenPipeError("the supervisor is gone")


def _run(given: context.Context) -> int:
    begun = time.monotonic()
    given.line.send("started")
    hide(unused(given.lock))
    try:
        with importing():
            module = import_module(f"runner.stages.{given.kind}")
        report = module.run(given)
        if given.rank:
            given.line.beat(last=True)
            return 0
        write_whole(given.work / REPORT, json.dumps(report, indent=2).encode() + b"\n")
    except Stopped:
        return Stopped.exit_code
    except TunelockError as problem:
        return _failed(given, problem)
    except Exception as problem:
        with suppress(OSError):  # the disk of the log may be full
            traceback.print_exc()
        return _failed(given, _unexpected(given, problem))
    given.line.send("done", seconds=round(time.monotonic() - begun, 3))
    return 0


def _failed(given: context.Context, problem: TunelockError) -> int:
    if given.engine.reports_failure():
        _report(given, problem)
    return problem.exit_code


def _report(given: context.Context, problem: TunelockError) -> None:
    problem.of_lock(given.lock_file)
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
            f"The stage `{given.stage}` ran out of GPU memory.",
            fix=_less_memory(given),
        )
    if any(kind.__name__ == "BackendCompilerFailed" for kind in type(problem).__mro__):
        return RunFailed(
            f"torch could not compile the layers: {_first_line(_inner(problem))}",
            fix=Steps((Answer("method.compile", "off"), PLAN_AGAIN)),
        )
    if isinstance(problem, MemoryError):
        return RunFailed(
            f"The stage `{given.stage}` ran out of main memory.", fix=Command("free -h")
        )
    if isinstance(problem, OSError) and problem.errno is not None:
        place = problem.filename or given.work
        return RunFailed(
            f"The stage `{given.stage}` could not use `{place}`: {problem.strerror}.",
            fix=Advice("free disk space or fix the permissions, then run the same command again"),
        )
    if waited(problem):
        return RunFailed(
            f"Process {given.rank} of the stage `{given.stage}` waited for another process, which "
            "did not answer in time: it or the network hangs.",
            fix=Advice("run the same command again to resume from the last checkpoint, if any"),
        )
    return RunFailed(
        f"The stage `{given.stage}` failed unexpectedly (`{type(problem).__name__}`).",
        fix=Command("tail -n 30 {}", given.run / "log.txt", to="see what happened"),
    )


def _inner(problem: Exception) -> Exception:
    """Return what made a compiler of torch fail."""
    inner = getattr(problem, "inner_exception", None)
    return inner if isinstance(inner, Exception) else problem


def _first_line(problem: Exception) -> str:
    """Return the first line of an error that has text, without control characters, shortened."""
    lines = (line.strip() for line in str(problem).splitlines())
    found = next((line for line in lines if line), type(problem).__name__)
    return one_line(found, most=300)


def _less_memory(given: context.Context) -> tuple[Fix, ...]:
    """Return what to do where a stage has too little GPU memory."""
    if KINDS[given.kind].spreads == "engine":
        return (_smaller(given), Answer("method.checkpointing", "on"))
    again = Advice("stop the other programs that use it, then run the same command again")
    skip = of_kind(given.kind).skip
    return (again, Steps((skip, PLAN_AGAIN))) if skip else (again,)


def _smaller(given: context.Context) -> Steps:
    """Return how to plan again for less memory; what passes really need, a rehearsal measures."""
    lock = given.lock
    if isinstance(lock, TrainingLock) and lock.train.pass_tokens:
        again = Command("tunelock plan run.toml --facts rehearsal.json")
        return Steps((Command("tunelock rehearse run.lock"), again))
    return Steps((Change("method.micro_batch", "a smaller number"), PLAN_AGAIN))


def _exit(code: int) -> NoReturn:
    """Exit after Python's own functions at exit.

    One of several processes leaves out the destructors of libraries: threads of torch's network may
    still run, for which C++ aborts a process that has done all of its work.
    """
    if MEETING_VARIABLE not in os.environ:
        raise SystemExit(code)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _exit(main(Path(sys.argv[1])))
