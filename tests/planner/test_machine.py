"""This machine's facts, read, saved and refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.machine import HALF_GIB, Gpu, load, probe, visible


def test_probe_saves_and_loads(tmp_path: Path) -> None:
    facts = probe(tmp_path)
    facts.save(tmp_path / "m.json")
    assert load(tmp_path / "m.json") == facts
    assert facts.counted_memory_bytes % HALF_GIB == 0 < facts.ram_bytes


def test_counted_memory_does_not_change_with_what_is_free(tmp_path: Path) -> None:
    facts = replace(probe(tmp_path), gpus=(), ram_bytes=5 * HALF_GIB + 1, ram_free_bytes=HALF_GIB)
    assert facts.counted_memory_bytes == 5 * HALF_GIB
    gpu = Gpu("card", 8 * HALF_GIB, 3 * HALF_GIB + 1, "9.0")
    assert replace(facts, gpus=(gpu,)).counted_memory_bytes == 3 * HALF_GIB


@pytest.mark.parametrize("change", [("cpu_cores", "cpu_coers"), (': "cpu"', ': "tpu"'), ("{", "")])
def test_broken_facts_are_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "m.json"
    probe(tmp_path).save(path)
    path.write_text(path.read_text().replace(*change).replace('"cuda"', '"tpu"'))
    with pytest.raises(UsageProblem):
        load(path)


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("2,0", [2, 0]),
        ("1,7,0", [1]),
        ("GPU-bb", [1]),
        ("-1", []),
    ],
)
def test_the_cards_are_those_that_cuda_shows(chosen: str | None, found: list[int]) -> None:
    assert visible(["GPU-aa", "GPU-bb1", "GPU-cc"], chosen) == found
