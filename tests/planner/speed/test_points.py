"""Step times against those that whole steps had on one NVIDIA H200 and on one H100.

`python -m tests.gpu.points` made the points. The coefficients were fitted to the families of
`FITTED_TO` on the H200, and to points of `test_points_families.py`; the others did not serve.
Points that shared the card with others tell nothing of time. On the H100, which has another host,
each point tells how fast that was.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median

from planner.catalogue.lookup import find_accelerator
from planner.models.architecture import Architecture, architecture
from planner.models.facts import parameter_count
from planner.speed import MEASURED_CARDS, step_seconds
from planner.speed.host import slowness
from tests.gpu.points import TIMES, cases, read
from tests.planner.memory.test_points import FILE, OTHER

AGAIN = OTHER.with_name("h100_again.jsonl")
FITTED_TO = frozenset(["gemma", "gpt_neox", "llama", "olmoe", "phi3", "qwen2"])
"""Families whose steps on the H200 served to fit the coefficients."""


@dataclass(frozen=True)
class Model:
    """A model, as far as speed depends on it."""

    architecture: Architecture
    parameters: int
    stored_bytes: int = 0


@dataclass(frozen=True)
class Timed:
    """A point with a time, and what the prediction says of it."""

    name: str
    family: str
    card: str
    error: float
    """Predicted over measured, less 1."""


@cache
def points(file: Path = FILE) -> tuple[Timed, ...]:
    return tuple(_points(file, min if file == FILE else median))


def _points(file: Path, of: Callable[[Sequence[float]], float]) -> Iterator[Timed]:
    """Yield the points of a file; `of` its steps after the first, which warms up, is the time."""
    for case, told in read(file):
        if not told["alone"]:
            continue
        shape, card = architecture(case.config, case.name), find_accelerator(told["card"])
        if seconds := told.get("host_seconds"):
            card = replace(card, host=slowness(seconds, card))
        model = Model(shape, parameter_count(shape))
        found = step_seconds(model, case.profile, card, case.accumulation)
        assert found, case.name
        error = found / of(told["step_seconds"][1:]) - 1
        yield Timed(case.name, shape.family, card.name, error)


def _errors(*, fitted: bool) -> list[float]:
    return _told(point for point in points() if (point.family in FITTED_TO) == fitted)


def _told(some: Iterator[Timed]) -> list[float]:
    found = sorted(some, key=lambda point: point.error)
    for point in found:
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


def test_blind_points_on_another_card_and_host_are_met_within_fifteen_percent() -> None:
    """No step of these plans served. QLoRA is left out: one of its counts was set with it in view
    (`NF4_HOST`); before that, 27 of all 35 were within 15%."""
    blind = {case.name for case in cases(TIMES)}
    errors = _told(p for p in points(OTHER) if p.name in blind and "qlora" not in p.name)
    assert len(errors) >= 20
    assert sum(error <= 0.15 for error in errors) >= max(20, 0.9 * len(errors))
    assert sum(errors) / len(errors) < 0.08


def test_a_second_blind_set_on_another_card_is_met_within_fifteen_percent() -> None:
    """Plans of every method; no step of them served."""
    errors = _told(iter(points(AGAIN)))
    assert len(errors) == 26
    assert sum(error <= 0.15 for error in errors) >= 23
    assert sum(errors) / len(errors) < 0.09
    assert max(errors) < 0.2


def test_all_points_on_another_card_and_host_are_met() -> None:
    errors = _told(iter(points(OTHER)))
    assert sum(error <= 0.15 for error in errors) >= 0.8 * len(errors)
    assert sum(errors) / len(errors) < 0.1


def test_the_host_matters() -> None:
    """Without what was measured of the host, far fewer of the points are met."""
    told = [told for _, told in read(OTHER)]
    assert all(one["host_seconds"] > 0 for one in told)
    card = find_accelerator(told[0]["card"])
    assert 1.0 < slowness(median(one["host_seconds"] for one in told), card) < 1.5


def test_cards_that_were_measured_are_not_called_rough() -> None:
    assert {point.card for point in (*points(), *points(OTHER))} == MEASURED_CARDS
