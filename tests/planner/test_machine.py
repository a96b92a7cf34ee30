"""This machine's facts, read, saved and refused."""

from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.machine import HALF_GIB, load, probe


def test_probe_saves_and_loads(tmp_path: Path) -> None:
    facts = probe(tmp_path)
    facts.save(tmp_path / "m.json")
    assert load(tmp_path / "m.json") == facts
    assert facts.counted_memory_bytes % HALF_GIB == 0 < facts.ram_bytes


@pytest.mark.parametrize("change", [("cpu_cores", "cpu_coers"), (': "cpu"', ': "tpu"'), ("{", "")])
def test_broken_facts_are_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "m.json"
    probe(tmp_path).save(path)
    path.write_text(path.read_text().replace(*change).replace('"cuda"', '"tpu"'))
    with pytest.raises(UsageProblem):
        load(path)
