"""What is chosen for small and large machines, with its reasons, and what is refused."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.fixes import Answer
from planner.interview.answers import Answers, check
from planner.machines.facts import Gpu, Holder, MachineFacts
from planner.models.facts import from_folder
from planner.search.choose import Choice, choose
from planner.search.from_answers import counted
from tests.planner.memory.test_memory import MODELS

DEMO = from_folder(Path(__file__).parents[3] / "runner" / "demo" / "base")
KEYS = {
    "method.kind", "method.rank", "method.alpha", "method.targets", "method.dropout",
    "train.micro_batch", "train.accumulation", "train.checkpointing", "train.dtype",
    "train.learning_rate", "exactness.threads",
}  # fmt: skip


def _answers(**changes: object) -> Answers:
    required = {"goal.name": "x", "data.train": "rows.jsonl", "model.source": "base"}
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return check(required | changed, {})


def _machine(gpu_gib: int = 0, ram_gib: int = 24, capability: str = "8.9") -> MachineFacts:
    size = gpu_gib << 30
    gpus = (Gpu("NVIDIA RTX 4090", size, size, capability),) if gpu_gib else ()
    kind = "cuda" if gpus else "cpu"
    return MachineFacts(kind, gpus, 8, ram_gib << 30, 1 << 30, 1 << 40, "")  # type: ignore[arg-type]


def _choose(model: str, machine: MachineFacts, length: int = 2048, **changes: object) -> Choice:
    facts = DEMO if model == "demo" else MODELS[model]
    return choose(_answers(**changes), facts, rows=1000, longest=length, machine=machine)


def test_lora_where_it_fits() -> None:
    found = _choose("llama3.1-8b", _machine(24))
    assert (found.kind, found.rank, found.alpha, found.dropout) == ("lora", 16, 32, 0.05)
    assert (found.dtype, found.learning_rate, found.threads) == ("bfloat16", 2e-4, 0)
    assert found.checkpointing
    assert found.micro_batch * found.accumulation == 16
    assert found.estimate.peak.peak_bytes <= found.budget_bytes < 24 << 30


def test_nothing_fits_names_who_holds_the_card() -> None:
    gpu = Gpu("NVIDIA RTX 4090", 24 << 30, 1 << 30, "8.9", (Holder(4711, "python", 23 << 30),))
    with pytest.raises(DoesNotFit) as caught:
        _choose("llama3.1-8b", replace(_machine(24), gpus=(gpu,)))
    assert caught.value.message.endswith(
        "of `NVIDIA RTX 4090` is available: 23.0 of 24.0 GiB are in use by process 4711 (python)."
    )


def test_a_card_that_cannot_be_used_says_why() -> None:
    machine = replace(_machine(), problem="The driver is asleep: wake it.")
    with pytest.raises(DoesNotFit, match="cards cannot be used") as caught:
        counted(_answers(machine__device="cuda"), machine)
    assert caught.value.hint == "The driver is asleep: wake it."


def test_a_card_of_amd_is_planned_for_and_called_not_measured() -> None:
    found = _choose("llama3.1-8b", _machine(192, capability="gfx942"))
    assert found.dtype == "bfloat16"
    assert found.why["train.dtype"] == "Instruction set gfx942 supports bfloat16."
    assert found.why["prediction.peak_bytes"].endswith(
        "neither it nor training has been measured on AMD cards."
    )


def test_the_next_larger_micro_batch_would_not_fit_a_card_of_unknown_speed() -> None:
    machine = _machine(24)
    unknown = replace(machine, gpus=(replace(machine.gpus[0], name="a card of 24 GiB"),))
    found = _choose("llama3.1-8b", unknown)
    larger = next(other for other in found.rejected if other.what.startswith("LoRA, micro-batch"))
    assert larger.needed_bytes > found.budget_bytes
    assert "8" in larger.what and "GiB" in larger.reason


def test_qlora_where_lora_does_not_fit() -> None:
    found = _choose("llama3.1-8b", _machine(8))
    assert found.kind == "qlora"
    assert "LoRA needs at least 17." in found.why["method.kind"]
    assert {other.what.partition(",")[0] for other in found.rejected} == {
        "QLoRA", "LoRA", "full fine-tuning"
    }  # fmt: skip


def test_no_checkpointing_where_it_fits_without() -> None:
    assert not _choose("qwen2.5-0.5b", _machine(24)).checkpointing
    assert _choose("qwen2.5-0.5b", _machine(24), method__checkpointing="on").checkpointing


def test_checkpointing_that_costs_nothing_is_said_to() -> None:
    """A run so short that compiling its layers takes most of the time."""
    card = Gpu("NVIDIA H100 80GB HBM3", 80 << 30, 79 << 30, "9.0")
    found = choose(
        _answers(method__compile="on"), DEMO, rows=90, longest=66,
        machine=replace(_machine(80), gpus=(card,)), lengths=[20 + row % 47 for row in range(90)],
    )  # fmt: skip
    assert found.checkpointing and found.profile.pass_tokens > 66
    said = found.why["train.checkpointing"]
    assert said.startswith("Without checkpointing, it would need 0.")
    assert said.endswith("GiB but would not be faster.")


def test_the_demo_on_a_small_cpu() -> None:
    found = _choose("demo", _machine(ram_gib=2), length=76)
    assert (found.kind, found.micro_batch, found.accumulation) == ("lora", 16, 1)
    assert (found.dtype, found.threads, found.checkpointing) == ("float32", 1, False)


def test_wide_models_get_all_cores_of_a_cpu() -> None:
    assert _choose("qwen3-4b", _machine(ram_gib=64), length=256).threads == 8


def test_processes_share_the_cores_and_the_memory_of_a_machine() -> None:
    alone = _choose("qwen3-4b", _machine(ram_gib=128), length=256, machine__device="cpu")
    two = _choose(
        "qwen3-4b", _machine(ram_gib=128), length=256, machine__device="cpu", machine__processes=2
    )
    assert (two.threads, two.budget_bytes) == (4, alone.budget_bytes // 2)
    assert two.why["exactness.threads"] == "2 processes share the 8 cores."
    assert two.micro_batch * two.accumulation == 8
    assert (two.profile.parallel, two.profile.ranks) == ("ddp", 2)


@pytest.mark.parametrize(("change", "rank"), [("style", 8), ("behavior", 16), ("domain", 64)])
def test_rank_follows_what_must_change(change: str, rank: int) -> None:
    found = _choose("qwen3-4b", _machine(24), goal__change=change)
    assert (found.rank, found.alpha) == (rank, 2 * rank)
    assert change.replace("iour", "ior") in found.why["method.rank"]


def test_what_a_person_set_stays() -> None:
    found = _choose(
        "llama3.1-8b", _machine(80), method__kind="qlora", method__rank=24, method__alpha=24,
        method__targets="attention", method__micro_batch=2, method__checkpointing="on",
        method__dropout=0.1, train__learning_rate=1e-4, train__effective_batch=6,
    )  # fmt: skip
    assert (found.kind, found.rank, found.alpha, found.learning_rate) == ("qlora", 24, 24, 1e-4)
    assert found.targets == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert (found.micro_batch, found.accumulation, found.checkpointing) == (2, 3, True)
    set_by_hand = {key for key, reason in found.why.items() if reason.startswith("You set it")}
    assert set_by_hand == KEYS - {"train.accumulation", "train.dtype", "exactness.threads"}


def test_full_only_where_asked_for() -> None:
    found = _choose("qwen2.5-0.5b", _machine(80), method__kind="full")
    assert (found.kind, found.rank, found.targets, found.dropout) == ("full", 0, (), 0.0)
    assert found.learning_rate == 1e-5
    assert _choose("qwen2.5-0.5b", _machine(80)).kind == "lora"


def test_every_value_has_a_reason() -> None:
    for machine in (_machine(24), _machine(ram_gib=64)):
        found = _choose("qwen3-4b", machine, length=256)
        assert set(found.why) == KEYS
        assert all(reason.endswith(".") for reason in found.why.values())


def test_the_cpu_of_a_machine_with_a_card() -> None:
    found = _choose("qwen2.5-0.5b", _machine(8, ram_gib=64), 256, machine__device="cpu")
    assert found.dtype == "float32"
    assert "process" in found.estimate.peak.components
    assert found.budget_bytes > 50 << 30


def test_older_cards_compute_in_float32() -> None:
    assert _choose("qwen2.5-0.5b", _machine(24, capability="7.5")).dtype == "float32"


@pytest.mark.parametrize(
    ("machine", "changes", "hint"),
    [
        (_machine(), {"machine__device": "cuda"}, 'device = "auto"'),
        (_machine(24), {"method__kind": "full"}, 'kind = "lora"'),
        (_machine(8), {"method__kind": "lora"}, 'kind = "qlora"'),
        (_machine(24), {"method__checkpointing": "off", "method__kind": "lora"}, "checkpointing"),
        (_machine(9), {"method__micro_batch": 16}, "micro_batch = 1"),
        (_machine(4), {}, "larger machine"),
    ],
)
def test_what_does_not_fit_says_what_would(
    machine: MachineFacts, changes: dict[str, object], hint: str
) -> None:
    with pytest.raises(DoesNotFit) as caught:
        _choose("llama3.1-8b", machine, 2048, **changes)
    assert caught.value.exit_code == 4
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("gib", "changes", "processes", "offload"),
    [
        (48, {}, 4, "none"),
        (48, {"train__effective_batch": 6}, 6, "none"),
        (24, {}, 2, "optimizer"),
        (24, {"machine__offload": "none"}, 0, ""),
    ],
)
def test_more_cards_of_the_machine_are_the_way_out_before_another_method(
    gib: int, changes: dict[str, object], processes: int, offload: str
) -> None:
    alone = _machine(gib, ram_gib=1024)
    machine = replace(alone, gpus=alone.gpus * 8)
    asked = {"method__kind": "full", **changes}
    with pytest.raises(DoesNotFit) as caught:
        _choose("llama3.1-8b", machine, **asked)  # type: ignore[arg-type]
    if not processes:
        assert caught.value.fix == (Answer("method.kind", "lora"),)
        return
    assert caught.value.fix == (Answer("machine.processes", processes),)
    found = _choose("llama3.1-8b", machine, machine__processes=processes, **asked)  # type: ignore[arg-type]
    assert found.profile.offload == offload


def test_a_shorter_length_is_the_way_out_for_long_rows() -> None:
    with pytest.raises(DoesNotFit, match="needs") as caught:
        _choose("llama3.1-8b", _machine(8), length=16384)
    assert caught.value.fix == (Answer("train.max_length", 2816),)
    assert _choose("llama3.1-8b", _machine(8), length=2816).kind == "qlora"
    with pytest.raises(DoesNotFit):
        _choose("llama3.1-8b", _machine(8), length=2816 + 256)


def test_a_micro_batch_that_divides_nothing_is_refused() -> None:
    with pytest.raises(UsageProblem, match="does not divide") as caught:
        _choose("qwen3-4b", _machine(24), method__micro_batch=6)
    assert "micro_batch = 4" in caught.value.hint


def test_no_more_rows_at_once_than_there_are() -> None:
    answers, facts = _answers(), MODELS["qwen2.5-0.5b"]
    found = choose(answers, facts, rows=5, longest=256, machine=_machine(80))
    assert (found.micro_batch, found.accumulation) == (4, 4)


def test_a_choice_takes_milliseconds() -> None:
    _choose("llama3.1-8b", _machine(8))
    started = time.perf_counter()
    for _ in range(20):
        _choose("llama3.1-8b", _machine(8))
    assert (time.perf_counter() - started) / 20 < 0.05
