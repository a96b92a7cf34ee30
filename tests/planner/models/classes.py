"""Small models of every family, by the classes of transformers on `meta`."""

import warnings
from typing import Any

from planner.models.held import Held
from runner.trace.text_only import from_config
from tests.meta import on_meta
from tests.runner.inputs.test_parameter_count import VARIANTS, tiny

FLAGS: list[tuple[str, dict[str, Any]]] = [
    *VARIANTS,
    ("apertus", {"hidden_act": "silu"}),
    ("arcee", {"mlp_bias": True}),
    ("ernie4_5", {"use_bias": True}),
    ("gpt_oss", {"attention_bias": False}),
    ("granite", {"mlp_bias": True}),
    ("granitemoe", {"attention_bias": True}),
    ("hunyuan_v1_dense", {"attention_bias": True}),
    ("opt", {"do_layer_norm_before": False}),
    ("opt", {"layer_norm_elementwise_affine": False}),
    ("stablelm", {"use_parallel_residual": True, "qk_layernorm": True}),
]
"""Changes of a family's configuration that change its tensors."""


def made(family: str, change: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return the `config.json` of a small model, and the model on `meta`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import CONFIG_MAPPING

        config = CONFIG_MAPPING[family](**(tiny(family) | change))
        with on_meta():
            model = from_config(config)
    return config.to_dict(), model


def in_class(model: Any) -> dict[str, Held]:
    """Return the tensors of the class, under its own names; a tied head once."""
    tied = set(model.all_tied_weights_keys)
    return _held({name: one for name, one in model.state_dict().items() if name not in tied})


def in_files(model: Any) -> dict[str, Held]:
    """Return the tensors that `save_pretrained` writes: the layout of published files."""
    from transformers.core_model_loading import revert_weight_conversion

    tied = set(model.all_tied_weights_keys)
    kept = {name: one for name, one in model.state_dict().items() if name not in tied}
    return _held(revert_weight_conversion(model, kept))


def without_body(model: Any, held: dict[str, Held]) -> dict[str, Held]:
    """Return the tensors as a model that was saved without its head names them."""
    return {name.removeprefix(f"{model.base_model_prefix}."): one for name, one in held.items()}


def _held(tensors: dict[str, Any]) -> dict[str, Held]:
    kinds = {name: "F32" if one.is_floating_point() else "I64" for name, one in tensors.items()}
    return {name: Held(kinds[name], tuple(one.shape)) for name, one in tensors.items()}
