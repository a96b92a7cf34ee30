"""The numbers and the picture of loss curves."""

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.gpu.curves import furthest, picture, rows, smooth, summary
from tests.gpu.variants import ROWS


def _line(kernels: str, seed: int, shift: float) -> dict[str, Any]:
    losses = [5.0 - step / 100 + shift for step in range(100)]
    return {"method": "lora", "kernels": kernels, "seed": seed, "error": "", "losses": losses}


def test_the_greatest_difference_of_averages() -> None:
    assert smooth([1.0, 3.0, 5.0]) == [1, 2, 3]
    one = [1.0] * 60
    assert furthest(one, [*one[:59], 3.0]) == pytest.approx(0.1)
    assert furthest(one, one) == 0


def test_a_way_is_compared_with_the_same_seed_and_with_other_seeds() -> None:
    found = [_line("padded", 17, 0.0), _line("padded", 18, 0.2), _line("varlen", 17, 0.05)]
    said = list(summary(found))
    assert said[-1].endswith("| 0.0500 | 0.2000 |")


def test_the_picture_has_a_curve_for_each_training() -> None:
    found = [_line("padded", 17, 0.0), _line("varlen", 17, 0.1), _line("mask", 17, 0.2)]
    drawn = ElementTree.fromstring("\n".join(picture(found)))
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}polyline")) == 3


def test_rows_fill_steps() -> None:
    found = rows(40)
    assert len(found) % ROWS == 0
    assert max(row.length for row in found) == 40
