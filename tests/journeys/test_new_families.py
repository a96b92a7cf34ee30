"""A small random model of each family with layers of its own: planned, trained, killed, merged."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from lockfiles import receipt
from planner.models.architecture import architecture
from planner.models.families.wrappers import WRAPPERS
from tests.journeys.demo_folder import ENVIRONMENT, command, small, tunelock
from tests.journeys.test_run import checkpoints, run_at, stage_process, until
from tests.runner.inputs.test_parameter_count import tiny

for package in ("trl", "gguf"):
    pytest.importorskip(package)
pytestmark = pytest.mark.slow

Trained = tuple[Path, receipt.Receipt]

WIDE = {
    "vocab_size": 1024, "hidden_size": 64, "intermediate_size": 96, "max_position_embeddings": 256,
    "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2,
}  # fmt: skip
DELTA = {
    "head_dim": 16, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "shared_expert_intermediate_size": 64,
    "moe_intermediate_size": 16,
}  # fmt: skip
LATENT = {
    "kv_lora_rank": 64, "q_lora_rank": 64, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8,
    "v_head_dim": 16, "moe_intermediate_size": 64,
}  # fmt: skip
SPARSE = LATENT | {"index_head_dim": 16, "index_n_heads": 2, "index_topk": 16}
OWN: dict[str, dict[str, Any]] = {
    "deepseek_v2": LATENT | {"q_lora_rank": None},
    "deepseek_v3": LATENT,
    "deepseek_v32": SPARSE,
    "deepseek_v4": {
        "intermediate_size": 64, "moe_intermediate_size": 64, "q_lora_rank": 64, "head_dim": 64,
        "o_lora_rank": 32, "index_head_dim": 16, "index_n_heads": 2, "index_topk": 8,
        "sliding_window": 32,
    },
    "dots1": {"moe_intermediate_size": 64, "num_key_value_heads": 4},
    "ernie4_5_moe": {"moe_intermediate_size": 64, "num_key_value_heads": 4},
    "falcon_h1": {
        "head_dim": 16, "mamba_d_ssm": 64, "mamba_n_heads": 8, "mamba_d_state": 16,
        "mamba_chunk_size": 32,
    },
    "gemma3n_text": {
        "head_dim": 32, "hidden_size_per_layer_input": 64, "laurel_rank": 64,
        "vocab_size_per_layer_input": 1024, "sliding_window": 32,
    },
    "gemma4": {
        "head_dim": 32, "global_head_dim": 64, "hidden_size_per_layer_input": 64,
        "vocab_size_per_layer_input": 1024, "use_double_wide_mlp": True, "sliding_window": 32,
    },
    "gemma4_text": {
        "head_dim": 32, "global_head_dim": 64, "hidden_size_per_layer_input": 0,
        "enable_moe_block": True, "num_experts": 4, "moe_intermediate_size": 16,
        "attention_k_eq_v": True, "num_global_key_value_heads": 1, "num_kv_shared_layers": 0,
    },
    "gemma4_unified": {"head_dim": 32, "global_head_dim": 64},
    "granitemoehybrid": {
        "mamba_n_heads": 8, "mamba_d_state": 16, "mamba_chunk_size": 32,
        "shared_intermediate_size": 64,
    },
    "lfm2": {},
    "lfm2_moe": {"moe_intermediate_size": 16},
    "nemotron_h": {
        "head_dim": 16, "mamba_num_heads": 8, "mamba_head_dim": 16, "ssm_state_size": 16,
        "chunk_size": 32, "moe_shared_expert_intermediate_size": 64, "moe_intermediate_size": 16,
    },
    "qwen3_5": DELTA,
    "qwen3_5_moe": DELTA,
    "qwen3_next": DELTA | {"layer_types": None},
    "glm4_moe_lite": LATENT,
    "glm5_next": SPARSE | {
        "qk_rope_head_dim": 0, "index_topk": 18, "linear_head_dim": 64, "num_experts_per_tok": 2,
    },
    "glm_moe_dsa": SPARSE,
    "hunyuan_v1_moe": {"head_dim": 32},
    "laguna": {
        "head_dim": 32, "moe_intermediate_size": 64, "shared_expert_intermediate_size": 64,
        "gating": "per-element",
    },
    "llama4_text": {"head_dim": 32, "intermediate_size_mlp": 128},
    "minimax_m2": {"head_dim": 32},
}  # fmt: skip
"""The models, and fields of theirs: some with a vision tower, some with experts."""
METHODS: dict[str, dict[str, Any]] = {
    "lora": {"method__kind": "lora"},
    "qlora": {"method__kind": "qlora"},
    "full": {"method__kind": "full", "train__learning_rate": 1e-3},
}
VISION = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
    "head_dim": 16, "intermediate_size": 32, "patch_size": 14, "image_size": 28, "depth": 1,
    "num_heads": 2, "out_hidden_size": 64,
}  # fmt: skip


def fields(family: str) -> dict[str, Any]:
    """Return the fields of a small model with the demo's vocabulary."""
    wraps = family in WRAPPERS
    text = tiny(f"{family}_text" if wraps else family) | WIDE | OWN[family]
    return {"text_config": text, "vision_config": VISION} if wraps else text


