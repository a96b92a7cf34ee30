"""What is held back for validation: near duplicates on one side, each label with its share."""

from collections import Counter
from pathlib import Path

import pytest

from lockfiles.errors import DataRefused
from planner.data.corpus.split import best_way, divide, labels_of, split_rows
from planner.data.near.groups import groups_of
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row
from runner.demo import files

ROWS = Path(files.__file__).parent / "rows" / "train.jsonl"
SAID = Message("assistant", "It can be done.")
FRACTION, SEED = 0.1, 7


def asked() -> list[Row]:
    """Return the demo's rows, the answers of which are labels."""
    return list(load_table(ROWS).rows)


def repeated() -> list[Row]:
    """Return real questions, a hundred of them three times, nearly the same."""
    rows = asked()[::2]
    again = [
        Row((rows[place].messages[0], Message("user", f"{rows[place].prompt} {word}"), SAID))
        for word in ("please", "thanks")
        for place in range(100)
    ]
    return [*rows, *again]


def test_near_duplicates_stay_on_one_side() -> None:
    rows = repeated()
    groups = groups_of(rows)
    assert len(set(groups)) <= len(rows) - 140
    split = divide(rows, FRACTION, SEED, "groups")
    assert sorted(split.train + split.validation) == list(range(len(rows)))
    assert not {groups[row] for row in split.train} & {groups[row] for row in split.validation}
    assert 0.9 * FRACTION <= len(split.validation) / len(rows) <= FRACTION
    alone = divide(rows, FRACTION, SEED, "rows")
    assert {groups[row] for row in alone.train} & {groups[row] for row in alone.validation}


def test_each_label_has_its_share() -> None:
    rows = asked()
    labels = labels_of(rows)
    assert labels and best_way(rows) == "groups-and-labels"
    split = divide(rows, 0.2, SEED, "groups-and-labels")
    every = Counter(labels)
    held = Counter(labels[row] for row in split.validation)
    assert held.keys() == every.keys()
    assert all(abs(held[label] - 0.2 * count) < 1 for label, count in every.items())


def test_rows_without_labels_are_drawn_by_their_groups() -> None:
    told = [Row((row.messages[1], Message("assistant", row.prompt))) for row in asked()]
    assert labels_of(told) is None
    assert best_way(told) == "groups"


def test_quotas_are_whole_rows_and_sum_up() -> None:
    labels = ["a"] * 15 + ["b"] * 5 + ["c"] * 3
    split = split_rows(range(23), 0.2, SEED, labels)
    assert Counter(labels[row] for row in split.validation) == {"a": 3, "b": 1}


def test_a_group_larger_than_what_is_held_back_trains() -> None:
    split = split_rows([0] * 50 + [*range(50, 100)], 0.1, SEED)
    assert len(split.validation) == 10 and min(split.validation) >= 50


def test_rows_that_are_all_alike_cannot_be_split() -> None:
    with pytest.raises(DataRefused, match="too similar") as refused:
        split_rows([0] * 50, 0.1, SEED)
    assert "validation_fraction = 0.0" in refused.value.hint


def test_the_split_is_pinned() -> None:
    """Locks rely on it: these numbers never change."""
    groups, labels = [0, 1, 2, 0, 4, 5, 6, 5, 8, 9, 10, 11], list("abababababab")
    assert split_rows(groups, 0.34, 42).validation == PINNED
    assert split_rows(groups, 0.34, 42, labels).validation == PINNED_BY_LABEL


PINNED = (0, 3, 4, 11)
PINNED_BY_LABEL = (0, 1, 3, 11)
