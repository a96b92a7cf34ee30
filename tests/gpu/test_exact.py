"""The measurement of exact trainings: what it calls the same, and a tiny one on a CPU."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("trl")

from tests.gpu.exact import TINY, Cell, cells, compared, same, summary, training, until
from tests.gpu.shapes import write_base
from tests.gpu.variants import Trained, apart

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def test_results_are_the_same_only_bit_for_bit() -> None:
    one = Trained(losses=[3.0, 2.5, 2.0], digest="a")
    assert same(one, replace(one))
    assert not same(one, replace(one, digest="b"))
    assert not same(Trained(), Trained()), "no result"
    other = replace(one, losses=[3.0, 2.4, 2.0])
    assert not same(one, other)
    assert (until(one, other), until(one, one)) == (1, 3)


def test_the_table_has_what_an_exact_way_costs() -> None:
    found = [
        {"cell": "lora varlen deterministic", "method": "lora", "variant": "varlen", "exact": True,
         "steps": 8, "repeats": True, "repeated_to": 8, "resumes": False, "resumed_to": 5},
        {"timed": "lora varlen deterministic", "tokens_per_second": 80},
        {"timed": "lora varlen default", "tokens_per_second": 100},
    ]  # fmt: skip
    said = list(summary(found))[-1]
    assert "| yes | no, losses equal for 5 of 8 steps | 80 | 0.80 |" in said


def test_every_method_is_measured_with_and_without_deterministic_algorithms() -> None:
    every = {cell.name for cell in cells("")}
    assert {"lora varlen default", "qlora mask deterministic", "full padded default"} <= every


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_a_tiny_training_repeats_and_resumes(tmp_path: Path, method: str) -> None:
    made = multiprocessing.get_context("spawn").Process(
        target=write_base, args=(tmp_path / "base",), kwargs=dict(TINY)
    )
    made.start()
    made.join()
    cell = Cell(method, "varlen", exact=True)
    given = training(cell, tmp_path, at_length=False, on_card=False)
    found = compared(cell, given)
    assert (found["error"], found["repeats"], found["resumes"]) == ("", True, True)
    other = apart(replace(given, seed=18, work=tmp_path / "other"), 100)
    again = apart(replace(given, work=tmp_path / "again"), 100)
    assert other.digest and not same(other, again)
