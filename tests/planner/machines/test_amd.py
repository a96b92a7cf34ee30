"""AMD cards by the kernel's files: names, memory, who holds them, and which are shown."""

from pathlib import Path

import pytest

from planner.catalogue.lookup import find_accelerator
from planner.machines.occupancy import taken
from planner.machines.probes.amd import _name, _node
from planner.machines.probes.probe import probe
from tests.planner.machines import recorded


def test_two_cards_with_their_catalogue_names_and_holders(tmp_path: Path) -> None:
    found = recorded.facts(tmp_path, "mi300x")
    assert (found.kind, found.driver, found.problem) == ("cuda", "amdgpu 6.12.12", "")
    assert [gpu.name for gpu in found.gpus] == ["MI300X", "MI300X"]
    assert {gpu.compute_capability for gpu in found.gpus} == {"gfx942"}
    assert {gpu.vendor for gpu in found.gpus} == {"AMD"}
    assert found.gpus[0].memory_bytes == 206141652992
    assert abs(found.gpus[0].memory_bytes / find_accelerator("MI300X").memory_bytes - 1) < 0.01
    assert taken(found.gpus[0]) == "60.0 of 192.0 GiB are in use by process 98765 (vllm)"
    assert taken(found.gpus[1]) == ""


def test_the_name_is_looked_up_and_a_processors_graphics_are_left_out(tmp_path: Path) -> None:
    found = recorded.facts(tmp_path, "rx7900xtx")
    assert [(gpu.name, gpu.compute_capability) for gpu in found.gpus] == [
        ("RX 7900 XTX", "gfx1100")
    ]
    assert found.gpus[0].free_bytes == 25753026560 - 1288490188
    assert found.driver == "amdgpu"


@pytest.mark.parametrize(
    ("environment", "free"),
    [
        ({}, [64424509440, 297750528]),
        ({"HIP_VISIBLE_DEVICES": "1"}, [297750528]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [297750528]),
        ({"HIP_VISIBLE_DEVICES": "0", "CUDA_VISIBLE_DEVICES": "1"}, [64424509440]),
        ({"ROCR_VISIBLE_DEVICES": "1,0"}, [297750528, 64424509440]),
        ({"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"}, [297750528]),
        ({"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "1"}, []),
        ({"ROCR_VISIBLE_DEVICES": "GPU-00000900"}, [297750528]),
        ({"HIP_VISIBLE_DEVICES": ""}, []),
    ],
)
def test_the_cards_are_those_that_hip_shows(
    tmp_path: Path, environment: dict[str, str], free: list[int]
) -> None:
    found = recorded.facts(tmp_path, "mi300x", environment=environment)
    assert [gpu.memory_bytes - gpu.free_bytes for gpu in found.gpus] == free
    assert found.kind == ("cuda" if free else "cpu")


def test_a_card_without_its_device_file_is_a_sentence(tmp_path: Path) -> None:
    host = recorded.host(tmp_path, "mi300x")
    (tmp_path / "dev/kfd").unlink()
    found = probe(tmp_path, host)
    assert (found.kind, found.gpus) == ("cpu", ())
    assert "no `/dev/kfd`" in found.problem


def test_part_of_a_card_has_the_memory_of_its_bank(tmp_path: Path) -> None:
    node = "sys/class/kfd/kfd/topology/nodes/1"
    files = {
        "dev/kfd": "",
        f"{node}/gpu_id": "7\n",
        f"{node}/properties": "simd_count 152\ngfx_target_version 90402\ndrm_render_minor 130\n",
        f"{node}/mem_banks/0/properties": f"heap_type 1\nsize_in_bytes {24 << 30}\n",
        f"{node}/mem_banks/1/properties": f"heap_type 0\nsize_in_bytes {512 << 30}\n",
    }
    (gpu,) = recorded.facts(tmp_path, files=files).gpus
    assert (gpu.name, gpu.memory_bytes, gpu.free_bytes) == ("AMD gfx942", 24 << 30, 24 << 30)


@pytest.mark.parametrize(
    ("version", "target"),
    [(90010, "gfx90a"), (90500, "gfx950"), (110501, "gfx1151"), (120001, "gfx1201")],
)
def test_the_instruction_set_is_written_as_compilers_write_it(
    tmp_path: Path, version: int, target: str
) -> None:
    node = "sys/class/kfd/kfd/topology/nodes/1"
    properties = f"simd_count 1\ngfx_target_version {version}\n"
    host = recorded.host(tmp_path, files={f"{node}/gpu_id": "7", f"{node}/properties": properties})
    found = _node(host, node)
    assert found is not None and found.target == target
    assert _name(host, found, 1 << 30) == f"AMD {target}"
