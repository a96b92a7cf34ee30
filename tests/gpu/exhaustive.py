"""Every micro-batch with and without checkpointing and packing, against the plan that is chosen.

    python -m tests.gpu.exhaustive OUT.jsonl [--seconds BUDGET]

A step takes the same 16 rows in each trial, of log-normal lengths, padded to the longest of their
micro-batch or packed. Tokens that only pad are not counted.
Without OUT the trials are listed, with estimated seconds.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from statistics import NormalDist, median

from planner.data.tokens.example import Example, completion
from planner.fit import machines, models
from planner.fit.request import FitRequest, Wish
from planner.interview.answers import check
from planner.machines.facts import MachineFacts
from planner.models.facts import ModelFacts
from planner.search import from_answers
from planner.search.budget import CUDA_CONTEXT_BYTES
from planner.search.candidates import Candidates
from planner.search.plan import Plan
from planner.search.ranking import best
from planner.search.request import EFFECTIVE_BATCH
from planner.setup.setup import Kind, Profile
from tests.gpu.lines import Line, ran
from tests.gpu.script import main
from tests.gpu.trials import Trial, config

CARD = "H100 SXM"
"""The card, by its rates."""
GIB = 40
"""What the simulated card has of its memory."""
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


def rows(vocabulary: int) -> tuple[Example, ...]:
    """Return a step's rows of random tokens, all scored."""
    source, found = random.Random(1), []
    for length in lengths():
        ids = tuple(source.randrange(3, vocabulary) for _ in range(length))
        found.append(completion(ids, ids))
    return tuple(found)


def request_of(model: str, method: Kind, packing: bool) -> FitRequest:
    """Return the plans that `tunelock fit` scores for rows of `LENGTH`."""
    wish = Wish(method=method, length=LENGTH, packing=packing)
    return FitRequest(models.find(model), machine(), wish, padded=True)


def machine() -> MachineFacts:
    """Return a machine with a card of the speed of `CARD`, of which `GIB` are free."""
    found = machines.named(CARD)
    free = replace(found.gpus[0], memory_bytes=GIB * machines.GIB, free_bytes=GIB * machines.GIB)
    return replace(found, gpus=(free,))


class _Rectangles(Candidates):
    """The plans that a trial tries: whole rows, padded or packed."""

    flows = False


@cache
def chosen(model: str, method: Kind) -> Profile:
    """Return what `tunelock plan` would choose of the plans that are tried, for many such rows."""
    asked = {
        "goal.name": "x", "data.train": "x", "model.source": "x", "method.kind": method,
        "method.targets": "all-linear", "train.effective_batch": EFFECTIVE_BATCH,
    }  # fmt: skip
    many = lengths() * REPEATS
    found = models.find(model)
    facts = ModelFacts(model, (), found.architecture, found.parameters, "BF16")
    every = from_answers.candidates(
        check(asked, {}), facts, machine(), rows=len(many), longest=LENGTH, lengths=many
    )
    plan = best(_Rectangles(every.request, every.model, every.machine))
    assert plan is not None
    return plan


def trials() -> tuple[Trial, ...]:
    """Return the trials: the chosen plans, then the others, the fastest by estimate first."""
    found = [trial for model, method in MODELS for trial in _trials(model, method)]
    return tuple(sorted(found, key=lambda trial: (not trial.facts["chosen"], trial.seconds)))


def _trials(model: str, method: Kind) -> Iterator[Trial]:
    picked = _three(chosen(model, method))
    for packing in (False, True):
        request = request_of(model, method, packing)
        usual, tried = request.best(method).profile, request.candidates
        for checkpointing, micro_batch in product((False, True), MICRO_BATCHES):
            changes = {"checkpointing": checkpointing, "micro_batch": micro_batch}
            plan = tried.plan(tried.other(usual, **changes))
            if plan.allocated_bytes + CUDA_CONTEXT_BYTES <= GIB * machines.GIB:
                yield _trial(request, plan, chosen=_three(plan.profile) == picked)


def _three(profile: Profile) -> tuple[bool, bool, int]:
    """Return the three values that a trial is of."""
    return profile.packing, profile.checkpointing, profile.micro_batch


def _trial(request: FitRequest, plan: Plan, chosen: bool) -> Trial:
    profile = plan.profile
    facts = {
        "method": profile.method, "packing": profile.packing, "tokens": sum(lengths()),
        "chosen": chosen,
    }  # fmt: skip
    words = [request.model.name, profile.method, f"micro-batch {profile.micro_batch}"]
    words += ["checkpointing"] * profile.checkpointing + ["packing"] * profile.packing
    return Trial(
        ", ".join(words), request.model, plan, facts, cap_bytes=GIB * machines.GIB,
        rows=rows(config(request.model.name)["vocab_size"]),
        accumulation=plan.accumulation, steps=STEPS, evaluate=False, card=CARD,
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
        yield from _shares(done) if done else ()


def _shares(done: Sequence[Line]) -> Iterator[str]:
    """Yield how fast the chosen plan of one model is, and the fastest by estimate."""
    fastest = max(done, key=predicted_speed)
    for line in done:
        if line["chosen"]:
            yield f"  chosen: {ratio(done, line):.1%} of the best"
    yield f"  fastest by estimate: {ratio(done, fastest):.1%} of the best"


if __name__ == "__main__":
    main(trials(), summary)