def planned(folder: Path, family: str, method: str) -> Path:
    """Write a demo whose base is a random model of a family, and plan it."""
    from transformers import CONFIG_MAPPING

    from runner.training.loaded import class_of

    demo = small(folder, results__gguf=[], train__epochs=2, **METHODS[method])
    torch.manual_seed(1)
    config = CONFIG_MAPPING[family](**fields(family))
    model = class_of(config.to_dict()).from_config(config)
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        (demo / "base" / name).unlink(missing_ok=True)
    model.save_pretrained(demo / "base")
    done = tunelock(demo, "plan")
    assert done.returncode == 0, done.stderr
    return demo


def finished(demo: Path, runs: str) -> receipt.Receipt:
    """Run the lock to its end and return the receipt."""
    done = tunelock(demo, "run", "run.lock", "--foreground", "--runs", runs)
    assert done.returncode == 0, done.stderr[-3000:]
    return receipt.read(run_at(demo / runs) / "receipt.json")


def reloaded(merged: Path, base: Path) -> None:
    """Load a merged model as any program would, and compare it with its base model."""
    from runner.training.loaded import class_of

    first, second = (json.loads((one / "config.json").read_text()) for one in (merged, base))
    assert architecture(first, "merged") == architecture(second, "base")
    kind = class_of(first)
    tuned, report = kind.from_pretrained(merged, output_loading_info=True)
    assert not any(report.values())
    before = kind.from_pretrained(base)
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        found, other = tuned(input_ids=ids).logits, before(input_ids=ids).logits
    assert found.isfinite().all() and not torch.allclose(found, other, atol=1e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Trained]:
    """Returns the demo of a family and a method, and the receipt of its undisturbed run."""

    @cache
    def run(family: str, method: str) -> Trained:
        demo = planned(tmp_path_factory.mktemp(f"{family}-{method}"), family, method)
        return demo, finished(demo, "whole")

    return run


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", OWN)
def test_a_family_is_trained_merged_and_reloaded(
    family: str, method: str, trained: Callable[[str, str], Trained]
) -> None:
    demo, made = trained(family, method)
    assert made.evaluation.base and made.evaluation.tuned
    assert made.evaluation.tuned.loss < made.evaluation.base.loss - 0.2
    stages = run_at(demo / "whole") / "stages"
    merged = next(stages.glob("*-merge/model"), stages / "02-train" / "result")
    reloaded(merged, demo / "base")


@pytest.mark.parametrize("family", OWN)
def test_a_killed_run_of_a_family_goes_on(
    family: str, trained: Callable[[str, str], Trained]
) -> None:
    demo, whole = trained(family, "lora")
    process = subprocess.Popen(
        command("run", "run.lock", "--foreground", "--runs", "killed"), cwd=demo, env=ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: checkpoints(demo / "killed") >= 1, seconds=300)
        os.kill(stage_process(run_at(demo / "killed")), signal.SIGKILL)
        assert process.wait(timeout=60) == 1
    finally:
        process.kill()
    assert finished(demo, "killed").digests == whole.digests
