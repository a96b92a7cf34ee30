"""The guide's table of memory by model size, measured.

`seed_table.jsonl` is what `python -m tests.gpu.seed_table` wrote on one card.
"""

from pathlib import Path

import pytest

from planner.fit import models
from planner.search.budget import CUDA_CONTEXT_BYTES
from planner.setup.setup import Kind
from tests.gpu.lines import lines, ran
from tests.gpu.seed_table import LAYERS, TABLE, Question, Size, extrapolated, least, questions

FILE = Path(__file__).parents[2] / "data" / "points" / "seed_table.jsonl"
LINES = {line["name"]: line for line in lines(FILE)}
ROWS = [(size, method) for size in TABLE for method in size.said]


def _name(row: tuple[Size, Kind]) -> str:
    return f"{row[0].name}, {row[1]}"


def _extrapolated(size: Size, method: Kind) -> int:
    few, many = (LINES[f"{size.name}, {method}, least, {layers} layers"] for layers in LAYERS)
    return extrapolated(few, many, models.find(size.model).architecture.layers)


def test_everything_ran() -> None:
    assert [name for name, line in LINES.items() if not ran(line)] == []


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_least_plan_is_met(row: tuple[Size, Kind]) -> None:
    predicted = least(*row).plan.allocated_bytes
    assert -0.02 <= predicted / _extrapolated(*row) - 1 <= 0.1
    if whole := LINES.get(f"{_name(row)}, least"):
        seen = whole["measured"]["allocated_bytes"]
        assert -0.02 <= predicted / seen - 1 <= 0.1
        assert _extrapolated(*row) == pytest.approx(seen, rel=0.02)


@pytest.mark.parametrize(
    "question", [one for one in questions() if one.count == 1], ids=lambda one: str(one.name)
)
def test_the_answer_for_a_card_is_right(question: Question) -> None:
    request = question.request
    memory = request.machine.counted_memory_bytes
    if not request.best(question.method).fits:
        assert _extrapolated(question.size, question.method) + CUDA_CONTEXT_BYTES > memory
        return
    line = LINES[f"{question.size.name}, {question.method}, chosen, {question.card}"]
    assert line["measured"]["process_bytes"] <= memory
