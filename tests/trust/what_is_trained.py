"""`python -m tests.trust.what_is_trained`: what is trained is what is read.

For each value change of a lock that `check` takes, digests recomputed: what the stages prepare and
load, the settings that the trainer gets, and the sentences that a person reads, each compared with
the lock. Nothing is trained.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import click

from lockfiles import lock as locks
from lockfiles.lock import TrainingLock
from tests.fuzz import bases, commands, pool, run_folder
from tests.fuzz.cases import warm
from tests.fuzz.kinds import value_changes
from tests.fuzz.pool import Meter, Verdict
from tests.fuzz.report import Count, table
from tests.trust import small_changes

CLAIMS: tuple[tuple[str, str], ...] = (
    (r"method\s+(?:full|\w+(?: of|,) rank (\d+))", "method.rank"),
    (r"method\s+(full|lora|qlora)\b", "method.kind"),
    (r"batch\s+(\d+) x \d+", "train.micro_batch"),
    (r"batch\s+\d+ x (\d+)", "train.accumulation"),
    (r"batch\s+\d+ x \d+(, packed)?", "stream.packing"),
    (r"\bRank (\d+) is the usual", "method.rank"),
    (r"\bTwice the rank of (\d+)", "method.rank"),
    (r"\b(\d+) epochs of \d+ rows", "train.epochs"),
    (r"\d+ epochs of (\d+) rows", "stream.rows"),
    (r"\bAbout five evaluations in (\d+) steps", "steps"),
    (r"\b(\d+) tokens: the longest row", "stream.max_length_tokens"),
    (r"makes? an effective batch of (\d+)", "batch"),
    (r"full effective batch of (\d+) fits", "batch"),
    (r"verdict\s+([a-z-]+)", "decision.verdict"),
    (r"on (\d+) held-out rows", "held-out"),
)
"""A sentence of some face, and the value of the lock that it names."""


def said_otherwise(lock: TrainingLock, text: str) -> Iterator[str]:
    """Yield the sentences that name another value than the lock has."""
    told = " ".join(text.split())
    for pattern, key in CLAIMS:
        for found in re.finditer(pattern.replace(r"\s+", " "), told):
            wanted, got = _value(lock, key), found[1] or ""
            if found[1] is None and key == "method.rank":
                continue
            if key == "stream.packing":
                got = str(bool(found[1]))
            if wanted is not None and str(wanted) != got:
                yield f"{key}: a face says {found[0]!r:.80}, and the lock has {wanted}"


def _value(lock: TrainingLock, key: str) -> Any:
    rows = lock.train.micro_batch * lock.train.accumulation
    if key == "batch":
        return rows
    if key == "steps":
        return -(-lock.stream.rows // rows) * lock.train.epochs
    if key == "held-out":
        settings = [dict(one.settings) for one in lock.stage if one.kind == "evaluate"]
        return "none" if settings and settings[0].get("rows") == "train" else None
    table_of, _, name = key.partition(".")
    return getattr(getattr(lock, table_of), name)


class Kind:
    """Value changes; those that are accepted are carried as far as the first step."""

    def __init__(self, home: Path, found: list[bases.Base], seed: int) -> None:
        self._home = home
        self._changes = value_changes.Kind(home, found, seed)
        self._bases = found
        self._seed = seed
        self._first = [(base, base.text, "unchanged") for base in found]

    def prepare(self, count: int) -> None:
        """Make what so many cases need, before they are forked."""
        if count > len(self._first):
            found = self._bases
            near = [(base, *change) for base in found for change in small_changes.changes(base)]
            Random(self._seed).shuffle(near)
            self._first += near

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case; the first are the locks as they were planned, and
        those with one setting changed a little."""
        if number < len(self._first):
            base, text, what = self._first[number]
        else:
            base, text, what = self._changes.changed(number - len(self._first))
        return self._judged(base, text, what, place)

    def test_itself(self) -> None:
        """Raise AssertionError where a key ends nowhere, or an argument can be lost unseen."""
        from tests.trust import stages, trainer_keys

        lock = locks.parse(self._bases[0].text).training()
        assert not trainer_keys.forgotten(lock)
        said = "method    lora, rank {0}: Rank {0} is the usual choice"
        assert not list(said_otherwise(lock, said.format(16)))
        assert len(list(said_otherwise(lock, said.format(8)))) == 2

        def lacking(number: int, place: int) -> Verdict:
            stages.lose(LACKING[number])
            return self.case(0, place)

        verdicts = list(pool.run(lacking, range(len(LACKING)), 2, limit_bytes=64 << 30))
        missed = [LACKING[one.number] for one in verdicts if one.traceback or not one.hidden]
        assert not missed, [one for one in verdicts if LACKING[one.number] in missed]

    def _judged(self, base: bases.Base, text: str, what: str, place: int) -> Verdict:
        folder = self._home / str(place)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "locations.toml").write_text(base.locations, "utf-8")
        (folder / "case.lock").write_text(text, "utf-8", errors="replace")
        pool.begin(what, text.encode("utf-8", "replace"))
        with Meter() as meter:
            ended = commands.run(folder, "check", "case.lock")
        differing: list[str] = []
        if ended.code == 0:
            lock = locks.read(folder / "case.lock").training()
            differing = [*_differing(lock, base, folder), *_said(lock, ended.out, folder)]
        return Verdict(
            ended.code, ended.traceback, hidden="; ".join(differing), what=f"{base.name}: {what}",
            file=text, seconds=meter.seconds,
        )  # fmt: skip


