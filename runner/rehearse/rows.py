"""Rows of a rehearsal: the longest of a run, or made-up ones."""

import random
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

from planner.data.tokens.example import IGNORED, Encoded, Example
from runner.rehearse.case import Case


def examples(case: Case) -> list[Example]:
    """Return the rows of every micro-batch of a case, in order."""
    profile, vocabulary = case.profile, int(_text(case.config)["vocab_size"])
    batch = case.rows or made_up(case, vocabulary)
    count = profile.micro_batch * case.accumulation * case.steps
    return list(islice(cycle(batch), count))


def held_out(case: Case) -> list[Example]:
    """Return the rows of the evaluation's micro-batch."""
    return list(case.held_out) or examples(case)[: case.profile.micro_batch]


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a `config.json` says of the decoder; of several towers it is one."""
    inner: Mapping[str, Any] = config.get("text_config", config)
    return inner


def made_up(case: Case, vocabulary: int) -> list[Example]:
    """Return one micro-batch of random tokens, the first row of them as long as planned.

    Where rows are padded, the others are a token shorter, and so are all sequences of an example
    but its first. A share of each row's end is scored.
    """
    profile, source = case.profile, random.Random(1)
    found = []
    for place in range(profile.micro_batch):
        length = profile.length - (1 if profile.padded and place else 0)
        ids = tuple(source.randrange(3, vocabulary) for _ in range(length))
        ignored = length - max(1, round(profile.scored * length))
        whole = Encoded(ids, (IGNORED,) * ignored + ids[ignored:])
        short = Encoded(whole.input_ids[:-1], whole.labels[:-1])
        names = profile.spec.sequences
        found.append(Example({name: short if at else whole for at, name in enumerate(names)}))
    return found
