"""Which layers a trace keeps, and that few of them give the memory of all."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from planner.memory import Profile
from runner.trace.depths import keep, of_all_layers, samples, stack
from tests.planner.memory.test_memory import PLAN

SMALL: dict[str, Any] = {
    "vocab_size": 512, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 12,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
}  # fmt: skip
QWEN = SMALL | {
    "model_type": "qwen3_5_text", "linear_key_head_dim": 32, "linear_value_head_dim": 32,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4,
}  # fmt: skip
GEMMA = SMALL | {
    "model_type": "gemma4_text", "num_kv_shared_layers": 6, "hidden_size_per_layer_input": 16,
    "vocab_size_per_layer_input": 512, "global_head_dim": 64, "sliding_window": 64,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 4,
}  # fmt: skip
EXPERTS = SMALL | {
    "model_type": "deepseek_v3", "first_k_dense_replace": 3, "moe_intermediate_size": 64,
    "n_routed_experts": 8, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2,
    "kv_lora_rank": 32, "q_lora_rank": 32, "qk_rope_head_dim": 16, "qk_nope_head_dim": 32,
    "v_head_dim": 32, "num_key_value_heads": 4, "head_dim": 16,
}  # fmt: skip
PLANS: tuple[Profile, ...] = tuple(
    replace(PLAN, targets=(), length=256, micro_batch=1, dropout=0.0, checkpointing=checkpointing)
    for checkpointing in (False, True)
)


def test_the_first_and_the_last_layer_of_each_kind_are_kept() -> None:
    assert samples("a") == [(0,)]
    assert samples("ab") == [(0, 1)]
    assert samples("aaaaaaaaaa") == [(0, 9), (0, 1, 2, 3, 4, 5, 6, 9)]
    assert samples("dddmmmm") == [(0, 2, 3, 6), (0, 1, 2, 3, 6), (0, 2, 3, 4, 5, 6)]


def test_layers_of_several_kinds_add_up() -> None:
    found = "dddmmmmmmmmm"
    sizes = {"d": 100, "m": 7}
    traces = [{"forward": 11 + sum(sizes[found[at]] for at in kept)} for kept in samples(found)]
    assert of_all_layers(found, traces) == {"forward": 11 + 3 * 100 + 9 * 7}


def test_the_decoder_stays_the_decoder_when_another_list_has_more_layers_left() -> None:
    transformers = pytest.importorskip("transformers")
    model = torch.nn.Module()
    model.config = transformers.PreTrainedConfig()
    model.tower, model.layers = (
        torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(many)) for many in (3, 5)
    )
    keep(model, (0, 4))
    assert stack(model) is model.layers
    assert len(model.layers) == 2


@pytest.mark.slow
@pytest.mark.parametrize("config", [QWEN, GEMMA, EXPERTS], ids=lambda one: one["model_type"])
def test_few_layers_give_the_memory_of_all(config: dict[str, Any]) -> None:
    for package in ("trl", "peft"):
        pytest.importorskip(package)
    from runner.trace.step import peaks, whole_peaks

    for plan in PLANS:
        all_layers = peaks(config, plan, range(12))
        assert whole_peaks(config, plan) == pytest.approx(all_layers, rel=0.01)
