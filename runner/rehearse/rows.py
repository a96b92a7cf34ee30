"""Rows of a rehearsal: the longest of a run, or random ones."""

import random
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

from planner.data.tokens.encode import IGNORED
from runner.rehearse.case import Case, Row

Example = Mapping[str, Sequence[int]]
"""A tokenized row as TRL's trainers take it."""


def examples(case: Case) -> list[Example]:
    """Return the rows of every micro-batch of a case, in order."""
    profile, vocabulary = case.profile, int(_text(case.config)["vocab_size"])
    batch = [_finished(profile.objective, row) for row in case.rows or made_up(case, vocabulary)]
    count = profile.micro_batch * case.accumulation * case.steps
    return list(islice(cycle(batch), count))


def held_out(case: Case) -> list[Example]:
    """Return the rows of the evaluation's micro-batch."""
    own = [_finished(case.profile.objective, row) for row in case.held_out]
    return own or examples(case)[: case.profile.micro_batch]


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the decoder's part of a `config.json`, for models with several towers too."""
    inner: Mapping[str, Any] = config.get("text_config", config)
    return inner


def made_up(case: Case, vocabulary: int) -> list[Row]:
    """Return one micro-batch of random tokens, whose first row has the planned length.

    If rows are padded, the others are one token shorter. The last part of each row is scored.
    """
    profile, source = case.profile, random.Random(1)
    found = []
    for place in range(profile.micro_batch):
        length = profile.length - (1 if profile.padded and place else 0)
        ids = tuple(source.randrange(3, vocabulary) for _ in range(length))
        ignored = length - max(1, round(profile.scored * length))
        found.append((ids, (IGNORED,) * ignored + ids[ignored:]))
    return found


def _finished(objective: str, row: Row) -> Example:
    ids, labels = list(row[0]), list(row[1])
    if objective == "sft":
        return {"input_ids": ids, "labels": labels}
    if objective == "reward":
        return {"chosen_ids": ids, "rejected_ids": ids[:-1]}
    half = len(ids) // 2
    return {"prompt_ids": ids[:half], "chosen_ids": ids[half:], "rejected_ids": ids[half:-1]}


def columns(rows: Sequence[Example]) -> dict[str, Any]:
    """Return rows column by column."""
    return {name: [row[name] for row in rows] for name in rows[0]}
