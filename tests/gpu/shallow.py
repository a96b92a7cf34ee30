"""The models of measured points that were cut to fewer layers."""

from collections.abc import Mapping
from typing import Any


def cut(config: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Return the configuration of a model with fewer layers, evenly spread from first to last."""
    depth = next(n for n in ("num_hidden_layers", "n_layer", "n_layers") if n in config)
    many = config[depth]
    kept = [round(at * (many - 1) / max(1, layers - 1)) for at in range(layers)]
    found = {
        name: [value[at] for at in kept] if _per_layer(value, many) else value
        for name, value in config.items()
    } | {depth: layers}
    for name in ("first_k_dense_replace", "num_dense_layers"):
        if found.get(name):
            found[name] = min(found[name], layers // 2)
    if own := config.get("per_layer_config"):
        named = {int(at): each for at, each in own.items()}
        found["per_layer_config"] = {
            str(to): named[at] for to, at in enumerate(kept) if at in named
        }
    if shared := found.get("num_kv_shared_layers"):
        found["num_kv_shared_layers"] = shared * layers // many
    return found


def _per_layer(value: object, many: int) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == many
