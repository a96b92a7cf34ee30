"""Carrying out a lock from a terminal: in this process, or detached and followed."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryFile

from lockfiles.errors import Stopped, TunelockError
from lockfiles.fixes import Advice
from runner.__main__ import order_text
from runner.supervisor.supervise import Order, run
from tui.follow import follow as watching
from tui.follow.follow import Face
from tui.terminal import output


def here(order: Order, face: Face) -> Path:
    """Carry out a lock in this process, tell its events meanwhile, and return the run's folder.

    Where they cannot be told, because nobody reads any more, the run goes on all the same.
    Raises what `runner.supervisor.supervise.run` raises.
    """
    ended: list[int] = []
    followers: list[threading.Thread] = []

    def begun(folder: Path, since: int) -> None:
        def follow() -> None:
            try:
                watching.follow(
                    folder, face=face, ended=lambda: ended[0] if ended else None, since=since
                )
            except BrokenPipeError:
                output.hush()
            except TunelockError as problem:
                output.note(f"warning: the run goes on and is not shown: {problem.sentence}")

        followers.append(threading.Thread(target=follow))
        followers[0].start()

    try:
        folder = run(order, begun)
    finally:
        ended.append(0)
        for follower in followers:
            follower.join()
    return folder


def detached(order: Order, face: Face) -> int:
    """Start a lock's run in a session of its own, follow it, and return its exit code.

    Raises the error that kept it from beginning.
    """
    with TemporaryFile() as said:  # libraries may speak before the run has its log
        supervisor = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner", order_text(order)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            text=True,
        )
        assert supervisor.stdout is not None
        with supervisor.stdout as line:
            told = json.loads(line.readline() or '{"error": "The run could not be started."}')
        said.seek(0)
        output.notes(said.read().decode("utf-8", "replace").splitlines())
    if "run" not in told:
        supervisor.wait()
        more = told.get("details", ())
        problem = TunelockError(
            told["error"], fix=Advice(told["hint"]) if told.get("hint") else None, details=more
        )
        problem.exit_code = told.get("exit_code", 1)
        raise problem
    folder = Path(told["run"])
    output.note(f"running in {folder}, and goes on when this terminal closes")
    return watching.follow(
        folder, face=face, ended=lambda: _code(supervisor.poll()), since=told["since"]
    )


def _code(code: int | None) -> int | None:
    """Return a supervisor's exit code; one that was killed left a run that goes on."""
    return Stopped.exit_code if code is not None and code < 0 else code
