"""`tunelock plan run.toml`: the lock of a run, with every value resolved and explained."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockfiles.errors import StaleLock, UsageProblem
from lockfiles.fixes import REHEARSAL, Command
from tui.terminal import output

if TYPE_CHECKING:
    from lockfiles.lock import Lock


@click.command(name="plan")
@click.argument("intent", type=click.Path(path_type=Path), default=Path("run.toml"))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="The lock to write.  [default: INTENT with the suffix .lock]",
)  # fmt: skip
@click.option(
    "--machine", type=click.Path(path_type=Path), metavar="FILE",
    help="Plan for another machine, from facts that `tunelock doctor --machine FILE` saved on it.",
)  # fmt: skip
@click.option(
    "--facts", type=click.Path(path_type=Path), metavar="FILE",
    help="Use the measurements of `tunelock rehearse`: its rehearsal.json.",
)  # fmt: skip
@click.option("--check", "only_check", is_flag=True, help="Check whether the lock is up to date.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the changes to the lock.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(
    intent: Path,
    out: Path | None,
    machine: Path | None,
    facts: Path | None,
    only_check: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Plan the run that INTENT (default: run.toml) describes, and write it as a lock.

    The lock has the method, every setting with its reason, the memory that training will need, and
    digests of the model and the data. With --check or --dry-run nothing is written.
    """
    from lockfiles import lock as locks
    from planner.machines import saved as machines
    from planner.search.rehearsal import ESTIMATOR
    from tui.session import planning
    from tui.text import plan

    target = out or intent.with_suffix(".lock")
    if not only_check and not dry_run:
        planning.writable(target, locks.MARK)
    if only_check and not target.exists():
        raise StaleLock(f"There is no `{target}` yet.", fix=Command("tunelock plan {}", intent))
    before = locks.read(target) if target.exists() and (only_check or dry_run) else None
    rehearsed = isinstance(before, locks.TrainingLock) and before.prediction.estimator == ESTIMATOR
    if rehearsed and only_check and not facts:
        raise UsageProblem(
            f"`{target}` was planned from a rehearsal, whose measurements the check also needs.",
            fix=Command("tunelock plan {} --check --facts {}", intent, target.with_name(REHEARSAL)),
        )
    other = machines.load(machine) if machine else None
    kept = before if only_check else None
    made = planning.from_file(intent, machine=other, kept=kept, kept_at=target, rehearsal=facts)
    if only_check:
        if before != made:
            raise StaleLock(
                f"`{target}` no longer matches `{intent}`.",
                fix=Command("tunelock plan {}", intent),
            )
        output.note(f"`{target}` is up to date")
        return
    if not dry_run:
        planning.write(made, target)
    if as_json:
        output.data_json(made.model_dump())
    else:
        output.lines(plan.page(made))
    if beyond := plan.beyond(made):
        output.note(beyond)
    if dry_run:
        output.notes(plan.changes(before, made))
    else:
        output.note(f"wrote {target}{'' if beyond else _next(intent, target, made)}")


def _next(intent: Path, target: Path, made: "Lock") -> str:
    """Return how to run a lock."""
    from lockfiles.lock import TrainingLock

    words = shlex.join([str(target), *_located(intent, target, made)])
    if isinstance(made, TrainingLock) and made.parallel.nodes > 1:
        nodes = made.parallel.nodes
        return f"; `tunelock launch --slurm {words}` writes what starts it on {nodes} machines"
    return f"; run it with `tunelock run {words}`"


def _located(intent: Path, target: Path, made: "Lock") -> list[str]:
    """Return the options that name a lock's inputs where it is not next to the intent that does."""
    from runner.inputs import locations

    if target.absolute().with_suffix("") == intent.absolute().with_suffix(""):
        return []
    with suppress(StaleLock):  # the intent next to the lock is another one
        if locations.known(made, target, {}).keys() >= {*locations.wanted(made)}:
            return []
    places = locations.known(made, intent.with_suffix(".lock"), {})
    return [word for name, place in places.items() for word in ("--locate", f"{name}={place}")]
