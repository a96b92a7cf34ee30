"""Changes of the base to weights that are quantized."""

from tests.cases import models
from tests.cases.models import Change
from tests.cases.stored import Tensor, zeros


def linear(name: str) -> bool:
    """Return whether a tensor is the weight of a linear layer."""
    return name.endswith("proj.weight")


def gptq(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors as GPTQ and AWQ name theirs."""
    made = {name: one for name, one in found.items() if not linear(name)}
    for name in filter(linear, found):
        stem, (out, width) = name.removesuffix(".weight"), found[name].shape
        made[f"{stem}.qweight"] = zeros("I32", width // 8, out)
        made[f"{stem}.qzeros"] = zeros("I32", max(1, width // 128), out // 8)
        made[f"{stem}.scales"] = zeros("F16", max(1, width // 128), out)
    return made


def fp8(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with 8-bit weights and their scales."""
    made = dict(found)
    for name in filter(linear, found):
        out, width = found[name].shape
        made[name] = zeros("F8_E4M3", out, width)
        made[f"{name}_scale_inv"] = zeros("F32", (out + 127) // 128, (width + 127) // 128)
    return made


def packed(dtype: str, part: str) -> Change:
    """Return the change to weights that are packed in bytes under another name."""

    def make(found: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            (name.replace(".weight", part) if linear(name) else name):
            (zeros(dtype, one.shape[0], one.shape[1] // 2) if linear(name) else one)
            for name, one in found.items()
        }  # fmt: skip

    return models.tensors(make)


def method(name: str, **more: object) -> Change:
    """Return the change to a configuration that names a quantization."""
    return models.config(quantization_config={"quant_method": name} | more)


# LLaMA-Factory 9101, optimum PR 1827 (random biases), transformers 46736, LLaMA-Factory 10328,
# peft 2745, unsloth 1314, transformers 28193, compressed-tensors 437.
QUANTIZED: dict[str, tuple[Change, ...]] = {
    "gptq": (models.tensors(gptq), method("gptq", bits=4, group_size=128)),
    "awq": (models.tensors(gptq), method("awq", bits=4, group_size=128, version="gemm")),
    "fp8": (models.tensors(fp8), method("fp8", weight_block_size=[128, 128])),
    "compressed-tensors": (
        packed("U8", ".weight_packed"), method("compressed-tensors", format="pack-quantized"),
    ),
    "mxfp4": (packed("U8", "_blocks"), method("mxfp4")),
    "hqq": (packed("U8", ".W_q"), method("hqq")),
    "quark": (packed("I8", ".weight"), method("quark")),
    "torchao": (method("torchao", quant_type="int4_weight_only"),),
    "eetq": (packed("I8", ".weight"), method("eetq")),
}  # fmt: skip
