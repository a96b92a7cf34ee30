"""Checks that evaluated rows are held out: scores on training rows say nothing about new rows.

Only exact matches are counted here; `tunelock data` also finds near duplicates.
"""

from collections.abc import Iterator

from lockfiles.errors import DataRefused
from lockfiles.fixes import Change
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


def sentences(rows: Corpus) -> Iterator[str]:
    """Yield a sentence for each held-out split that shares rows with the training rows."""
    for name, count in learnt(rows).items():
        part = rows.part(name)
        total = len(part.rows) if part else 0
        yield (
            f"{count} of the {total} {name} rows are also training rows, word for word: scores on "
            "them measure memorization."
        )
