"""`tunelock stop [RUN]`: let a run leave a checkpoint and end, in a stated time."""

import shlex
from pathlib import Path

import click

from lockfiles.errors import Interrupted, UsageProblem
from lockfiles.fixes import Command
from tui.follow import follow
from tui.terminal import output


@click.command(name="stop")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--no-wait", is_flag=True, help="Ask the run to stop and do not wait.")
def command(run: Path | None, no_wait: bool) -> None:
    """Stop RUN (default: the newest running one in ./runs). `tunelock run` resumes it.

    The run saves a checkpoint at its next step. It has 120 seconds plus twice the time of its
    last step and checkpoint. Then its stage is ended without a new checkpoint. A supervisor that
    is suspended is woken; one that does not answer within 30 more seconds is ended too.
    """
    from runner.supervisor import stop

    folder = _running(run)

    def tell(words: str) -> None:
        output.note(f"{folder.name}: {words}")

    stop.ask(folder, tell)
    if no_wait:
        again = f"tunelock watch {shlex.quote(str(folder))}"
        tell(f"asked to stop at its next step; `{again}` shows it")
        return
    tell(f"asked to stop at its next step, within {stop.PATIENCE.grace_seconds:.0f} s or so")
    try:
        stop.wait(folder, tell)
    except KeyboardInterrupt:
        raise Interrupted(
            f"The run in `{folder}` was asked to stop, and still stops.",
            fix=Command("tunelock status {}", folder),
        ) from None
    ended = follow.snapshot_of(folder)
    done = ended.finished and ended.failure is None
    tell("done before it could stop" if done else "stopped; the same `tunelock run` resumes it")


def _running(run: Path | None) -> Path:
    from runner.runs.holders import is_held

    if run is not None:
        return follow.find(run)
    for folder in follow.runs_in(Path("runs")):
        if is_held(folder):
            return folder
    raise UsageProblem(
        "Nothing runs in `runs`.",
        fix=(Command("tunelock stop RUN"), Command("tunelock status")),
    )
