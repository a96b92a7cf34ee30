"""Running a lock from a terminal: in this process, or detached and followed."""

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
    """Run a lock in this process, show its events, and return the run folder.

    If the events cannot be shown, because stdout is closed, the run continues. Raises as
    `runner.supervisor.supervise.run`.
    """
    ended: list[int] = []
    followers: list[threading.Thread] = []

    def begun(folder: Path, since: int) -> None:
        def follow() -> None:
            try:
                watching.follow(
                    folder,
                    face=face,
                    ended=lambda: ended[0] if ended else None,
                    since=since,
                    closing=False,
                )
            except BrokenPipeError:
                output.hush()
            except TunelockError as problem:
                output.note(f"warning: the run continues but is not shown: {problem.sentence}")

        followers.append(threading.Thread(target=follow))
        followers[0].start()

    def shown() -> None:
        ended.append(0)
        for follower in followers:
            follower.join()

    try:
        return run(order, begun, output.note, shown)
    finally:
        shown()


def detached(order: Order, face: Face) -> int:
    """Start a lock's run in a separate session, follow it, and return its exit code.

    Ctrl-C stops it until its folder is known. Raises the error that prevented it from starting.
    """
    with TemporaryFile() as said:  # libraries may write before the run has its log
        supervisor = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner", order_text(order)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            text=True,
        )
        assert supervisor.stdout is not None
        try:
            with supervisor.stdout as line:
                reply = json.loads(line.readline() or '{"error": "The run could not be started."}')
        except KeyboardInterrupt:
            supervisor.terminate()
            raise
        said.seek(0)
        output.notes(said.read().decode("utf-8", "replace").splitlines())
    if "run" not in reply:
        supervisor.wait()
        more = reply.get("details", ())
        problem = TunelockError(
            reply["error"], fix=Advice(reply["hint"]) if reply.get("hint") else None, details=more
        )
        problem.exit_code = reply.get("exit_code", 1)
        raise problem
    folder = Path(reply["run"])
    output.note(f"running in {folder}; the run continues if this terminal closes")
    return watching.follow(
        folder, face=face, ended=lambda: _code(supervisor.poll()), since=reply["since"]
    )


def _code(code: int | None) -> int | None:
    """Return a supervisor's exit code; if it was killed, that of a run that can be resumed."""
    return Stopped.exit_code if code is not None and code < 0 else code
