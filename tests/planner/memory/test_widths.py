"""What a GPU's autocast widens, against the real classes under fake tensors, and both ends of a
backward pass."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from planner.memory import Profile, estimate, saved_activations
from planner.models import layers
from planner.models.architecture import architecture
from planner.models.facts import ModelFacts, parameter_count
from runner.trace import Job, trace
from tests.planner.memory.test_memory import MODELS, PLAN

STEP = replace(PLAN, autocast=True, fused=True, length=1024, micro_batch=2, dropout=0.0)
CHECKPOINTED = replace(STEP, checkpointing=True)


def _config(family: str, layers_: int, hidden: int, heads: int, **more: Any) -> dict[str, Any]:
    return {
        "model_type": family, "hidden_size": hidden, "num_hidden_layers": layers_,
        "num_attention_heads": heads, "num_key_value_heads": heads, "vocab_size": 50304,
        "intermediate_size": 4 * hidden, "max_position_embeddings": 4096,
    } | more  # fmt: skip


NEOX = _config("gpt_neox", 32, 2560, 32)
PHI = _config("phi", 32, 2560, 32)
STARCODER = _config("starcoder2", 30, 3072, 24, num_key_value_heads=2)
STABLELM = _config("stablelm", 32, 2560, 32, intermediate_size=6912, partial_rotary_factor=0.25)
OPT = {
    "model_type": "opt", "hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 32,
    "ffn_dim": 8192, "vocab_size": 50272, "max_position_embeddings": 2048,
}  # fmt: skip
FALCON = {
    "model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32,
    "num_attention_heads": 71, "vocab_size": 65024, "multi_query": True, "parallel_attn": True,
    "bias": False, "alibi": False, "new_decoder_architecture": False,
}  # fmt: skip
CASES: list[tuple[Mapping[str, Any], Profile]] = [
    (NEOX, replace(CHECKPOINTED, method="qlora")),
    (PHI, replace(STEP, method="qlora")),
    (STARCODER, replace(CHECKPOINTED, method="qlora", dropout=0.05)),
    (STARCODER, replace(STEP, dropout=0.05, length=4096, micro_batch=1)),
    (STABLELM, replace(STEP, method="qlora", dropout=0.05)),
    (OPT, replace(CHECKPOINTED, method="qlora", accumulates=False)),
]


def _facts(config: Mapping[str, Any]) -> ModelFacts:
    shape = architecture(dict(config), "config.json")
    return ModelFacts("", (), shape, parameter_count(shape), "BF16")


def _job(config: Mapping[str, Any], plan: Profile) -> Job:
    facts = _facts(config)
    names = tuple(part.name for part in layers.linears(facts.architecture))
    plan = replace(plan, targets=names if plan.method != "full" else ())
    return Job(dict(config), plan, estimate(facts, plan))


@pytest.mark.slow
def test_layer_norm_families_are_met_by_the_real_classes() -> None:
    for package in ("trl", "peft", "bitsandbytes"):
        pytest.importorskip(package)
    jobs = [_job(config, plan) for config, plan in CASES]
    errors = {
        (job.config["model_type"], job.profile.method, number): (
            job.estimate.peak.peak_bytes / traced.allocated_bytes - 1
        )
        for number, (job, traced) in enumerate(zip(jobs, trace(jobs), strict=True))
    }
    print({case: f"{error:+.2%}" for case, error in errors.items()})
    assert {case: e for case, e in errors.items() if not -0.01 < e < 0.02} == {}


def _component(config: Mapping[str, Any], plan: Profile, phase: str, what: str) -> int:
    found = {each.name: each for each in _job(config, plan).estimate.phases}
    return found[phase].components.get(what, 0)


def test_a_quantised_layer_behind_a_layer_norm_hands_float32_on() -> None:
    plan = replace(CHECKPOINTED, method="qlora")
    inputs = {
        width: _component(NEOX, each, "backward", "layer inputs")
        for width, each in {
            4: plan, 2: replace(plan, method="lora"), 0: replace(plan, autocast=False)
        }.items()
    }  # fmt: skip
    assert inputs[4] == 4 * 2560 * 32 * plan.tokens
    assert inputs[2] == inputs[0] == inputs[4] // 2


def test_bitsandbytes_leaves_falcons_own_layers_alone() -> None:
    weights = [
        _component(FALCON, replace(CHECKPOINTED, method=method), "load", "weights")
        for method in ("lora", "qlora")
    ]
    assert weights[0] == weights[1]


def test_one_key_for_all_queries_writes_scores_out() -> None:
    one = _component(FALCON, CHECKPOINTED, "backward", "scratch")
    several = _component(FALCON | {"multi_query": False}, CHECKPOINTED, "backward", "scratch")
    assert one > 5 * 71 * 1024 * CHECKPOINTED.tokens > several


def test_a_model_may_hold_a_mask_of_its_context() -> None:
    small = _config("gpt_bigcode", 2, 768, 12)
    short, long = (
        _component(small | {"max_position_embeddings": many}, STEP, "forward", "weights")
        for many in (1024, 8192)
    )
    assert long - short == 8192**2 - 1024**2 + 2 * 768 * (8192 - 1024)


def test_a_window_as_long_as_a_row_needs_a_mask() -> None:
    shape = _facts(STARCODER | {"sliding_window": 1024}).architecture
    assert saved_activations.masked_layers(shape, STEP) == 30
    assert saved_activations.masked_layers(shape, replace(STEP, length=1023)) == 0


def test_gradients_and_layer_inputs_are_never_all_there_without_accumulation() -> None:
    plan = replace(CHECKPOINTED, method="qlora", rank=64)
    once, summed = (
        estimate(MODELS["llama3.1-8b"], replace(plan, accumulates=each)) for each in (False, True)
    )
    saved = summed.phases[2].peak_bytes - once.phases[2].peak_bytes
    held = summed.phases[2].components
    assert saved * 32 == pytest.approx(31 * min(held["gradients"], held["layer inputs"]), rel=0.01)


def test_checkpointed_layers_copy_their_own_adapters_alone() -> None:
    found = estimate(MODELS["llama3.1-8b"], replace(CHECKPOINTED, rank=256))
    forward, backward = (found.phases[n].components["adapter in bfloat16"] for n in (1, 2))
    assert forward == 32 * backward


def test_a_tied_heads_gradient_waits_for_the_embeddings() -> None:
    plan = replace(CHECKPOINTED, method="full", rank=0, targets=())
    tied = estimate(MODELS["qwen3-4b"], plan).phases[2].components
    assert tied["head gradient"] == 2 * 151936 * 2560
    assert "head gradient" not in estimate(MODELS["llama3.1-8b"], plan).phases[2].components
