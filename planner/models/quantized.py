"""Recognizes weights that are quantized already, which training cannot load."""

from collections.abc import Mapping
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line

_FIELDS = ("quantization_config", "compression_config", "quantization")
"""The fields of a `config.json` that describe the quantization."""
_METHODS: Mapping[str, str] = {
    "aqlm": "AQLM", "auto-round": "AutoRound", "awq": "AWQ", "bitnet": "BitNet",
    "bitsandbytes": "bitsandbytes", "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes", "compressed-tensors": "compressed-tensors",
    "eetq": "EETQ", "fbgemm_fp8": "FP8", "fp8": "FP8", "fp_quant": "FP-Quant", "gptq": "GPTQ",
    "higgs": "HIGGS", "hqq": "HQQ", "modelopt": "ModelOpt", "mxfp4": "MXFP4", "quanto": "Quanto",
    "quark": "Quark", "spqr": "SpQR", "torchao": "torchao", "vptq": "VPTQ",
}  # fmt: skip
"""The methods of transformers by `quant_method`, in their own spelling."""


def check_unquantized(config: Mapping[str, Any], name: str, original: str = "") -> None:
    """Raise UsageProblem for a `config.json`, which errors call `name`, of quantized weights.

    `original` is the model before it was quantized; empty if unknown.
    """
    inner = config.get("text_config")
    for values in (config, inner if isinstance(inner, Mapping) else {}):
        for field in _FIELDS:
            stored = values.get(field)
            if stored not in (None, {}, False):
                method = _method(stored)
                how = f" ({method})" if method else ""
                raise UsageProblem(
                    f"The weights of `{name}` are quantized{how}, and neither training nor a GGUF "
                    "export can load them.",
                    fix=unquantized(original),
                )


def unquantized(original: str) -> Advice:
    """Return the hint to use the model before it was quantized; `original` may be empty."""
    named = f"`{one_line(original, most=100)}`" if original else "the same model in 16 bits"
    return Advice(f"choose {named}; for training, `qlora` quantizes it during loading")


def _method(stored: object) -> str:
    """Return the name of the method of a quantization; that of its library where it has one.

    Empty if the configuration names none.
    """
    if not isinstance(stored, Mapping):
        return f"`{one_line(stored, most=40)}`"
    method = stored.get("quant_method")
    if method is None and (stored.get("load_in_4bit") or stored.get("load_in_8bit")):
        method = "bitsandbytes"
    if method is None and "group_size" in stored:
        return "MLX"
    if method is None:
        return ""
    known = _METHODS.get(method) if isinstance(method, str) else None
    return known or f"`{one_line(method, most=40)}`"
