"""Step times against those that whole steps had on one NVIDIA H200 (`tests/gpu/points.py`).

The coefficients were fitted to the families of `FITTED_TO`; the others did not serve. Points that
shared the card with others tell nothing of time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from planner.architecture import Architecture, architecture
from planner.catalogue import find_accelerator
from planner.models import parameter_count
from planner.speed import MEASURED_CARDS, step_seconds
from tests.gpu.points import read
from tests.planner.test_points import FILE

FITTED_TO = frozenset(["gemma", "gpt_neox", "llama", "olmoe", "phi3", "qwen2"])
"""Families whose steps served to fit the coefficients."""


@dataclass(frozen=True)
class Model:
    """A model, as far as speed depends on it."""

    architecture: Architecture
    parameters: int


@dataclass(frozen=True)
class Timed:
    """A point with a time, and what the prediction says of it."""

    name: str
    family: str
    card: str
    error: float
    """Predicted over the fastest step after the first, which warms up, less 1."""


@cache
def points() -> tuple[Timed, ...]:
    return tuple(_points())


def _points() -> Iterator[Timed]:
    for case, told in read(FILE):
        if not told["alone"]:
            continue
        shape, card = architecture(case.config, case.name), find_accelerator(told["card"])
        model = Model(shape, parameter_count(shape))
        found = step_seconds(model, case.profile, card, case.accumulation)
        assert found, case.name
        error = found / min(told["step_seconds"][1:]) - 1
        yield Timed(case.name, shape.family, card.name, error)


def _errors(*, fitted: bool) -> list[float]:
    found = [point for point in points() if (point.family in FITTED_TO) == fitted]
    for point in sorted(found, key=lambda point: point.error):
        print(f"{point.error:+.1%} {point.name}")
    return [abs(point.error) for point in found]


def test_families_that_did_not_serve_are_met_within_fifteen_percent() -> None:
    errors = _errors(fitted=False)
    assert sum(error <= 0.15 for error in errors) >= max(20, 0.9 * len(errors))
    assert sum(errors) / len(errors) < 0.07
    assert max(errors) < 0.2


def test_families_that_served_are_met() -> None:
    errors = _errors(fitted=True)
    assert sum(errors) / len(errors) < 0.05
    assert max(errors) < 0.2


def test_cards_that_were_measured_are_not_called_rough() -> None:
    assert {point.card for point in points()} == MEASURED_CARDS
