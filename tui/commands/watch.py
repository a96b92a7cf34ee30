"""`tunelock watch [RUN]`: follow a running run from any terminal."""

from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from runner.runs.folder import EVENTS
from runner.runs.holders import is_held
from tui.follow import follow


@click.command(name="watch")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--plain", is_flag=True, help="Print plain lines instead of the dashboard.")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON, one per line.")
def command(run: Path | None, plain: bool, as_json: bool) -> None:
    """Follow RUN, a run folder (default: the newest in ./runs), until it ends.

    Watching never affects the run, and leaving (q) does not end it. The exit code is the run's
    own: 75 if it was stopped and can be resumed. It is 130 if you leave.
    """
    folder = follow.find(run)
    if not (folder / EVENTS).exists() and not is_held(folder):
        raise UsageProblem(
            f"`{folder}` was never started.",
            fix=Command("tunelock run {}", folder / "run.lock"),
        )
    face = follow.face_for(plain=plain, as_json=as_json)
    code = follow.follow(folder, face=face, ended=follow.ended_by_lock(folder))
    raise SystemExit(code)
