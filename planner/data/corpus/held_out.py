"""Checks that evaluated rows are held out: scores on training rows say nothing about new rows."""

from collections.abc import Iterator, Mapping

from lockfiles.errors import DataRefused
from lockfiles.fixes import Change
from planner.data.checks.leak import Leak, TrainingRows
from planner.data.checks.wording import several
from planner.data.corpus.corpus import Corpus
from planner.data.rows.splits import SPLITS, SplitName


def learnt(rows: Corpus) -> dict[SplitName, int]:
    """Return how many rows of each held-out split are also training rows, if any are."""
    found: dict[SplitName, int] = {}
    train = rows.part("train")
    for name in SPLITS[1:]:
        part = rows.part(name)
        if part and train:
            same = set(part.rows).intersection(train.rows)
            found[name] = sum(row in same for row in part.rows)
    return {name: count for name, count in found.items() if count}


def check(rows: Corpus) -> None:
    """Raise DataRefused if every row of a held-out split is a training row."""
    for name, count in learnt(rows).items():
        part = rows.part(name)
        if part and count == len(part.rows):
            raise DataRefused(
                f"All {count} {name} rows are also training rows, so none is held out.",
                fix=Change(f"data.{name}", "a file with other rows"),
            )


def leaked(rows: Corpus) -> dict[SplitName, int]:
    """Return how many rows of each held-out split are also training rows, exactly or nearly.

    The rule is that of the check `leak`. Rows that were split off from the training file are
    compared exactly, since the split keeps near duplicates together.
    """
    found: dict[SplitName, int] = learnt(rows)
    train = rows.part("train")
    others = [part for name in SPLITS[1:] if (part := rows.part(name)) and part.source == name]
    if not train or not others:
        return found
    known = TrainingRows()
    for number, row in enumerate(train.rows):
        known.see(number, row)
    for part in others:
        leak = Leak(known)
        for number, row in enumerate(part.rows):
            leak.see(number, row)
        near = sum(finding.rows_found for finding in leak.findings())
        found |= {part.split: count} if (count := max(near, found.get(part.split, 0))) else {}
    return found


def sentences(rows: Corpus, found: Mapping[SplitName, int]) -> Iterator[str]:
    """Yield a sentence for each held-out split with rows that are `leaked`, as `found`, and one for
    the training rows that were left out instead."""
    exact = learnt(rows)
    for name, count in found.items():
        part = rows.part(name)
        total = len(part.rows) if part else 0
        same = exact.get(name, 0)
        how = f"{same:,} of them word for word" if same else "nearly word for word"
        how = "word for word" if same == count else how
        are = "rows is also a training row" if count == 1 else "rows are also training rows"
        yield f"{count:,} of {total:,} {name} {are}, {how}: scores on them measure memorization."
    for step in rows.steps:
        if step.what == "leak" and step.rows:
            those = f"{several(step.rows, 'row')} of `{step.file}`"
            yield f"{those} that {'is' if step.rows == 1 else 'are'} also held out were left out."
