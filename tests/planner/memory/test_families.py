"""What layers keep and hold at most, against the tensors that live in transformers' classes."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from planner.memory import Profile, estimate, saved_activations
from planner.memory.trainable import trained_parameters
from planner.models import layers
from planner.models.facts import Architecture, ModelFacts, architecture
from planner.search.lora_targets import preset
from tests.planner.memory.test_memory import PLAN
from tests.programs import command

LENGTH, RANK = 256, 8
SHAPE = {
    "hidden_size": 256, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 32,
    "intermediate_size": 512, "vocab_size": 512, "max_position_embeddings": 2048,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
EQUAL = {"num_key_value_heads": 8}
MIXTURE = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 128}
DELTA = {
    "linear_num_key_heads": 4, "linear_num_value_heads": 8, "linear_key_head_dim": 32,
    "linear_value_head_dim": 32,
}  # fmt: skip
GEMMA_4 = {"hidden_size_per_layer_input": 0, "global_head_dim": 320}
GEMMA_4_EXPERTS = {
    "enable_moe_block": True, "num_experts": 8, "top_k_experts": 2, "moe_intermediate_size": 128,
    "attention_k_eq_v": True, "num_global_key_value_heads": 1,
}  # fmt: skip
CONVOLUTIONS: dict[str, Any] = {"full_attn_idxs": [], "block_auto_adjust_ff_dim": False}
STATES = {
    "num_local_experts": 0, "shared_intermediate_size": 512, "mamba_n_heads": 16,
    "mamba_d_state": 64, "mamba_chunk_size": 64, "router_aux_loss_coef": 0.0,
}  # fmt: skip
PARALLEL = {
    "mamba_d_ssm": 512, "mamba_n_heads": 16, "mamba_d_state": 64, "mamba_chunk_size": 64,
}  # fmt: skip
# family, changes of its shape, layers of one period
Families = list[tuple[str, dict[str, Any], int]]
FAMILIES: Families = [
    ("llama", {}, 1),
    ("qwen3", {}, 1),
    ("gemma", {}, 1),
    ("gemma2", {}, 2),
    ("gemma3_text", {}, 6),
    ("gemma3_text", {"sliding_window": 64}, 6),
    ("gemma4_text", GEMMA_4, 6),
    ("gemma4_text", GEMMA_4 | GEMMA_4_EXPERTS, 6),
    ("olmo2", {}, 1),
    ("cohere", {}, 1),
    ("phi", EQUAL, 1),
    ("phi3", {}, 1),
    ("starcoder2", {}, 1),
    ("glm4", {}, 1),
    ("qwen3_moe", MIXTURE, 1),
    ("qwen2_moe", MIXTURE | {"shared_expert_intermediate_size": 256}, 1),
    ("mixtral", {"num_local_experts": 8, "num_experts_per_tok": 2}, 1),
    ("gpt_oss", {"num_local_experts": 8, "num_experts_per_tok": 2}, 2),
    ("lfm2", CONVOLUTIONS, 1),
    ("granitemoehybrid", STATES, 1),
    ("falcon_h1", PARALLEL, 1),
    ("falcon_h1", PARALLEL | {"mamba_rms_norm": True}, 1),
    ("qwen3_5_text", DELTA, 4),
    ("qwen3_5_moe_text", DELTA | MIXTURE | {"shared_expert_intermediate_size": 128}, 4),
    ("qwen3_next", DELTA | MIXTURE | {"shared_expert_intermediate_size": 128}, 4),
]
USUAL = ("llama", "gemma2", "phi3", "qwen3_moe", "lfm2", "falcon_h1", "qwen3_5_text")
"""One of each kind of layer; all others take longer."""


def _shape(family: str, changes: dict[str, Any], period: int) -> Architecture:
    config = SHAPE | changes | {"model_type": family, "num_hidden_layers": period}
    return architecture(config, "config.json")


def _profile(shape: Architecture, full: bool) -> Profile:
    names = preset(shape, "all-linear")
    return replace(
        PLAN, device="cpu", method="full" if full else "lora", rank=0 if full else RANK,
        targets=() if full else names, length=LENGTH, micro_batch=1, dropout=0.0, autocast=True,
    )  # fmt: skip


def _counted(shape: Architecture, full: bool) -> float:
    """Bytes that one layer keeps, its adapters' bfloat16 copies among them."""
    profile = _profile(shape, full)
    kinds = layers.blocks(shape)
    each = sum(
        b.count * sum(saved_activations.activations(shape, profile, b).values()) for b in kinds
    )
    each += saved_activations.masks_extra(shape, profile)
    model = ModelFacts("", (), shape, 0, "")
    copies = 0 if full else 2 * trained_parameters(model, profile)
    return (each * LENGTH + copies) / shape.layers


def _held_at_most(family: str, changes: dict[str, Any], full: bool) -> int:
    """Bytes beside what stands, in the backward pass through four checkpointed layers."""
    shape = _shape(family, changes, 4)
    plan = replace(_profile(shape, full), checkpointing=True)
    backward = estimate(ModelFacts("", (), shape, 0, ""), plan).phases[2].components
    stands = (
        "process", "weights", "adapter", "gradients", "head gradient", "optimizer states", "heap",
    )  # fmt: skip
    return sum(size for what, size in backward.items() if what not in stands)


Seen = tuple[Families, list[tuple[float, float]]]


@pytest.fixture(scope="module", params=["usual", pytest.param("all", marks=pytest.mark.slow)])
def seen(request: pytest.FixtureRequest) -> Seen:
    """Families, and for each, under LoRA and full, the bytes that its layer keeps, and those that
    four layers hold at most."""
    pytest.importorskip("peft")
    first = {one[0]: one for one in reversed(FAMILIES)}
    found = FAMILIES if request.param == "all" else [first[name] for name in USUAL]
    asked = [
        (family, SHAPE | changes, period, list(preset(shape, "all-linear")))
        for family, changes, period in found
        for shape in [_shape(family, changes, period)]
    ]
    done = subprocess.run(
        command("saved_by_autograd", RANK, LENGTH),
        input=json.dumps(asked), capture_output=True, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (line.split() for line in done.stdout.splitlines())
    return found, [(float(w[1]), float(w[2])) for w in lines if w[:1] == ["KEPT"]]


def _cases(families: Families) -> Iterator[tuple[int, str, bool]]:
    for number in range(2 * len(families)):
        family, changes, _ = families[number // 2]
        yield number, f"{family} {sorted(changes)} {('lora', 'full')[number % 2]}", number % 2 > 0


def test_a_layer_keeps_what_autograd_saves(seen: Seen) -> None:
    families, measured = seen
    errors = {}
    for number, name, full in _cases(families):
        shape = _shape(*families[number // 2])
        errors[name] = _counted(shape, full) / measured[number][0] - 1
    print({name: f"{error:+.2%}" for name, error in errors.items()})
    assert {name: error for name, error in errors.items() if abs(error) > 0.01} == {}


def test_checkpointed_layers_hold_what_lives(seen: Seen) -> None:
    families, measured = seen
    errors = {}
    for number, name, full in _cases(families):
        family, changes, _ = families[number // 2]
        if most := measured[number][1]:
            errors[name] = _held_at_most(family, changes, full) / most - 1
    print({name: f"{error:+.1%}" for name, error in errors.items()})
    wrong = {name for name, error in errors.items() if not -0.03 < error < 0.12}
    assert not [name for name in wrong if not name.startswith("gpt_oss")]
