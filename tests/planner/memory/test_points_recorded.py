"""Memory of passes that are recorded as CUDA graphs, against what torch reserved on a card.

Replays allocate nothing, so the peak of later steps says nothing of them. A line's `peak_bytes`
covers the recordings; lines without `reserved_bytes` tell the time only.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.memory import estimate
from planner.search.budget import with_room
from planner.setup.setup import Profile
from tests.planner.memory.test_compiled_layers import model_of, plan

FILE = Path(__file__).parents[2] / "data" / "points" / "recorded.jsonl"
LINES = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
RESERVED = [line for line in LINES if "reserved_bytes" in line]


def setup_of(point: dict[str, Any]) -> Profile:
    """Return the setup of a point's greatest pass."""
    sizes = point["sizes"]
    return plan(
        model_of(point["model"]).architecture, point["method"], sizes[-1], kernels=point["kernels"],
        graph_sizes=len(sizes), dropout=point.get("dropout", 0.0),
        scored=point.get("scored", 2 / 3),
    )  # fmt: skip


def estimated(point: dict[str, Any]) -> int:
    """Return the estimated peak of a point, in bytes."""
    return estimate(model_of(point["model"]), setup_of(point)).peak.peak_bytes


@pytest.mark.parametrize("point", RESERVED, ids=lambda one: f"{one['model']} {one['method']}")
def test_plans_leave_room_for_what_torch_reserves(point: dict[str, Any]) -> None:
    peak = estimated(point)
    assert peak < point["reserved_bytes"] <= with_room(peak, setup_of(point))


def test_the_peak_of_recordings_is_within_the_estimate() -> None:
    (point,) = (line for line in RESERVED if "peak_bytes" in line)
    error = estimated(point) / point["peak_bytes"] - 1
    assert 0 <= error < 0.06
