"""What transformers overlooks where the parameters of a model are in shares (ZeRO stage 3)."""

from collections.abc import Mapping
from typing import Any

from transformers.core_model_loading import Transpose

_OWN = Transpose.convert


def compare_complete_shapes() -> None:
    """Let transformers compare tensors of files with the shapes of complete parameters, when it
    loads and saves models in this process.

    It transposes those of another shape (the experts of Qwen3-VL-MoE are stored in both ways), and
    a parameter in shares has no elements in its module.
    """
    Transpose.convert = _convert


def _convert(operation: Transpose, input_dict: Mapping[str, Any], **named: Any) -> dict[str, Any]:
    """Do what the operation does, by the names of its arguments there."""
    always = Transpose(operation.dim0, operation.dim1)
    if operation.check_dims:
        held = named["model"].get_parameter(named["full_layer_name"])
        (given,) = input_dict.values()
        tensor = given[0] if isinstance(given, list) else given
        if tensor.shape == getattr(held, "ds_shape", held.shape):
            names = named["source_patterns"], named["target_patterns"]
            return {always.get_target_pattern(input_dict, *names): tensor}
    found: dict[str, Any] = _OWN(always, input_dict, **named)
    return found
