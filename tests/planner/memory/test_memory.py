"""The closed form against measured peaks, and the way its terms move."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from planner.memory import Profile, estimate, trained_parameters
from planner.models.facts import ModelFacts, architecture, from_folder
from planner.setup.setup import Kind
from runner.environments.variables import on_cpu
from tests.programs import command

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
ALL_LINEAR = (*ATTENTION, "gate_proj", "up_proj", "down_proj")


def _model(family: str, parameters: int, tied: bool, *widths: int) -> ModelFacts:
    names = [
        "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "head_dim", "intermediate_size", "vocab_size",
    ]  # fmt: skip
    config: dict[str, object] = dict(zip(names, widths, strict=True))
    config |= {"model_type": family, "tie_word_embeddings": tied, "max_position_embeddings": 32768}
    return ModelFacts(family, (), architecture(config, "config.json"), parameters, "BF16")


MODELS = {
    "qwen2.5-0.5b": _model("qwen2", 494_032_768, True, 896, 24, 14, 2, 64, 4864, 151936),
    "qwen2.5-1.5b": _model("qwen2", 1_543_714_304, True, 1536, 28, 12, 2, 128, 8960, 151936),
    "qwen3-4b": _model("qwen3", 4_022_468_096, True, 2560, 36, 32, 8, 128, 9728, 151936),
    "llama3.1-8b": _model("llama", 8_030_261_248, False, 4096, 32, 32, 8, 128, 14336, 128256),
    "llama3.1-70b": _model("llama", 70_553_706_496, False, 8192, 80, 64, 8, 128, 28672, 128256),
}

# Peaks of torch's allocator measured on one NVIDIA H200: torch 2.11, transformers 5.17, TRL 1.16,
# PEFT 0.21, bitsandbytes 0.50; random weights, rows of one length, bf16 autocast, fused AdamW.
# model, method, length, micro-batch, checkpointing, dropout, bytes
MEASURED: list[tuple[str, Kind, int, int, bool, float, int]] = [
    ("qwen2.5-0.5b", "lora", 1024, 1, True, 0.05, 1_386_315_264),
    ("qwen2.5-0.5b", "lora", 2048, 4, True, 0.05, 2_619_104_768),
    ("qwen2.5-0.5b", "qlora", 1024, 1, True, 0.05, 736_895_488),
    ("llama3.1-8b", "lora", 1024, 1, True, 0.05, 17_521_718_784),
    ("llama3.1-8b", "lora", 2048, 4, True, 0.05, 22_560_437_760),
    ("llama3.1-8b", "lora", 2048, 2, False, 0.05, 51_123_137_536),
    ("llama3.1-8b", "lora", 2048, 4, False, 0.0, 74_927_565_824),
    ("llama3.1-8b", "qlora", 1024, 1, True, 0.05, 6_790_822_400),
    ("llama3.1-8b", "qlora", 2048, 4, True, 0.05, 10_925_636_096),
    ("llama3.1-8b", "qlora", 2048, 1, False, 0.05, 23_084_342_784),
    ("qwen3-4b", "lora", 2048, 4, True, 0.05, 12_857_395_712),
    ("qwen3-4b", "full", 2048, 2, True, 0.0, 35_906_829_824),
]

# The same on one NVIDIA H100 with unfused AdamW, measured after the formulas were written.
# model, method, targets, length, micro-batch, checkpointing, dropout, autocast, padded, bytes
MEASURED_LATER: list[tuple[str, Kind, int, int, int, bool, float, bool, bool, int]] = [
    ("qwen2.5-0.5b", "lora", 7, 1024, 1, True, 0.05, False, False, 1_391_173_120),
    ("qwen2.5-0.5b", "lora", 7, 2048, 4, False, 0.05, False, False, 19_670_553_600),
    ("qwen2.5-0.5b", "lora", 7, 2048, 4, False, 0.05, True, False, 15_717_164_032),
    ("qwen2.5-0.5b", "lora", 7, 2048, 4, False, 0.0, False, False, 17_640_686_080),
    ("qwen2.5-0.5b", "lora", 7, 2048, 4, False, 0.05, True, True, 17_122_255_872),
    ("qwen2.5-0.5b", "lora", 7, 2048, 4, True, 0.05, False, True, 2_732_916_224),
    ("qwen2.5-0.5b", "lora", 4, 2048, 4, False, 0.05, True, False, 11_515_736_576),
    ("qwen2.5-0.5b", "full", 0, 1024, 2, False, 0.0, False, False, 7_948_254_720),
    ("qwen2.5-0.5b", "full", 0, 1024, 2, True, 0.0, True, False, 5_125_369_856),
    ("llama3.1-8b", "lora", 7, 2048, 1, False, 0.05, False, False, 38_986_206_208),
    ("llama3.1-8b", "lora", 7, 2048, 4, True, 0.05, False, False, 22_863_640_064),
    ("llama3.1-8b", "lora", 7, 2048, 4, True, 0.05, True, True, 22_713_300_480),
]

PLAN = Profile(
    device="cuda", method="lora", rank=16, targets=ALL_LINEAR, length=2048, micro_batch=4,
    checkpointing=False, dtype="bfloat16", dropout=0.05, padded=False,
)  # fmt: skip


def _peak(profile: Profile, model: str = "llama3.1-8b") -> int:
    return estimate(MODELS[model], profile).peak.peak_bytes


def test_measured_peaks_on_a_gpu_are_met() -> None:
    errors = []
    for model, method, length, micro_batch, checkpointing, dropout, measured in MEASURED:
        plan = replace(
            PLAN, length=length, micro_batch=micro_batch, checkpointing=checkpointing,
            dropout=dropout, autocast=True, fused=True,
        )  # fmt: skip
        if method == "qlora":
            plan = replace(plan, method="qlora")
        elif method == "full":
            plan = replace(plan, method="full", rank=0, targets=())
        errors.append(_peak(plan, model) / measured - 1)
    print([f"{error:+.2%}" for error in errors])
    assert max(map(abs, errors)) < 0.02
    assert sum(map(abs, errors)) / len(errors) < 0.005


def test_peaks_measured_later_are_met() -> None:
    errors = []
    for (
        model, method, targets, length, micro_batch, checkpointing, dropout, autocast, padded,
        measured,
    ) in MEASURED_LATER:  # fmt: skip
        plan = replace(
            PLAN, targets=ALL_LINEAR[:targets], length=length, micro_batch=micro_batch,
            checkpointing=checkpointing, dropout=dropout, autocast=autocast, padded=padded,
        )  # fmt: skip
        if method == "full":
            plan = replace(plan, method="full", rank=0)
        errors.append(_peak(plan, model) / measured - 1)
    print([f"{error:+.2%}" for error in errors])
    assert max(map(abs, errors)) < 0.025
    assert sum(map(abs, errors)) / len(errors) < 0.01


@pytest.mark.parametrize(
    "less",
    [
        replace(PLAN, checkpointing=True),
        replace(PLAN, micro_batch=2),
        replace(PLAN, length=1024),
        replace(PLAN, rank=8),
        replace(PLAN, targets=ATTENTION),
        replace(PLAN, dropout=0.0),
        replace(PLAN, method="qlora"),
        replace(PLAN, autocast=True),
    ],
)
def test_what_takes_less_is_counted_as_less(less: Profile) -> None:
    assert _peak(less) < _peak(PLAN)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_padding_mask_takes_more(checkpointing: bool) -> None:
    plan = replace(PLAN, checkpointing=checkpointing)
    assert _peak(replace(plan, padded=True)) > _peak(plan)


def test_trained_parameters_are_those_of_peft() -> None:
    assert trained_parameters(MODELS["llama3.1-8b"], PLAN) == 41_943_040
    full = replace(PLAN, method="full", rank=0, targets=())
    assert trained_parameters(MODELS["llama3.1-8b"], full) == 8_030_261_248


def test_phases_stand_in_order_and_hold_no_empty_components() -> None:
    found = estimate(MODELS["qwen3-4b"], PLAN)
    names = [phase.name for phase in found.phases]
    assert names == ["load", "forward", "backward", "optimizer", "evaluation"]
    assert all(size > 0 for phase in found.phases for size in phase.components.values())
    assert found.peak.peak_bytes == max(sum(p.components.values()) for p in found.phases)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_the_resident_memory_of_a_training_on_cpu_is_met(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("trl")
    adapted = kind == "lora"
    plan = replace(
        PLAN, device="cpu", dtype="float32", micro_batch=16, padded=True, method="lora",
    )  # fmt: skip
    if not adapted:
        plan = replace(plan, method="full", rank=0, targets=(), dropout=0.0)
    method = {
        "kind": kind, "rank": plan.rank, "alpha": 2 * plan.rank,
        "dropout": plan.dropout, "targets": list(plan.targets),
    }  # fmt: skip
    done = subprocess.run(
        command("train_demo_rows", tmp_path, json.dumps(method)),
        capture_output=True,
        text=True,
        env=on_cpu(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    predicted = estimate(from_folder(BASE), replace(plan, length=found["longest"])).peak.peak_bytes
    print(kind, found, predicted, f"{predicted / found['peak'] - 1:+.1%}")
    assert abs(predicted / found["peak"] - 1) < 0.1
