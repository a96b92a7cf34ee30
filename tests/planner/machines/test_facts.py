"""This machine's facts, read, saved and refused."""

import json
import subprocess
import sys
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.catalogue.lookup import find_accelerator
from planner.machines import saved
from planner.machines.facts import HALF_GIB, Gpu, Holder, MachineFacts
from planner.machines.occupancy import taken
from planner.machines.probes.probe import probe
from planner.machines.saved import load
from tests.planner.machines import recorded

_OLD = Path(__file__).with_name("h100.json")


@pytest.mark.parametrize("name", ["", "h100-busy", "m3-max"])
def test_probed_facts_are_saved_and_loaded(tmp_path: Path, name: str) -> None:
    facts = recorded.facts(tmp_path, name) if name else probe(tmp_path)
    facts.save(tmp_path / "m.json")
    assert load(tmp_path / "m.json") == facts
    assert facts.counted_memory_bytes % HALF_GIB == 0 < facts.ram_bytes


def test_facts_from_before_a_field_was_added_are_loaded() -> None:
    assert "holders" not in _OLD.read_text()
    facts = load(_OLD)
    assert (facts.gpus[0].holders, facts.processor, facts.problem) == ((), "", "")


def test_the_free_memory_of_an_idle_card_is_what_the_catalogue_says() -> None:
    (gpu,), card = load(_OLD).gpus, find_accelerator("NVIDIA H100 80GB HBM3")
    assert gpu.memory_bytes == card.memory_bytes
    assert abs(gpu.free_bytes - card.usable_bytes) < 0.01 * (1 << 30)
    assert taken(gpu) == ""


def test_counted_memory_does_not_change_with_what_is_free(tmp_path: Path) -> None:
    facts = replace(probe(tmp_path), gpus=(), ram_bytes=5 * HALF_GIB + 1, ram_free_bytes=HALF_GIB)
    assert facts.counted_memory_bytes == 5 * HALF_GIB
    gpu = Gpu("card", 8 * HALF_GIB, 3 * HALF_GIB + 1, "9.0")
    assert replace(facts, gpus=(gpu,)).counted_memory_bytes == 3 * HALF_GIB


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"cpu_cores"', '"cpu_coers"'), "nearest known one is `cpu_cores`"),
        (('"processor"', '"procesor"'), "nearest known one is `processor`"),
        ((': "cuda"', ': "tpu"'), "`kind` in `"),
        (('"pid": 4711', '"pid": true'), "`gpus.holders.pid` in `"),
        (('"pid": 4711', '"dip": 4711'), "`gpus.holders.dip` in `"),
        (("{", ""), "is not valid JSON"),
        (('"cpu_cores": ', '"cpu_cores": -'), "`cpu_cores` in `"),
        (('"ram_bytes": ', f'"ram_bytes": {"9" * 400}'), "`ram_bytes` in `"),
        (('"ram_bytes": ', '"ram_bytes": 1e'), "`ram_bytes` in `"),
        (('"name": "', '"name": "\\u001b[2J'), "without control characters"),
        (('"name": "', '"name": "\\u202e'), "without control characters"),
        (('"name": "', f'"name": "{"x" * 201}'), "more than 200 characters"),
        (('"compute_capability": "', '"compute_capability": "x'), "must look like `9.0`"),
        (('"kind": "cuda"', '"kind": "cpu"'), "is `cpu`, but `gpus` is set."),
    ],
)
def test_broken_facts_are_refused(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = tmp_path / "m.json"
    recorded.facts(tmp_path, "h100-busy").save(path)
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(UsageProblem) as caught:
        load(path)
    assert told in caught.value.message
    assert caught.value.hint


def test_a_file_of_a_gpu_machine_without_gpus_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    recorded.facts(tmp_path, "h100-busy").save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"gpus": []}))
    with pytest.raises(UsageProblem, match="is `cuda`, but `gpus` is empty"):
        load(path)


def test_the_facts_that_are_saved_name_every_holder(tmp_path: Path) -> None:
    recorded.facts(tmp_path, "h100-busy").save(tmp_path / "m.json")
    saved = json.loads((tmp_path / "m.json").read_text())
    assert [holder["name"] for holder in saved["gpus"][0]["holders"]] == ["python", "ollama"]


@pytest.mark.parametrize(
    ("capability", "vendor", "bfloat16"),
    [
        ("7.5", "NVIDIA", False),
        ("8.0", "NVIDIA", True),
        ("12.1", "NVIDIA", True),
        ("gfx90a", "AMD", True),
        ("", "Apple", True),
        ("odd", "NVIDIA", False),
    ],
)
def test_a_capability_tells_maker_and_bfloat16(
    capability: str, vendor: str, bfloat16: bool
) -> None:
    gpu = Gpu("card", 1, 1, capability)
    assert (gpu.vendor, gpu.computes_bfloat16) == (vendor, bfloat16)


def test_probes_and_nvml_are_imported_only_when_a_machine_is_read() -> None:
    code = (
        "import sys, planner.machines.facts; "
        "print([name for name in sys.modules if 'probe' in name or 'nvml' in name])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_a_file_of_facts_has_every_field_of_a_machine_and_no_other() -> None:
    for kept, kind in ((saved._Machine, MachineFacts), (saved._Gpu, Gpu), (saved._Holder, Holder)):
        assert list(kept.model_fields) == [field.name for field in fields(kind)]
        needed = {name for name, field in kept.model_fields.items() if field.is_required()}
        assert needed == {field.name for field in fields(kind) if field.default is MISSING}


def test_a_file_that_is_no_json_is_saved_again(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[goal]\n")
    with pytest.raises(UsageProblem, match="is not valid JSON") as raised:
        load(tmp_path / "run.toml")
    assert raised.value.hint.startswith("save the facts again on that machine")
