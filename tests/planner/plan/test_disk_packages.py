"""Room on disk, and the package versions that a plan counts on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.stage_kinds import NAMES
from planner.models import facts
from planner.pipeline.kind import Sizes, of_kind
from planner.pipeline.stages import disk_bytes
from planner.plan import packages
from runner.demo import files

BASE = facts.from_folder(Path(files.__file__).parent / "base")
SIZES = Sizes(BASE.parameters, BASE.dtype, trained_bytes=0)


def need(kind: str, settings: Mapping[str, Any] | None = None, sizes: Sizes = SIZES) -> int:
    """Return the room that one stage takes, by default for the demo's base, in bytes."""
    return disk_bytes([{"kind": kind, "settings": settings or {}}], sizes)


def levels(*names: str) -> int:
    """Return the room that GGUF files of some levels take."""
    return need("gguf", {"levels": names})


def test_checkpoints_hold_the_weights_and_two_values_of_the_optimizer() -> None:
    assert need("train", sizes=replace(SIZES, trained_bytes=1000)) == 3 * 3 * 1000 + 1000


def test_a_merged_model_takes_as_much_as_its_base() -> None:
    assert need("merge") == BASE.parameters * 2
    assert need("merge", sizes=replace(SIZES, dtype="F32")) == BASE.parameters * 4


@pytest.mark.parametrize("level", ["f16", "q8_0"])
def test_a_gguf_file_takes_its_bits(level: str) -> None:
    bits = {"f16": 16, "q8_0": 8.5}[level]
    assert levels(level) == round(BASE.parameters * bits / 8)
    assert of_kind("gguf").file_bytes(SIZES)[f"GGUF {level}"] == levels(level)


def test_q4_k_m_needs_an_f16_file_beside_it() -> None:
    assert levels("q4_k_m") > levels("f16") + BASE.parameters * 4 // 8
    alone = of_kind("gguf").file_bytes(SIZES)["GGUF q4_k_m"]
    assert abs(alone + levels("f16") - levels("q4_k_m")) <= 1


def test_stages_of_one_kind_take_room_each() -> None:
    stages = [{"kind": "gguf", "settings": {"levels": [level]}} for level in ("f16", "q8_0")]
    assert disk_bytes([*stages, {"kind": "merge", "settings": {}}], SIZES) == (
        levels("f16") + levels("q8_0") + need("merge")
    )


def test_the_demo_base_as_a_file_is_not_larger_than_counted() -> None:
    assert (Path(BASE.source) / "model.safetensors").stat().st_size < 1.01 * need("merge")


def test_every_package_that_changes_numbers_is_pinned() -> None:
    found = packages.packages(NAMES)
    assert list(found) == sorted(found)
    assert {"torch", "transformers", "trl", "peft", "llama-cpp-python"} <= set(found)
    assert all(version[0].isdigit() and "+" not in version for version in found.values())
