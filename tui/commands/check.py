"""`tunelock check run.lock`: can this lock run here? Writes nothing."""

from pathlib import Path

import click

from tui.commands.shared import options
from tui.terminal import output

_OF_TRAINING = (
    "model, template, rows and tokens",
    "model, template, rows and tokens before training",
)
_OF_EXPORTS = ("the model's files", "the model's files before the export")
"""What was compared with the lock, and what a run compares."""


@click.command(name="check")
@options.lock
@options.locate
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
    help="The folder for run folders.",
)  # fmt: skip
@click.option(
    "--allow", "allowed", multiple=True, metavar="TARGET",
    help="Also check that this Hub repository accepts a push, as `tunelock run --allow` does.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    lock: Path, located: dict[str, Path], runs: Path, allowed: tuple[str, ...], as_json: bool
) -> None:
    """Compare LOCK (default: run.lock) with this machine: model, rows, tokens, memory, disk.

    These are the checks that `tunelock run` makes before its first stage. A push must be confirmed
    on the command line: without `--allow` it is only reported, and the check still passes.
    """
    from lockfiles import lock as locks
    from planner.machines.probes import digests
    from runner.environments import packages
    from runner.inputs import locations, verify
    from runner.inputs import rows as hub_rows
    from runner.runs.kind import Asked, of_kind
    from runner.supervisor import preflight, supervise
    from tui.text.transfer import noting

    held = locks.read(lock)
    found = locations.find(held, lock, located)
    verify.check_whole(held)
    supervise.check_folder(held, runs)
    target = preflight.pushes_to(held)
    stages = [one.id for one in held.stage if allowed or not of_kind(one.kind).target]
    preflight.check_all(held, Asked(runs, allowed, stages, found))
    compared = []
    if "model" in found:
        compared = ["model"]
        with verify.model_of(held, found["model"], sha256=digests.computed) as base:
            if isinstance(held, locks.TrainingLock):
                compared += ["template", "rows", "tokens"]
                rows = hub_rows.fetched(held, found, noting())
                verify.corpus_of(held, base.folder, rows)
    versions = packages.packages_found(held)
    others = packages.package_differences(held, versions)
    needs = [target] if target and target not in allowed else []
    if as_json:
        result = {"holds": True, "compared": compared, "packages": [vars(one) for one in others]}
        output.data_json(result | {"allow": needs})
        return
    words = _OF_TRAINING if isinstance(held, locks.TrainingLock) else _OF_EXPORTS
    if compared:
        output.data(f"`{lock}` can run here: {words[0]} match the lock")
    else:
        output.data(
            f"`{lock}` can run here, as far as its local files show; its model is on the Hub, and "
            f"`tunelock run` verifies {words[1]}"
        )
    for one in others:
        output.note(f"warning: {one.field} is {one.locked} in the lock, but {one.found} here")
    for repo in needs:
        output.note(f"note: the lock pushes to `{repo}`; `tunelock run` needs `--allow {repo}`")
