"""The closed form against peaks of plans that were chosen and trained on a card.

`sides.jsonl`, `sides_again.jsonl` and `sides_gsm8k.jsonl` are what `python -m tests.gpu.speed`
wrote; before the second one, batches began to be collected ahead. The greatest pass of the run
comes first, before the optimizer has states; later steps are those of the first 23.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from planner.data.tokens import layout
from planner.data.tokens.order import epoch_order
from planner.memory import estimate
from planner.search.budget import with_room
from planner.setup.setup import Profile
from tests.gpu.speed import rows as same
from tests.gpu.speed.line import Line
from tests.planner.memory.test_compiled_layers import model_of, plan

DATA = Path(__file__).parents[2] / "data" / "points"
FIRST, AGAIN, GSM8K = (
    [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]
    for name in ("sides", "sides_again", "sides_gsm8k")
)
LINES = [*FIRST, *AGAIN, *GSM8K]
CHOSEN = [line for line in LINES if line.get("side") == "chosen"]
RESERVED = [line for line in CHOSEN if "graphs of" in line["settings"]]
PEAKS = [line for line in CHOSEN if line not in RESERVED]


def rows_and_tokens(point: dict[str, Any]) -> tuple[int, int]:
    """Return the rows of a step and the most tokens of a pass that a plan chose."""
    said = point["settings"]
    return int(said.split()[0]), int(said.partition("passes of ")[2].partition(",")[0])


def graph_sizes(point: dict[str, Any]) -> list[int]:
    """Return the sizes of passes that are recorded."""
    found: list[int] = json.loads(point["settings"].partition("graphs of ")[2] or "[]")
    return found


def steps(point: dict[str, Any]) -> list[list[list[int]]]:
    """Return the lengths of the rows of each pass of each step."""
    rows, most = rows_and_tokens(point)
    of = same.lengths(Line(point["line"]))
    order = epoch_order(len(of), 17, 0)
    found = []
    for at in range(len(point["tokens"])):
        step = [of[row] for row in order[at * rows : (at + 1) * rows]]
        found.append([[step[row] for row in one] for one in layout.passes(step, most)])
    assert [sum(map(sum, step)) for step in found] == point["tokens"]
    return found


def setup_of(point: dict[str, Any], tokens: int) -> Profile:
    """Return the setup of a pass of a chosen plan."""
    compiled = "compiled layers" in point["settings"]
    return plan(
        model_of(point["model"]).architecture, point["method"], tokens, scored=1.0,
        accumulates="at most 1 a step" not in point["settings"],
        kernels="compiled" if compiled else "eager", graph_sizes=len(graph_sizes(point)),
    )  # fmt: skip


Setup = Callable[[dict[str, Any], int], Profile]
"""Returns the setup of a pass of a point with some tokens."""


def predicted(point: dict[str, Any], setup: Setup = setup_of) -> int:
    """Return the estimated peak of the steps that were measured, in bytes."""
    model = model_of(point["model"])
    later = max(sum(rows) for step in steps(point) for rows in step)
    first, after = (
        estimate(model, setup(point, tokens)).peak for tokens in (rows_and_tokens(point)[1], later)
    )
    return max(first.peak_bytes - first.components["optimizer states"], after.peak_bytes)


def _named(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"argvalues": points, "ids": [one["line"].partition(" start=")[0] for one in points]}


@pytest.mark.parametrize("point", **_named(PEAKS))
def test_peaks_of_chosen_plans_are_predicted(point: dict[str, Any]) -> None:
    error = predicted(point) / point["peak_bytes"] - 1
    print(f"{error:+.2%} {point['line']}")
    assert -0.01 <= error <= 0.01


@pytest.mark.parametrize("point", **_named(RESERVED))
def test_recorded_plans_leave_room_for_what_torch_reserves(point: dict[str, Any]) -> None:
    most = rows_and_tokens(point)[1]
    setup = setup_of(point, most)
    whole = estimate(model_of(point["model"]), setup).peak.peak_bytes
    assert whole < point["reserved_bytes"] <= with_room(whole, setup)
