"""Models that transformers would load with random numbers, or without a part, are refused."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lockfiles.errors import UsageProblem
from planner.models.families.wrappers import WRAPPERS
from planner.models.stored import read_shape
from runner.training.loaded import check_finite, class_of
from runner.training.loading import load_checked
from tests.few import few
from tests.runner.inputs.test_parameter_count import tiny

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"
UP = "model.layers.1.mlp.up_proj.weight"
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


def stored(base: Path) -> Tensors:
    return dict(load_file(base / "model.safetensors"))


def refusal(base: Path, tensors: Tensors) -> str:
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageProblem) as problem:
        load_checked(base, dtype=torch.float32)
    assert problem.value.hint
    return problem.value.message


def test_the_shipped_base_is_loaded_from_its_files_alone() -> None:
    assert load_checked(BASE, dtype=torch.float32).num_parameters() == 1_935_104


def test_a_missing_tensor(base: Path) -> None:
    tensors = stored(base)
    del tensors[UP]
    said = f"would fill 1 tensor that its files lack with random numbers: `{UP}`"
    assert said in refusal(base, tensors)


def test_a_layer_less_than_described(base: Path) -> None:
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 4}))
    assert "would fill 9 tensors" in refusal(base, stored(base))


def test_a_tensor_of_another_shape(base: Path) -> None:
    tensors = stored(base)
    tensors[UP] = tensors[UP][:-1].clone()
    assert f"of another shape by random numbers: `{UP}`" in refusal(base, tensors)


def test_a_tensor_without_a_place(base: Path) -> None:
    tensors = stored(base) | {"model.layers.0.mlp.up_proj.bias": torch.zeros(512)}
    assert "would leave out 1 tensor" in refusal(base, tensors)


def test_a_layer_more_than_described(base: Path) -> None:
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 2}))
    assert "would leave out 9 tensors" in refusal(base, stored(base))


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_numbers_that_are_not_finite(number: float, base: Path) -> None:
    tensors = stored(base)
    tensors[UP] = tensors[UP].clone()
    tensors[UP][3, 5] = number
    said = f"as `float32` gives 1 tensor with NaN or infinite numbers: `{UP}`"
    assert said in refusal(base, tensors)


@pytest.mark.parametrize(("rank", "finite"), [(0, False), (1, True)])
def test_the_end_of_a_share_that_was_never_written_is_not_read(rank: int, finite: bool) -> None:
    """DeepSpeed shares 3 numbers as 2 and 2, of which the last one is whatever was there."""
    held = torch.nn.Parameter(torch.zeros(0))
    share = {"ds_tensor": torch.tensor([0.0, float("nan")]), "ds_numel": 3}
    for name, value in (share | {"ds_zero_partition_rank": rank}).items():
        setattr(held, name, value)
    model: Any = SimpleNamespace(dtype=torch.float32, named_parameters=lambda: [("up", held)])
    with nullcontext() if finite else pytest.raises(UsageProblem, match="NaN or infinite"):
        check_finite(model, Path("base"))


def test_numbers_too_large_for_float16(base: Path) -> None:
    tensors = stored(base)
    tensors[UP] = tensors[UP].float() * 1e30
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageProblem, match="as `float16` gives 1 tensor"):
        load_checked(base, dtype=torch.float16)


def test_what_may_be_left_out_is(base: Path) -> None:
    extra = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(16),
        "model.layers.3.eh_proj.weight": torch.zeros(4, 4),
        "mtp.norm.weight": torch.zeros(4),
        "model.layers.0.attn.masked_bias": torch.zeros(1),
    }
    save_file(stored(base) | extra, base / "model.safetensors", metadata={"format": "pt"})
    load_checked(base, dtype=torch.float32)


def wrapped(kind: str) -> Any:
    from transformers import AutoConfig

    text = tiny("qwen3_moe" if kind.endswith("moe") else "qwen2") | {"head_dim": 8}
    if kind.startswith("qwen3"):
        rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
        text["rope_parameters"] = rope
    elif kind.startswith("qwen"):
        text["rope_scaling"] = {"type": "mrope", "mrope_section": [1, 1, 2]}
    vision: dict[str, Any] = {
        "hidden_size": 64 if kind == "qwen2_vl" else 32, "num_hidden_layers": 1, "depth": 1,
        "num_attention_heads": 2, "num_heads": 2, "embed_dim": 32, "intermediate_size": 32,
        "patch_size": 14, "image_size": 28, "out_hidden_size": 32,
    } | ({"deepstack_visual_indexes": [0]} if kind.startswith("qwen3") else {})  # fmt: skip
    if not kind.startswith(("qwen", "gemma")):
        decoder = WRAPPERS[kind].decoder
        text = tiny(decoder) | {"model_type": decoder}
    if kind == "lfm2_vl":
        vision |= {"model_type": "siglip2_vision_model", "num_patches": 4}
    if kind.startswith(("gemma4", "qwen3_5")):
        text = tiny(f"{kind}_text")
    if kind.startswith("gemma4"):
        del vision["embed_dim"]
    if kind == "qwen2_5_vl":
        vision["fullatt_block_indexes"] = [0]
    return AutoConfig.for_model(kind, text_config=text, vision_config=vision)


SAVED_OTHERWISE = {"kimi_k25"}
"""transformers saves the layers of its decoder under the names of its vision tower's (`blocks`)."""


@pytest.mark.parametrize(
    "kind",
    few(
        name
        for name, one in WRAPPERS.items()
        if not one.alone and not one.needs and name not in SAVED_OTHERWISE
    ),
)
def test_wrappers_are_planned_and_loaded_with_what_surrounds_their_decoder(
    kind: str, tmp_path: Path
) -> None:
    config = wrapped(kind)
    class_of(config.to_dict()).from_config(config).save_pretrained(tmp_path)
    place = tmp_path / "model.safetensors"
    name = str(tmp_path / "config.json")
    read_shape(tmp_path, {"model.safetensors": place}, name)
    load_checked(tmp_path, dtype=torch.float32)
    tensors = stored(tmp_path)
    lost = next(
        one for one in sorted(tensors) if one.endswith("q_proj.weight") and "vis" not in one
    )
    del tensors[lost]
    assert "would fill 1 tensor" in refusal(tmp_path, tensors)
    with pytest.raises(UsageProblem, match=f"describes: `{lost}`"):
        read_shape(tmp_path, {"model.safetensors": place}, name)
