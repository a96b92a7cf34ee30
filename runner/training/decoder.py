"""What TRL's loss head looks for in a model and some classes of transformers name differently."""

from typing import Any

_COUNTS = ("num_local_experts", "n_routed_experts")
"""Fields with the number of experts in families that have no `num_experts`."""


def name_as_trl_does(model: Any) -> None:
    """Let TRL's fused loss head find a model's decoder and its number of experts.

    It calls `base_model`, which is the model itself where the class names another prefix than its
    decoder's, and reads `num_experts` for the loss of a mixture's router, even in models of such a
    family that have no mixture.
    """
    if model.base_model is model and hasattr(model, "model"):
        model.base_model_prefix = "model"
    config = model.config.get_text_config()
    known = next((name for name in _COUNTS if hasattr(config, name)), "")
    if known and not hasattr(config, "num_experts"):
        kind = type(config)
        stored = kind.attribute_map.get(known, known)
        kind.attribute_map = {**kind.attribute_map, "num_experts": stored}
    if known and not getattr(config, known) and hasattr(config, "router_aux_loss_coef"):
        config.router_aux_loss_coef = 0.0
