"""`tunelock check run.lock`: does this lock hold here? Writes nothing."""

from pathlib import Path

import click

from tui import output
from tui.options import locate


@click.command(name="check")
@click.argument("lock", type=click.Path(path_type=Path), default=Path("run.lock"))
@locate
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(lock: Path, located: dict[str, Path], as_json: bool) -> None:
    """Compare what LOCK names (default: run.lock) with what is here: model, rows, tokens, room."""
    from lockfiles import lock as locks
    from runner import places, preflight, verify

    held = locks.read(lock)
    found = places.find(held, lock.absolute().parent, located)
    if "model" in found:
        verify.check_model(held, found["model"])
        verify.corpus_of(held, found["model"], found)
    versions = preflight.packages_found(held)
    others = preflight.package_differences(held, versions)
    preflight.check_disk(held, Path("runs"))
    if as_json:
        output.data_json({"holds": True, "packages": [vars(one) for one in others]})
        return
    output.data(f"`{lock}` holds here: model, template, rows and tokens are those of the lock")
    for one in others:
        output.note(f"warning: {one.field} {one.locked} was planned for, {one.found} is installed")
