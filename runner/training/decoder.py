"""What TRL's loss head looks for in a model and some classes of transformers name differently."""

from typing import Any

_COUNTS = ("num_local_experts", "n_routed_experts")
"""Fields with the number of experts in families that have no `num_experts`."""
_DECODER = "text_decoder"
"""A property, as the same module under a second name would be stored twice."""


def name_as_trl_does(model: Any) -> None:
    """Let TRL's fused loss head find a model's decoder and its number of experts.

    It calls `base_model`, which is the model itself where the class names another prefix than its
    decoder's, or has its decoder within a language model with a head (Llama 4). It reads
    `num_experts` for the loss of a mixture's router, even in models of such a family that have no
    mixture.
    """
    config = model.config.get_text_config()
    if model.base_model is model and hasattr(model, "model"):
        model.base_model_prefix = "model"
    elif model.base_model is model and config is not model.config:
        setattr(type(model), _DECODER, property(_text_decoder))
        model.base_model_prefix = _DECODER
    known = next((name for name in _COUNTS if hasattr(config, name)), "")
    if known and not hasattr(config, "num_experts"):
        kind = type(config)
        stored = kind.attribute_map.get(known, known)
        kind.attribute_map = {**kind.attribute_map, "num_experts": stored}
    if known and not getattr(config, known) and hasattr(config, "router_aux_loss_coef"):
        config.router_aux_loss_coef = 0.0


def _text_decoder(model: Any) -> Any:
    """Return the decoder within the language model of a multimodal one, without its head."""
    found = model.get_decoder()
    return getattr(found, "model", found)
