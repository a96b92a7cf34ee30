"""What the planner expects of a line: the peak of a rank and the time of a step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from planner import speed
from planner.data.tokens import layout
from planner.memory import estimate
from planner.models.facts import ModelFacts
from planner.search.budget import (
    CUDA_CONTEXT_BYTES,
    beyond_peak,
    kept_besides,
    whole_card_bytes,
)
from planner.setup.batches import Batch
from planner.setup.setup import Profile
from planner.speed.accelerator import Rated
from tests import ranks as training
from tests.gpu.several.line import Line
from tests.gpu.several.measured import WARM


@dataclass(frozen=True)
class Predicted:
    """What is expected of each rank."""

    allocated_bytes: int
    """Peak of torch's allocator."""
    reserved_bytes: int
    """What the allocator keeps then."""
    outside_bytes: int
    """What a process uses on its card besides."""
    total_bytes: int
    """What must be free on a card for the plan to be chosen."""
    step_seconds: float
    """Median of the steps after those that warm up; 0 where the speed of the card is unknown."""


def predicted(line: Line, card: Rated) -> Predicted:
    """Return what is expected of a line on such cards."""
    case = line.case(Path(), Path())
    profile = profile_of(line, case)
    found = estimate(line.model, profile)
    peak = found.peak.peak_bytes
    return Predicted(
        allocated_bytes=peak,
        reserved_bytes=peak + kept_besides(found, profile.engine),
        outside_bytes=profile.engine.outside_bytes or CUDA_CONTEXT_BYTES,
        total_bytes=whole_card_bytes(peak + beyond_peak(found, profile)),
        step_seconds=_seconds(case, line.model, profile, card),
    )


def profile_of(line: Line, case: training.Case) -> Profile:
    """Return the setup of a line, as the planner describes it."""
    train, full = case.train, case.method == "full"
    found = Profile(
        device="cuda",
        method=case.method,  # type: ignore[arg-type]
        rank=0 if full else case.rank,
        targets=() if full else tuple(case.targets),
        length=case.longest,
        micro_batch=train.micro_batch,
        checkpointing=train.checkpointing,
        dtype="bfloat16",
        dropout=0.0,
        padded=train.micro_batch > 1,
        autocast=True,
        fused=train.optimizer == "adamw_torch_fused",
        accumulates=train.accumulation > 1,
        optimizer=train.optimizer,
        packing=case.pass_tokens > 0,
        pass_tokens=case.pass_tokens,
        attention="varlen" if train.attention == "varlen" else "own",
        kernels=train.kernels,
        graph_sizes=len(train.graph_sizes),
        parallel=case.engine,
        ranks=case.ranks,
        offload=case.offload,  # type: ignore[arg-type]
        bucket=case.bucket,
    )
    if not case.pass_tokens:
        return found
    steps = list(_steps(case))
    most = max(sum(one) for step in steps for one in step)
    several = max(map(len, steps)) > case.ranks
    return replace(found, pass_tokens=most, accumulates=several)


def _steps(case: training.Case) -> Iterator[tuple[Sequence[int], ...]]:
    """Yield the lengths of the rows of each pass, by step."""
    rows = [row.length for row in training.rows_of(case)]
    order = training.order(case)(0)
    for first in range(0, len(order), case.step_rows):
        own = [rows[at] for at in order[first : first + case.step_rows]]
        laid = layout.passes(own, case.pass_tokens, case.ranks)
        yield tuple([own[at] for at in one] for one in laid)


def _seconds(case: training.Case, model: ModelFacts, profile: Profile, card: Rated) -> float:
    if not case.pass_tokens:
        return speed.step_seconds(model, profile, card, case.train.accumulation) or 0.0
    if not speed.known(model.architecture, profile, card):
        return 0.0
    around = speed.around_seconds(model, profile, card)
    found = []
    for step in _steps(case):
        turns = (step[at : at + case.ranks] for at in range(0, len(step), case.ranks))
        found.append(around + sum(_turn(turn, model, profile, card) for turn in turns))
    return median(found[WARM:])


def _turn(turn: Sequence[Sequence[int]], model: ModelFacts, profile: Profile, card: Rated) -> float:
    """Return the seconds of passes that the ranks compute at the same time."""
    return max(speed.micro_seconds(model, _pass(rows, profile), card) for rows in turn)


def _pass(rows: Sequence[int], profile: Profile) -> Profile:
    squares = sum(row * row for row in rows)
    return Batch(1, sum(rows), len(rows) > 1, squares).of(profile)
