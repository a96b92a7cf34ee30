"""`tunelock plan run.toml`: the lock of a run, every value resolved and explained."""

from pathlib import Path

import click

from lockfiles.errors import StaleLock
from tui import output


@click.command(name="plan")
@click.argument("intent", type=click.Path(path_type=Path), default=Path("run.toml"))
@click.option(
    "--out", type=click.Path(path_type=Path), help="[default: INTENT with the ending .lock]"
)
@click.option("--machine", type=click.Path(path_type=Path), help="Saved facts of a machine.")
@click.option("--check", "only_check", is_flag=True, help="Is the lock up to date? Writes nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would change. Writes nothing.")
@click.option("--json", "as_json", is_flag=True, help="Write the plan as JSON.")
def command(
    intent: Path,
    out: Path | None,
    machine: Path | None,
    only_check: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the lock of INTENT (default: run.toml), with the reason of every choice."""
    from lockfiles import lock as locks
    from planner import machine as machines
    from tui import planning

    target = out or intent.with_suffix(".lock")
    if not only_check and not dry_run:
        planning.writable(target)
    if only_check and not target.exists():
        raise StaleLock(f"There is no `{target}` yet.", hint=f"tunelock plan {intent}")
    before = locks.read(target) if target.exists() and (only_check or dry_run) else None
    facts = machines.load(machine) if machine else None
    kept = before if only_check else None
    made = planning.from_file(intent, machine=facts, kept=kept, kept_at=target)
    if only_check:
        if before != made:
            raise StaleLock(
                f"`{target}` no longer matches `{intent}`.", hint=f"tunelock plan {intent}"
            )
        output.note(f"`{target}` is up to date")
        return
    if not dry_run:
        planning.write(made, target)
    if as_json:
        output.data_json(made.model_dump())
    else:
        output.data("\n".join(planning.summary(made)))
    if dry_run:
        output.note("\n".join(planning.changes(before, made)))
    else:
        output.note(f"wrote {target}; carry it out with `tunelock run {target}`")
