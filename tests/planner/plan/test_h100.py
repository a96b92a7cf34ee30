"""Plans for a real card, read by `planner.machines.probes.probe`, and peaks that runs on it had.

`h100.json` is what `MachineFacts.save` wrote there. The peaks are those of receipts: `tunelock
plan` and `tunelock run` with `tests/gpu/shapes.py`, that is a Qwen2.5-0.5B of random weights and
rows of at most 1024 tokens; torch 2.11, transformers 5.23, TRL 1.16, PEFT 0.21, bitsandbytes 0.50.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from planner.interview.answers import check
from planner.machines import saved
from planner.memory import estimate
from planner.search.choose import Choice, choose
from planner.setup.setup import Kind
from tests.planner.memory.test_memory import MODELS, PLAN

H100 = saved.load(Path(__file__).parents[1] / "machines" / "h100.json")

# method, micro-batch of an effective batch of 4, checkpointing, bytes
MEASURED: list[tuple[Kind, int, bool, int]] = [
    ("lora", 1, True, 1_386_364_416),
    ("qlora", 1, True, 737_010_176),
    ("full", 1, True, 5_033_862_656),
    ("lora", 4, True, 1_902_296_576),
    ("qlora", 4, True, 1_151_001_088),
    ("full", 4, True, 4_385_439_232),
    ("lora", 4, False, 8_997_943_296),
    ("qlora", 4, False, 8_398_228_992),
    ("full", 4, False, 10_330_029_056),
    ("lora", 2, False, 5_212_487_680),
    ("qlora", 2, False, 4_634_113_024),
    ("full", 2, False, 8_197_585_920),
]


def _choose(model: str, **changes: object) -> Choice:
    required = {"goal.name": "x", "data.train": "rows.jsonl", "model.source": "base"}
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return choose(
        check(required | changed, {}), MODELS[model], rows=1000, longest=1024, machine=H100
    )


@pytest.mark.parametrize(("method", "micro_batch", "checkpointing", "measured"), MEASURED)
def test_the_peaks_of_whole_runs_are_met(
    method: str, micro_batch: int, checkpointing: bool, measured: int
) -> None:
    choice = _choose(
        "qwen2.5-0.5b", machine__device="cuda", method__kind=method, train__effective_batch=4,
        method__micro_batch=micro_batch, method__checkpointing="on" if checkpointing else "off",
    )  # fmt: skip
    assert choice.estimate.peak.peak_bytes / measured == pytest.approx(1, abs=0.04)


def test_gradients_of_a_single_micro_batch_are_not_there_in_its_forward_pass() -> None:
    plan = replace(PLAN, method="full", rank=0, targets=(), dropout=0.0)
    several = estimate(MODELS["qwen3-4b"], plan)
    single = estimate(MODELS["qwen3-4b"], replace(plan, accumulates=False))
    gradients = several.phases[1].components["gradients"]
    assert several.phases[1].peak_bytes - single.phases[1].peak_bytes == gradients
    assert single.phases[2].peak_bytes < several.phases[2].peak_bytes


def test_an_8b_model_is_tuned_on_the_card_by_lora_in_bfloat16() -> None:
    choice = _choose("llama3.1-8b")
    assert (choice.kind, choice.dtype, choice.threads) == ("lora", "bfloat16", 0)
    assert choice.estimate.peak.peak_bytes <= choice.budget_bytes < H100.gpus[0].free_bytes
