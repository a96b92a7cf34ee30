"""NVIDIA cards: which are shown, slices, who holds them, and a driver that does not answer."""

from pathlib import Path
from typing import Any

import pynvml
import pytest

from planner.machines.facts import Gpu, Holder
from planner.machines.occupancy import taken
from planner.machines.probes import nvidia
from planner.machines.probes.visible import visible
from tests.planner.machines import recorded

GIB = 1 << 30
_PCI = {
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030200\n",
}


def _gpus(folder: Path, name: str, chosen: str | None) -> list[tuple[str, float]]:
    environment = {} if chosen is None else {"CUDA_VISIBLE_DEVICES": chosen}
    found = recorded.facts(folder, name, environment=environment)
    return [
        (gpu.name.removeprefix("NVIDIA "), round(gpu.free_bytes / GIB, 1)) for gpu in found.gpus
    ]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("2,0", [2, 0]),
        ("1,7,0", [1]),
        ("GPU-bb", [1]),
        ("-1", []),
        ("1,0,1,2", [1, 0]),
    ],
)
def test_the_cards_are_those_that_cuda_shows(chosen: str | None, found: list[int]) -> None:
    assert visible(["GPU-aa", "GPU-bb1", "GPU-cc"], chosen) == found


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (None, [("A100-SXM4-40GB MIG 3g.20gb", 19.5)]),
        ("0", [("A100-SXM4-40GB", 39.6)]),
        ("1", [("A100-SXM4-40GB MIG 3g.20gb", 19.5)]),
        ("0,1", [("A100-SXM4-40GB MIG 3g.20gb", 19.5)]),
        ("GPU-bbbbbbbb", [("A100-SXM4-40GB MIG 3g.20gb", 19.5)]),
        ("MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d", [("A100-SXM4-40GB MIG 1g.5gb", 3.8)]),
        ("MIG-a28ad590,MIG-c7384736", [("A100-SXM4-40GB MIG 1g.5gb", 3.8)]),
        ("MIG-none", []),
    ],
)
def test_a_process_is_shown_one_slice_and_never_the_whole_of_its_card(
    tmp_path: Path, chosen: str | None, found: list[tuple[str, float]]
) -> None:
    assert _gpus(tmp_path, "a100-mig", chosen) == found


def test_a_slice_whose_name_is_not_told_is_not_called_its_card(tmp_path: Path) -> None:
    part = {"uuid": "MIG-1", "total": 5 * GIB, "free": 5 * GIB, "name": "NVIDIA H200"}
    card = {"uuid": "GPU-1", "total": 1, "free": 1, "name": "NVIDIA H200", "capability": [9, 0]}
    nvml = {"cards": [card | {"slices": [part]}]}
    assert recorded.facts(tmp_path, nvml=nvml).gpus[0].name == "NVIDIA H200 MIG slice"
    part["errors"] = {"nvmlDeviceGetName": pynvml.NVML_ERROR_INVALID_ARGUMENT}
    assert recorded.facts(tmp_path, nvml=nvml).gpus[0].name == "NVIDIA H200 MIG slice"


def test_a_sliced_card_without_slices_computes_nothing_and_says_so(tmp_path: Path) -> None:
    card = {"uuid": "GPU-1", "slices": []}
    found = recorded.facts(tmp_path, nvml={"cards": [card]})
    assert (found.kind, found.gpus) == ("cpu", ())
    assert found.problem.startswith("`GPU-1` is in MIG mode but has no slice")


def test_who_holds_a_card_is_named_the_largest_first(tmp_path: Path) -> None:
    busy, idle = recorded.facts(tmp_path, "h100-busy").gpus
    assert busy.holders == (
        Holder(4711, "python", 65498251264),
        Holder(4712, "ollama", 1073741824),
    )
    assert taken(busy) == (
        "62.1 of 80.0 GiB are in use by processes 4711 (python) and 4712 (ollama)"
    )
    assert taken(idle) == ""