LACKING = ("weight_decay", "lr_scheduler_type", "eval_steps", "seed", "optim")
"""Arguments that are left out, to see whether that is noticed."""


def _said(lock: TrainingLock, checked: str, folder: Path) -> Iterator[str]:
    """Yield what the faces say otherwise: `check`, `plan`'s page and a finished run's results."""
    from tui.text import plan
    from tui.text.run import lines

    yield from said_otherwise(lock, checked)
    page = plan.page(lock)
    yield from said_otherwise(lock, page if isinstance(page, str) else "\n".join(page))
    base = bases.Base("case", (folder / "case.lock").read_text("utf-8"), {})
    run = run_folder.write(folder / "shown", base)
    yield from said_otherwise(lock, "\n".join(lines(run)))


def _differing(lock: TrainingLock, base: bases.Base, folder: Path) -> list[str]:
    """Carry out `prepare` and `train` up to the first step, and compare what they have."""
    from tests.trust.stages import carried

    return carried(lock, base, folder)


@click.command()
@click.option("--count", default=5_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--at-once", default=os.cpu_count() or 1, show_default=True)
@click.option("--self-test", is_flag=True, help="Also look whether differences are noticed.")
def main(count: int, seed: int, at_once: int, self_test: bool) -> None:
    """Print how many value changes were tried, how many were taken, and how many differ."""
    with tempfile.TemporaryDirectory(prefix="trained-") as home:
        kind = made(Path(home), seed)
        if self_test:
            kind.test_itself()
        found = tried(kind, count, at_once)
    click.echo("\n".join(table([found])))
    click.echo(
        f"\ntried {found.tried}, accepted {found.accepted}, differ {found.number('not shown')}"
    )
    raise SystemExit(bool(found.faults))


def made(home: Path, seed: int) -> Kind:
    """Return the cases, after importing all that they need."""
    bases.quiet(home / "home")  # before anything of the Hub is imported
    import tests.trust.stages  # so that each case need not import torch
    import tui.session.planning
    import tui.text.run

    assert tests.trust.stages and tui.session.planning and tui.text.run
    found = [
        base for base in bases.made(home / "demo") if base.name not in ("hub", "card", "export")
    ]
    warm()
    return Kind(home / "trained", found, seed)


def tried(kind: Kind, count: int, at_once: int = 2) -> Count:
    """Return what came of some value changes; `not shown` counts those that differ."""
    kind.prepare(count)
    begun, counted = time.monotonic(), Count("trained")
    for verdict in pool.run(kind.case, range(count), at_once, limit_bytes=64 << 30):
        counted.add(verdict)
    counted.seconds = time.monotonic() - begun
    return counted


if __name__ == "__main__":
    main()
