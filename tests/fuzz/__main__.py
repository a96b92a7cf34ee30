"""`python -m tests.fuzz`: try spoiled files of every kind, and print what came of them."""

import json
import os
import tempfile
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import click

from tests.fuzz import bases, pool
from tests.fuzz.report import Count, table

KINDS = {
    "bytes": "byte_changes",
    "values": "value_changes",
    "intents": "intents",
    "events": "events",
    "records": "records",
    "models": "models",
}


@click.command()
@click.option("--short", is_flag=True, help="A few cases of each kind, for CI.")
@click.option("--seed", default=1, show_default=True)
@click.option("--only", multiple=True, type=click.Choice([*KINDS]))
@click.option("--count", type=int, help="Cases of each kind.  [default: the kind's own]")
@click.option("--first", default=0, help="The number of the first case.")
@click.option("--at-once", default=os.cpu_count() or 1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Write what failed into this folder.")
def main(
    short: bool, seed: int, only: tuple[str, ...], count: int | None, first: int, at_once: int,
    keep: Path | None,
) -> None:  # fmt: skip
    """Print a table of cases and their faults; the exit code is 1 where there are any."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as made:
        home = Path(made)
        bases.quiet(home / "home")
        found = bases.made(home / "demo")
        warm()
        counts = []
        for name in only or KINDS:
            module = import_module(f"tests.fuzz.kinds.{KINDS[name]}")
            kind = module.Kind(home / name, found, seed)
            wanted = count or (module.SHORT if short else module.COUNT)
            begun, counted = time.monotonic(), Count(name)
            for verdict in pool.run(kind.case, range(first, first + wanted), at_once):
                counted.add(verdict)
                if keep and counted.is_fault(verdict):
                    _keep(keep, name, verdict)
            counted.seconds = time.monotonic() - begun
            counts.append(counted)
            click.echo(f"{name}: {counted.seconds:.0f} s", err=True)
    click.echo("\n".join(table(counts)))
    raise SystemExit(any(counted.faults for counted in counts))


def warm() -> None:
    """Import what the commands import, so that each case need not."""
    for name in ("check", "diff", "plan", "status", "watch", "run", "fit"):
        import_module(f"tui.commands.{name}")
    for name in (
        "lockfiles.lock", "planner.data.corpus", "planner.search", "planner.plan", "planner.gather",
        "planner.rehearsal", "runner.hub_rows", "runner.verify", "runner.preflight",
        "runner.supervise", "tui.planning", "tui.watching", "tui.results", "tui.carry",
        "planner.fit.answers", "planner.probes.nvidia", "planner.machine",
    ):  # fmt: skip
        try:
            import_module(name)
        except ModuleNotFoundError:
            continue


def _keep(folder: Path, kind: str, verdict: pool.Verdict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(verdict), indent=1, ensure_ascii=False)
    (folder / f"{kind}-{verdict.number}.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