@pytest.mark.parametrize(
    ("holders", "told"),
    [
        ((), "processes that the driver does not report"),
        ((Holder(7, "python", 5),), "process 7 (python)"),
        ((Holder(7, "", 0),), "process 7"),
        (
            (Holder(7, "a", 5), Holder(8, "b", 4), Holder(9, "c", 3)),
            "processes 7 (a), 8 (b) and 1 more",
        ),
    ],
)
def test_a_busy_card_is_a_clause(holders: tuple[Holder, ...], told: str) -> None:
    gpu = Gpu("card", 8 * GIB, 5 * GIB, "8.9", holders)
    assert taken(gpu) == f"3.0 of 8.0 GiB are in use by {told}"


def test_processes_that_may_not_be_listed_leave_the_card_as_it_is(tmp_path: Path) -> None:
    host = recorded.host(tmp_path, "h100-busy")
    host.nvml().cards[0]["errors"] = {
        "nvmlDeviceGetComputeRunningProcesses": pynvml.NVML_ERROR_NO_PERMISSION
    }
    first = nvidia.cards(host).gpus[0]
    assert (first.holders, first.free_bytes) == ((), 19219978650)


def test_a_chip_that_shares_the_main_memory_counts_it(tmp_path: Path) -> None:
    found = recorded.facts(tmp_path, "dgx-spark")
    (gpu,) = found.gpus
    assert (gpu.name, gpu.compute_capability, found.kind) == ("NVIDIA GB10", "12.1", "cuda")
    assert (gpu.memory_bytes, gpu.free_bytes) == (125560944 * 1024, 118000000 * 1024)
    assert (found.problem, found.processor) == ("", "")


@pytest.mark.parametrize(
    ("code", "files", "told"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, {}, ""),
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, _PCI, "no driver library"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, {}, ""),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, _PCI, "its driver is not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, {}, "different versions"),
        (pynvml.NVML_ERROR_NO_PERMISSION, {}, "This user has no access to the NVIDIA driver"),
        (pynvml.NVML_ERROR_UNKNOWN, {}, "The NVIDIA driver does not answer: Unknown Error."),
    ],
)
def test_a_driver_that_does_not_start_is_a_sentence_where_there_is_a_card(
    tmp_path: Path, code: int, files: dict[str, str], told: str
) -> None:
    found = recorded.facts(tmp_path, nvml={"errors": {"nvmlInit": code}}, files=files)
    assert (found.kind, found.gpus, found.driver) == ("cpu", (), "")
    assert told in found.problem
    assert bool(told) == bool(found.problem)


@pytest.mark.parametrize("function", ["nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMemoryInfo"])
def test_a_card_that_may_not_be_read_is_left_out_and_named(tmp_path: Path, function: str) -> None:
    card: dict[str, Any] = {
        "uuid": "GPU-1", "name": "NVIDIA L4", "capability": [8, 9], "total": GIB, "free": GIB,
    }  # fmt: skip
    closed = card | {"uuid": "GPU-0", "errors": {function: pynvml.NVML_ERROR_NO_PERMISSION}}
    found = recorded.facts(tmp_path, nvml={"cards": [closed, card]})
    assert [gpu.name for gpu in found.gpus] == ["NVIDIA L4"]
    assert found.problem.endswith("Insufficient Permissions.")


def test_a_driver_that_stops_answering_is_a_sentence(tmp_path: Path) -> None:
    nvml = {"errors": {"nvmlDeviceGetCount": pynvml.NVML_ERROR_GPU_IS_LOST}}
    assert "does not answer" in recorded.facts(tmp_path, nvml=nvml).problem


def test_the_recorded_functions_are_those_of_nvml() -> None:
    names = [name for name in vars(recorded.Nvml) if name.startswith("nvml")]
    assert len(names) > 10
    assert all(callable(getattr(pynvml, name)) for name in names)
