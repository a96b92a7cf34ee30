"""Every micro-batch with and without checkpointing and packing, against the plan that is chosen.

    python -m tests.gpu.exhaustive OUT.jsonl [--seconds BUDGET]

A step takes the same 16 rows in each trial, of log-normal lengths, padded to the longest of their
micro-batch; packed trials take 16 rows that are full. Tokens that only pad are not counted.
Without OUT the trials are listed, with estimated seconds.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from statistics import NormalDist, median

from planner.candidates import CUDA_CONTEXT_BYTES, Candidates, Kind
from planner.fit import machines, models
from planner.fit.search import EFFECTIVE_BATCH, Search
from planner.fit.wish import Plan, Wish
from planner.interview.answers import check
from planner.machine import MachineFacts
from planner.models import ModelFacts
from planner.profile import Profile
from planner.ranking import best
from runner.rehearse.case import Row
from tests.gpu.lines import Line, ran
from tests.gpu.script import main
from tests.gpu.trials import CARD, Trial, config

GIB = 40
"""Memory of the simulated card."""
MODELS: tuple[tuple[str, Kind], ...] = (
    ("Qwen2.5-0.5B", "lora"),
    ("Llama-3.1-8B", "lora"),
    ("Qwen3-4B", "qlora"),
)
MICRO_BATCHES = (1, 2, 4, 8, 16)
LENGTH = 1024
"""What rows are cut to, in tokens; the longest one reaches it."""
MEDIAN, SPREAD = 300, 0.7
"""Of the lengths' log-normal distribution: its median in tokens, and the deviation of the log."""
REPEATS = 40
"""Of a step's rows, in the rows that the choice is made by."""
STEPS = 4
"""Optimizer steps; the first one warms up."""


@cache
def lengths() -> tuple[int, ...]:
    """Return the lengths of a step's rows: evenly spaced quantiles, in a random order."""
    found = []
    for row in range(EFFECTIVE_BATCH):
        deviation = NormalDist().inv_cdf((row + 0.5) / EFFECTIVE_BATCH)
        found.append(min(LENGTH, round(MEDIAN * math.exp(SPREAD * deviation))))
    random.Random(5).shuffle(found)
    return tuple(found)


def rows(vocabulary: int, packed: bool) -> tuple[Row, ...]:
    """Return a step's rows of random tokens, all scored."""
    source, found = random.Random(1), []
    for length in (LENGTH,) * EFFECTIVE_BATCH if packed else lengths():
        ids = tuple(source.randrange(3, vocabulary) for _ in range(length))
        found.append((ids, ids))
    return tuple(found)


def search_of(model: str, method: Kind, packing: bool) -> Search:
    """Return the plans that `tunelock fit` scores for rows of `LENGTH`."""
    wish = Wish(method=method, length=LENGTH, packing=packing)
    return Search(models.find(model), machine(), wish)


def machine() -> MachineFacts:
    """Return a machine with a card of the speed of `CARD`, of which `GIB` are free."""
    found = machines.named(CARD)
    free = replace(found.gpus[0], memory_bytes=GIB * machines.GIB, free_bytes=GIB * machines.GIB)
    return replace(found, gpus=(free,))


@cache
def chosen(model: str, method: Kind, packing: bool) -> Profile:
    """Return what the tool chooses: for rows that are padded, `tunelock plan` by their lengths."""
    search = search_of(model, method, packing)
    usual = search.best(method).profile
    if packing:
        return usual
    asked = {
        "goal.name": "x", "data.train": "x", "model.source": "x", "method.kind": method,
        "method.targets": "all-linear", "train.effective_batch": EFFECTIVE_BATCH,
    }  # fmt: skip
    many = lengths() * REPEATS
    model_facts = ModelFacts(model, (), search.model.architecture, search.model.parameters, "BF16")
    counted = (len(many), LENGTH)
    candidates = Candidates(check(asked, {}), model_facts, machine(), *counted, lengths=many)
    found = best(candidates)
    assert found is not None
    return replace(usual, micro_batch=found.micro_batch, checkpointing=found.checkpointing)


def trials() -> tuple[Trial, ...]:
    """Return the trials: the chosen plans, then the others, the fastest by estimate first."""
    found = [trial for model, method in MODELS for trial in _trials(model, method)]
    return tuple(sorted(found, key=lambda trial: (not trial.facts["chosen"], trial.seconds)))


def _trials(model: str, method: Kind) -> Iterator[Trial]:
    for packing in (False, True):
        search = search_of(model, method, packing)
        usual = search.best(method).profile
        picked = chosen(model, method, packing)
        for checkpointing, micro_batch in product((False, True), MICRO_BATCHES):
            changes = {"checkpointing": checkpointing, "micro_batch": micro_batch}
            plan = search.other(usual, **changes)
            if plan.allocated_bytes + CUDA_CONTEXT_BYTES <= GIB * machines.GIB:
                same = (picked.checkpointing, picked.micro_batch) == (checkpointing, micro_batch)
                yield _trial(search, plan, chosen=same)


def _trial(search: Search, plan: Plan, chosen: bool) -> Trial:
    profile = plan.profile
    facts = {
        "method": profile.method, "packing": profile.packing,
        "tokens": EFFECTIVE_BATCH * LENGTH if profile.packing else sum(lengths()),
        "chosen": chosen,
    }  # fmt: skip
    words = [search.model.name, profile.method, f"micro-batch {profile.micro_batch}"]
    words += ["checkpointing"] * profile.checkpointing + ["packing"] * profile.packing
    return Trial(
        ", ".join(words), search.model, plan, facts, cap_bytes=GIB * machines.GIB,
        rows=rows(config(search.model.name)["vocab_size"], profile.packing),
        accumulation=plan.accumulation, steps=STEPS, evaluate=False,
    )  # fmt: skip


def tokens_per_second(line: Line) -> float:
    """Return the tokens of rows in a second, by the median step after the first."""
    return float(line["tokens"] / median(line["measured"]["step_seconds"][1:]))


def predicted_speed(line: Line) -> float:
    """Return the same by the estimate."""
    return float(line["tokens"] / line["predicted"]["step_seconds"])


def ratio(found: Sequence[Line], line: Line) -> float:
    """Return the speed of a trial as a share of the best one's."""
    return tokens_per_second(line) / max(map(tokens_per_second, found))


def summary(found: Sequence[Line]) -> Iterator[str]:
    """Yield each model's trials, the fastest first, and how fast the chosen plan is."""
    for model in dict.fromkeys(line["model"] for line in found):
        done = [line for line in found if line["model"] == model and ran(line)]
        for line in sorted(done, key=tokens_per_second, reverse=True):
            mark = " (chosen)" if line["chosen"] else ""
            yield f"{tokens_per_second(line):8.0f} tokens/s  {line['name']}{mark}"
        yield from _shares(done)


def _shares(done: Sequence[Line]) -> Iterator[str]:
    """Yield the shares of one model: within each kind of rows, and of all."""
    for packing in (False, True):
        alike = [line for line in done if line["packing"] == packing]
        kind = "packed" if packing else "padded"
        for line in (line for line in alike if line["chosen"]):
            yield f"  chosen, {kind}: {ratio(alike, line):.1%} of the best {kind}"
            yield f"  chosen, {kind}: {ratio(done, line):.1%} of the best of all"
        if alike:
            fastest = max(alike, key=predicted_speed)
            yield f"  fastest by estimate, {kind}: {ratio(alike, fastest):.1%} of the best {kind}"


if __name__ == "__main__":
    main(trials(), summary)
