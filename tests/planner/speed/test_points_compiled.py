"""Step times of compiled layers and recorded passes against those on one NVIDIA H100.

A step has 16 rows of `tests.gpu.speed.rows.chat`, in its order or, with a seed, in that of the
first epoch. Lines with a seed and the one of Gemma were measured after operations were counted. The
speed of the hosts is not known: a time is called the card's if a host of half the speed adds less
than a quarter to it.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from planner import speed
from planner.catalogue.lookup import Accelerator, find_accelerator
from planner.data.tokens.layout import size_of
from planner.data.tokens.order import epoch_order
from planner.models.facts import ModelFacts
from planner.setup import batches
from planner.setup.setup import Profile
from planner.speed.host import ASSUMED
from planner.speed.warm_up import warm_up_seconds
from tests.gpu.speed.rows import COUNT, chat
from tests.planner.memory.test_compiled_layers import POINTS, model_of, plan
from tests.planner.memory.test_points_recorded import LINES
from tests.planner.memory.test_points_sides import FIRST, rows_and_tokens, setup_of

RUNS = (*(line for line in POINTS if "pass_tokens" in line), *LINES)
STEP_ROWS, WARM = 16, 3
COLD = ("chosen Qwen3-4B lora chat step=16", "chosen Llama-3.1-8B-Instruct lora chat step=16")
"""Of the chosen plans those that were the first of their model."""


@dataclass(frozen=True)
class Timed:
    """The seconds of a point's steps, without the first ones."""

    name: str
    measured: float
    predicted: float
    """By the host of the coefficients."""
    slow: float
    """By a host of half its speed."""

    @property
    def error(self) -> float:
        """Predicted over measured, less 1."""
        return self.predicted / self.measured - 1

    @property
    def of_card(self) -> bool:
        """Whether the card determines the time."""
        return self.slow < 1.25 * self.predicted


@cache
def points() -> tuple[Timed, ...]:
    found = []
    for point in RUNS:
        card = find_accelerator(point["card"])
        usual, slow = (_seconds(point, one) for one in (card, replace(card, host=2.0)))
        name = f"{point['model']} {point['method']} {len(point.get('sizes', ()))} graphs"
        found.append(Timed(name, sum(point["step_seconds"][WARM:]), usual, slow))
        print(f"{found[-1].error:+.1%} {name}, {'card' if found[-1].of_card else 'host'}")
    return tuple(found)


def _seconds(point: dict[str, Any], card: Accelerator) -> float:
    """Return the predicted seconds of a point's steps after the first ones."""
    (model, setup), sizes = _setup(point), point.get("sizes", ())
    total = 0.0
    for rows in _steps(point)[WARM:]:
        for batch in batches.batches(rows, setup, 1):
            filled = replace(batch, longest=size_of(batch.longest, sizes))
            total += speed.micro_seconds(model, filled.of(setup), card)
        total += speed.around_seconds(model, setup, card)
    return total


def _setup(point: dict[str, Any]) -> tuple[ModelFacts, Profile]:
    model = model_of(point["model"])
    setup = plan(
        model.architecture, point["method"], point["pass_tokens"],
        kernels=point.get("kernels", "compiled"), graph_sizes=len(point.get("sizes", ())),
        dropout=point.get("dropout", 0.0), scored=point.get("scored", 2 / 3),
        accumulates=point.get("passes", 1) > 1,
    )  # fmt: skip
    return model, setup


def _steps(point: dict[str, Any]) -> list[list[int]]:
    """Return the lengths of the rows of each step."""
    lengths, count = chat(COUNT), len(point["step_tokens"])
    order = epoch_order(COUNT, point["seed"], 0) if "seed" in point else range(COUNT)
    rows = [lengths[row] for row in order[: count * STEP_ROWS]]
    found = [rows[at : at + STEP_ROWS] for at in range(0, len(rows), STEP_ROWS)]
    assert [sum(step) for step in found] == point["step_tokens"]
    return found


def test_steps_of_the_card_are_met_within_fifteen_percent() -> None:
    errors = [abs(point.error) for point in points() if point.of_card]
    assert len(errors) == 8
    assert max(errors) < 0.15
    assert sum(errors) / len(errors) < 0.07


def test_a_small_model_without_graphs_waits_for_its_host() -> None:
    """A host of half the speed explains the time, the one of the coefficients does not."""
    waiting = [point for point in points() if not point.of_card]
    assert {point.name for point in waiting} == {
        "Qwen2.5-0.5B lora 0 graphs", "gemma-3-1b-pt lora 0 graphs",
    }  # fmt: skip
    for point in waiting:
        assert point.error < -0.35
        assert 0.9 < point.slow / point.measured < 1.25


def test_the_first_step_is_met_within_a_factor_of_two() -> None:
    """It compiles layers with nothing in torch's caches, and records passes."""
    cold = [point for point in RUNS if "first_step_seconds" in point and "caches_kept" not in point]
    waited = [(point, _setup(point)) for point in cold]
    for point in (one for one in FIRST if one["line"].startswith(COLD)):
        setup = setup_of(point, rows_and_tokens(point)[1])
        waited.append((point, (model_of(point["model"]), setup)))
    assert len(waited) == 9
    for point, (model, setup) in waited:
        usual = replace(find_accelerator(point["card"]), host=ASSUMED)
        expected = warm_up_seconds(model, setup, usual)
        print(f"{point['model']} {point['method']} {point['first_step_seconds']} {expected:.1f}")
        assert 0.5 < point["first_step_seconds"] / expected < 2, point["model"]
