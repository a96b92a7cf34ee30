"""Room on disk, and the package versions that a plan counts on."""

from dataclasses import replace
from pathlib import Path

import pytest

from planner.models import facts
from planner.plan import packages
from planner.plan.disk import disk_bytes
from runner.demo import files

BASE = facts.from_folder(Path(files.__file__).parent / "base")


def need(*, trained: int = 0, merges: bool = False, levels: tuple[str, ...] = ()) -> int:
    """Return the room for the demo's base, in bytes."""
    return disk_bytes(BASE, trained_bytes=trained, merges=merges, levels=levels)


def test_checkpoints_hold_the_weights_and_two_values_of_the_optimizer() -> None:
    assert need(trained=1000) == 3 * 3 * 1000 + 1000


def test_a_merged_model_takes_as_much_as_its_base() -> None:
    assert need(merges=True) == BASE.parameters * 2
    wide = replace(BASE, dtype="F32")
    assert disk_bytes(wide, trained_bytes=0, merges=True, levels=()) == BASE.parameters * 4


@pytest.mark.parametrize("level", ["f16", "q8_0"])
def test_a_gguf_file_takes_its_bits(level: str) -> None:
    bits = {"f16": 16, "q8_0": 8.5}[level]
    assert need(levels=(level,)) == round(BASE.parameters * bits / 8)


def test_q4_k_m_needs_an_f16_file_beside_it() -> None:
    assert need(levels=("q4_k_m",)) > need(levels=("f16",)) + BASE.parameters * 4 // 8


def test_the_demo_base_as_a_file_is_not_larger_than_counted() -> None:
    assert (Path(BASE.source) / "model.safetensors").stat().st_size < 1.01 * need(merges=True)


def test_every_package_that_changes_numbers_is_pinned() -> None:
    found = packages.packages()
    assert list(found) == sorted(found)
    assert {"torch", "transformers", "trl", "peft", "llama-cpp-python"} <= set(found)
    assert all(version[0].isdigit() and "+" not in version for version in found.values())
