"""Rows of a rehearsal: the longest of a run, or random ones."""

import random
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

from planner.data.tokens.example import IGNORED, Encoded, Example
from runner.rehearse.case import Case


def examples(case: Case) -> list[Example]:
    """Return the rows of every micro-batch of a case, in order: those of all processes, each of
    which has the same ones without packing."""
    if case.every:
        return list(case.rows)
    batch = case.rows or made_up(case, int(_text(case.config)["vocab_size"]))
    return list(islice(cycle(batch), rows_of_step(case, len(batch)) * case.steps))


def rows_of_step(case: Case, batch: int) -> int:
    """Return the rows of an optimizer step, those of all processes; `batch` are those of the case.
    With passes they are the step: repeated ones would be laid out otherwise."""
    ranks = case.profile.ranks
    if case.profile.pass_tokens:
        return -(-batch // ranks) * ranks
    return case.profile.micro_batch * case.accumulation * ranks


def held_out(case: Case) -> list[Example]:
    """Return the rows of the evaluation's micro-batch, the same for each process."""
    own = list(case.held_out) or examples(case)[: case.profile.micro_batch]
    return own * case.profile.ranks


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the decoder's part of a `config.json`, for models with several towers too."""
    inner: Mapping[str, Any] = config.get("text_config", config)
    return inner


def made_up(case: Case, vocabulary: int) -> list[Example]:
    """Return one micro-batch of random tokens, the first row of them as long as planned.

    With passes, it is one with as many tokens as planned, and a second one if a step may have
    several. Where rows are padded, the others are a token shorter, and so are all sequences of an
    example but its first. A share of each row's end is scored.
    """
    profile, source = case.profile, random.Random(1)
    found = []
    for length in _lengths(case):
        ids = tuple(source.randrange(3, vocabulary) for _ in range(length))
        ignored = length - max(1, round(profile.scored * length))
        whole = Encoded(ids, (IGNORED,) * ignored + ids[ignored:])
        short = Encoded(whole.input_ids[:-1], whole.labels[:-1])
        names = profile.spec.sequences
        found.append(Example({name: short if at else whole for at, name in enumerate(names)}))
    return found


def _lengths(case: Case) -> list[int]:
    """Return the tokens of each made-up row."""
    profile = case.profile
    if not profile.pass_tokens:
        others = profile.length - (1 if profile.padded else 0)
        return [profile.length] + [others] * (profile.micro_batch - 1)
    full, rest = divmod(profile.pass_tokens, profile.length)
    one = [profile.length] * full + ([rest] if rest else [])
    twice = profile.accumulates and 2 * len(one) <= profile.micro_batch * case.accumulation
    return (one * 2 if twice else one) * profile.ranks
