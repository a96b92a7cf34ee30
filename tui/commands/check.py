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
    from runner import hub_rows, places, preflight, verify
    from tui.transfer import noting

    held = locks.read(lock)
    found = places.find(held, lock, located)
    verify.check_whole(held)
    compared = ["model", "template", "rows", "tokens"] if "model" in found else []
    if compared:
        verify.check_model(held, found["model"])
        rows = hub_rows.fetched(held, found, noting())
        verify.corpus_of(held, found["model"], rows)
    versions = preflight.packages_found(held)
    others = preflight.package_differences(held, versions)
    preflight.check_device(held)
    preflight.check_disk(held, Path("runs"))
    if as_json:
        told = {"holds": True, "compared": compared, "packages": [vars(one) for one in others]}
        output.data_json(told)
        return
    if compared:
        output.data(f"`{lock}` holds here: model, template, rows and tokens are those of the lock")
    else:
        output.data(
            f"`{lock}` has all its files named here; its model is on the Hub, and `tunelock run` "
            "compares model, template, rows and tokens before it trains"
        )
    for one in others:
        output.note(f"warning: {one.field} {one.locked} was planned for, {one.found} is installed")
