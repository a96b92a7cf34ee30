"""What `tunelock doctor` says: its table, its hints, and the torch that a driver allows."""

import json
from pathlib import Path

import pytest

from planner.machines.probes.probe import probe
from planner.machines.saved import load
from tests.planner.machines import recorded
from tests.tui.test_cli import tunelock
from tui.commands.doctor import kernels
from tui.text.findings import Finding, hints, table
from tui.text.hardware import driver, hardware, torch_command

MISSING = "pip install 'tunelock[train]'"


def test_the_table_has_a_line_for_each_finding() -> None:
    findings = [
        Finding("python", "3.12.3", ""),
        driver(None),
        Finding("trl", "", MISSING),
        Finding("peft", "", MISSING),
    ]
    assert table(findings) == [
        "python         3.12.3",
        "nvidia driver  none (planning for CPU)",
        "trl            missing",
        "peft           missing",
    ]
    assert hints(findings) == [MISSING]


def test_the_plain_text_says_what_the_json_says() -> None:
    found = [Finding(**item) for item in json.loads(tunelock("doctor", "--json").stdout)]
    plain = tunelock("doctor")
    assert plain.returncode == 0
    assert plain.stdout.splitlines() == table(found)
    assert plain.stdout.startswith("python ")
    assert plain.stderr == "".join(f"hint: {hint}\n" for hint in hints(found))


def test_kernels_are_optional_and_of_use_on_a_gpu(tmp_path: Path) -> None:
    card, cpu = recorded.facts(tmp_path, "h100-busy"), recorded.facts(tmp_path, "m3-max")
    nothing = kernels(card, lambda name: "")
    assert [one.what for one in nothing] == ["causal-conv1d", "flash-linear-attention", "mamba-ssm"]
    assert all("optional" in one.found and not one.mend for one in nothing)
    assert kernels(cpu, lambda name: "") == []
    assert kernels(cpu, lambda name: "2.3.0" * (name == "mamba-ssm")) == [
        Finding("mamba-ssm", "2.3.0", "")
    ]


def _lines(folder: Path, name: str = "", cuda: int | None = None, **changed: object) -> list[str]:
    """Return the lines about the hardware of a recorded machine."""
    found = hardware(cuda, recorded.facts(folder, name, **changed))
    return [f"{item.what}: {item.found}" for item in found]


def test_a_busy_card_is_shown_with_who_holds_it(tmp_path: Path) -> None:
    assert _lines(tmp_path, "h100-busy", 12080) == [
        "nvidia driver: CUDA 12.8",
        "gpu 0: NVIDIA H100 80GB HBM3: 62.1 of 80.0 GiB are in use by processes 4711 (python) "
        "and 4712 (ollama)",
        "gpu 1: NVIDIA H100 80GB HBM3: 79.5 GiB of 80.0 GiB free",
        "processor: 64 cores",
        "main memory: 0.12 GiB",
    ]


def test_a_slice_is_shown_with_its_own_memory(tmp_path: Path) -> None:
    assert _lines(tmp_path, "a100-mig", 12080)[1] == (
        "gpu 0: NVIDIA A100-SXM4-40GB MIG 3g.20gb: 19.5 GiB of 19.5 GiB free"
    )


def test_amds_cards_are_shown_as_not_measured(tmp_path: Path) -> None:
    facts = recorded.facts(tmp_path, "rx7900xtx")
    assert _lines(tmp_path, "rx7900xtx")[:2] == [
        "amd driver: amdgpu (not measured on AMD GPUs)",
        "gpu 0: RX 7900 XTX (gfx1100): 1.2 of 24.0 GiB are in use by processes that the "
        "driver does not report",
    ]
    assert torch_command(None, facts).startswith("choose ROCm at https://pytorch.org/")


def test_an_apple_chip_is_named_with_what_its_gpu_may_hold(tmp_path: Path) -> None:
    assert _lines(tmp_path, "m3-max") == [
        "nvidia driver: none (planning for CPU)",
        "processor: Apple M3 Max, 16 cores; its GPU can use 48.0 GiB (not used: training runs "
        "on the CPU)",
        "main memory: 64.0 GiB",
    ]


def test_a_driver_that_does_not_answer_comes_with_what_to_do(tmp_path: Path) -> None:
    facts = recorded.facts(tmp_path, nvml={"errors": {"nvmlInit": 18}})
    found = list(hardware(None, facts))
    assert found[0].found == "not responding (planning for CPU)"
    assert found[1] == Finding("gpu", "cannot be used (planning for CPU)", facts.problem)
    assert hints(found)[0].endswith("restart this machine.")


@pytest.mark.parametrize(
    ("cuda", "name"), [(12060, "CUDA 12.6"), (12080, "CUDA 12.8"), (13000, "CUDA 13.0")]
)
def test_a_driver_with_a_build_of_torch_needs_nothing(cuda: int, name: str) -> None:
    assert driver(cuda) == Finding("nvidia driver", name, "")
    assert not torch_command(cuda).endswith("/cpu")


@pytest.mark.parametrize(("cuda", "name"), [(12050, "12.5"), (11080, "11.8")])
def test_a_driver_too_old_is_named_with_what_is_left(cuda: int, name: str) -> None:
    found = driver(cuda)
    assert found.found == (
        f"CUDA {name}, too old for every CUDA build of torch 2.13.0 (planning for CPU)"
    )
    assert found.mend == (
        "update the NVIDIA driver to one for CUDA 12.6 or newer, from "
        "https://www.nvidia.com/drivers; until then only the CPU build of torch works"
    )
    assert torch_command(cuda).endswith("/cpu")


def test_the_facts_of_this_machine_are_saved_for_planning(tmp_path: Path) -> None:
    done = tunelock("doctor", "--machine", "here.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(
        "wrote here.json; on another machine: tunelock plan --machine here.json\n"
    )
    saved, now = load(tmp_path / "here.json"), probe(tmp_path)
    assert (saved.kind, saved.cpu_cores, saved.ram_bytes, len(saved.gpus)) == (
        now.kind, now.cpu_cores, now.ram_bytes, len(now.gpus)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["none/here.json", "."])
def test_facts_that_cannot_be_saved_are_one_sentence(name: str, tmp_path: Path) -> None:
    done = tunelock("doctor", "--machine", name, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: `{name}` cannot be written: ")
    assert hint.startswith("hint: ls -ld ")


def test_the_facts_of_another_machine_are_not_overwritten(tmp_path: Path) -> None:
    recorded.facts(tmp_path, "h100-busy").save(tmp_path / "h100.json")
    before = (tmp_path / "h100.json").read_bytes()
    done = tunelock("doctor", "--machine", "h100.json", folder=tmp_path)
    assert done.returncode == 2
    assert "`h100.json` has the facts of another machine" in done.stderr
    assert "tunelock plan --machine h100.json" in done.stderr
    assert (tmp_path / "h100.json").read_bytes() == before
    assert tunelock("doctor", "--machine", "here.json", folder=tmp_path).returncode == 0
    assert tunelock("doctor", "--machine", "here.json", folder=tmp_path).returncode == 0
