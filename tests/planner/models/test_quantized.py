"""Weights that are quantized already: the method is named, and the model before it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lockfiles.errors import UsageProblem
from planner.catalogue.unquantized import unquantized_name
from planner.fit.models import find
from planner.models.facts import from_folder
from planner.models.quantized import check_unquantized

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"
METHODS: list[tuple[dict[str, Any], str]] = [
    ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "(GPTQ)"),
    ({"quantization_config": {"quant_method": "awq"}}, "(AWQ)"),
    ({"quantization_config": {"quant_method": "fp8"}}, "(FP8)"),
    ({"quantization_config": {"quant_method": "fbgemm_fp8"}}, "(FP8)"),
    ({"quantization_config": {"load_in_4bit": True}}, "(bitsandbytes)"),
    ({"quantization_config": {"quant_method": "bitsandbytes"}}, "(bitsandbytes)"),
    ({"quantization_config": {"quant_method": "mxfp4"}}, "(MXFP4)"),
    ({"quantization_config": {"quant_method": "hqq"}}, "(HQQ)"),
    ({"quantization_config": {"quant_method": "eetq"}}, "(EETQ)"),
    ({"quantization_config": {"quant_method": "quanto"}}, "(Quanto)"),
    ({"quantization_config": {"quant_method": "torchao"}}, "(torchao)"),
    ({"quantization_config": {"quant_method": "compressed-tensors"}}, "(compressed-tensors)"),
    ({"compression_config": {"quant_method": "compressed-tensors"}}, "(compressed-tensors)"),
    ({"text_config": {"quantization_config": {"quant_method": "awq"}}}, "(AWQ)"),
    ({"quantization_config": {"quant_method": "newest"}}, "(`newest`)"),
    ({"quantization_config": "auto"}, "(`auto`)"),
    ({"quantization": {"group_size": 64, "bits": 4}}, "(MLX)"),
]
NAMES = {
    "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4": "Qwen/Qwen2.5-7B-Instruct",
    "Qwen/Qwen2.5-7B-Instruct-AWQ": "Qwen/Qwen2.5-7B-Instruct",
    "Qwen/Qwen3-8B-FP8": "Qwen/Qwen3-8B",
    "somebody/Qwen2.5-7B-Instruct-unsloth-bnb-4bit": "Qwen/Qwen2.5-7B-Instruct",
    "quants/Qwen2.5-7B-Instruct-quantized.w4a16": "Qwen/Qwen2.5-7B-Instruct",
    "Qwen2.5-7B-Instruct-4bit": "Qwen/Qwen2.5-7B-Instruct",
    "Qwen/Qwen2.5-7B-Instruct": "",
    "maker/another-GPTQ": "",
    "openai/gpt-oss-20b": "unsloth/gpt-oss-20b-BF16",
    "maker/gpt-oss-20b-AWQ": "unsloth/gpt-oss-20b-BF16",
    "unsloth/Llama-3.2-1B-Instruct-bnb-4bit": "meta-llama/Llama-3.2-1B-Instruct",
}
MARKS = {
    "mlp.up_proj.qweight": torch.int32,
    "mlp.up_proj.weight_scale_inv": torch.float32,
    "mlp.up_proj.weight.absmax": torch.uint8,
    "mlp.up_proj.weight_packed": torch.int32,
    "mlp.up_proj.SCB": torch.float32,
    "mlp.up_proj.input_scale": torch.float32,
    "mlp.up_proj.weight_scale_2": torch.float32,
}
"""Tensors that only quantized layers have, by the ends of their names."""


@pytest.mark.parametrize(("config", "method"), METHODS)
def test_the_method_is_named(config: dict[str, Any], method: str) -> None:
    with pytest.raises(UsageProblem) as problem:
        check_unquantized(config, "config.json", "maker/base")
    assert method in problem.value.message
    assert "`maker/base`" in problem.value.hint


@pytest.mark.parametrize("stored", [None, {}, False])
def test_an_empty_field_says_nothing(stored: object) -> None:
    check_unquantized({"quantization_config": stored}, "config.json")


@pytest.mark.parametrize(("name", "original"), NAMES.items())
def test_the_model_before_is_found_by_its_name(name: str, original: str) -> None:
    assert unquantized_name(name) == original


def changed(folder: Path, **fields: object) -> Path:
    path = Path(shutil.copytree(BASE, folder)) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return folder


def test_folders_are_refused_by_plan_and_fit(tmp_path: Path) -> None:
    gptq = {"quant_method": "gptq", "bits": 4}
    folder = changed(tmp_path / "Qwen2.5-7B-Instruct-GPTQ", quantization_config=gptq)
    with pytest.raises(UsageProblem, match=r"quantized \(GPTQ\)") as problem:
        find(str(folder))
    assert "choose `Qwen/Qwen2.5-7B-Instruct`" in problem.value.hint
    (folder / "README.md").write_text("---\nbase_model:\n- maker/base\nlicense: mit\n---\n")
    with pytest.raises(UsageProblem, match=r"quantized \(GPTQ\)") as problem:
        from_folder(folder)
    assert "choose `maker/base`" in problem.value.hint


@pytest.mark.parametrize("mark", MARKS)
def test_tensors_say_it_where_the_configuration_does_not(mark: str, tmp_path: Path) -> None:
    folder = changed(tmp_path / "base")
    tensors = load_file(folder / "model.safetensors")
    tensors[f"model.layers.0.{mark}"] = torch.zeros(4, dtype=MARKS[mark])
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(UsageProblem, match="are quantized, which") as problem:
        from_folder(folder)
    assert mark in problem.value.message


def test_weights_of_eight_bits_are_not_taken_for_others(tmp_path: Path) -> None:
    folder = changed(tmp_path / "base")
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name] = tensors[name].float().to(torch.float8_e4m3fn)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(UsageProblem, match=f"`{name}` is `F8_E4M3`"):
        from_folder(folder)
