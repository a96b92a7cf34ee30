"""`tunelock stop [RUN]`: let a run save a checkpoint and end, within a stated time."""

import shlex
from pathlib import Path

import click

from lockfiles.errors import Interrupted, UsageProblem
from lockfiles.fixes import Command
from lockfiles.harmless import one_line
from tui.follow import follow
from tui.terminal import output
from tui.text import ending


@click.command(name="stop")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--no-wait", is_flag=True, help="Do not wait until the run has stopped.")
def command(run: Path | None, no_wait: bool) -> None:
    """Stop RUN (default: the newest running one in ./runs). Resume it with `tunelock run`.

    The run saves a checkpoint at its next step. It has 120 seconds plus twice the time of its
    last step and checkpoint; then its stage is killed without a new checkpoint. A suspended
    supervisor is resumed first; if it does not respond within 30 more seconds, it is killed too.
    """
    from runner.supervisor import stop

    folder = _running(run)

    def report(words: str) -> None:
        output.note(f"{folder.name}: {words}")

    stop.ask(folder, report)
    if no_wait:
        again = f"tunelock watch {shlex.quote(str(folder))}"
        report(f"will stop at its next step; follow it with `{again}`")
        return
    report(f"stopping at its next step, within about {stop.PATIENCE.grace_seconds:.0f} s")
    try:
        stop.wait(folder, report)
    except KeyboardInterrupt:
        raise Interrupted(
            f"The run in `{folder}` is still stopping.",
            fix=Command("tunelock status {}", folder),
        ) from None
    ended = follow.snapshot_of(folder)
    done = ended.finished and ended.failure is None
    again = ending.resume_command(folder)
    report("done before it could stop" if done else f"stopped; resume it with `{again}`")


def _running(run: Path | None) -> Path:
    from runner.runs.holders import is_held

    if run is not None:
        return follow.find(run)
    found = follow.runs_in(Path("runs"))
    for folder in found:
        if is_held(folder):
            return folder
    newest = f"; the newest, `{one_line(found[0].name)}`, has ended" if found else ""
    raise UsageProblem(
        f"No run is active in `runs`{newest}.",
        fix=(
            Command("tunelock status", to="see the runs there"),
            Command("tunelock stop FOLDER", to="stop one elsewhere"),
        ),
    )
