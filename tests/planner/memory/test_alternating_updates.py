"""Gemma 3n's layers whose keys and values others read stay in memory once they were recomputed."""

from dataclasses import replace

from planner.catalogue.lookup import find_model
from planner.memory import alternating_updates
from planner.models.architecture import architecture
from planner.models.shapes.shape import Architecture
from tests.planner.memory.test_memory import PLAN


def _shape(name: str) -> Architecture:
    found = find_model(name)
    assert found is not None
    return architecture(dict(found.config), name)


def test_those_are_the_last_of_each_kind_before_the_shared_ones() -> None:
    assert alternating_updates.before_shared(_shape("google/gemma-3n-E2B")) == 18
    assert alternating_updates.before_shared(_shape("google/gemma-3n-E4B")) == 18
    alone = replace(PLAN, checkpointing=True)
    assert alternating_updates.kept_by_shared(_shape("Qwen/Qwen3-4B"), alone) == 0


def test_each_keeps_its_input_its_predictions_and_what_its_keys_were_computed_from() -> None:
    """The bytes per token are those of a trace (LoRA without q_proj, two layers)."""
    shape = _shape("google/gemma-3n-E2B")
    plan = replace(
        PLAN, device="cuda", method="lora", dtype="bfloat16", autocast=True, dropout=0.05,
        checkpointing=True, targets=("k_proj", "v_proj"),
    )  # fmt: skip
    streams, adapters, norms = 32768 + 32768 + 16384, 2 * (4096 + 2048), 2 * (2048 + 1024)
    kept = alternating_updates.kept_by_shared(shape, plan)
    assert kept == 2 * (streams + adapters + norms)
    assert alternating_updates.kept_by_shared(shape, replace(plan, checkpointing=False)) == 0
