"""Stored tensors that a model class has no place for, and that may be left out."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from planner.models.families import FAMILIES
from planner.models.shapes.config_json import MOST, NAMES
from planner.models.tensors import Sizes

_POSITIONS = re.compile(
    r"(?:^|\.)(?:rotary_(?:pos_)?emb\.(?:inv_freq|original_inv_freq|cos_cached|sin_cached)"
    r"|position_ids)$"
)
"""Tables that follow from the configuration."""
_MASK = re.compile(r"\.(?:attn|attention|self_attn|self_attention)\.(bias|masked_bias)$")
"""Causal masks, which older versions stored with the weights."""
_AHEAD = re.compile(r"(?:^|\.)mtp(?:_layers|_block)?\.")
"""Layers that predict further tokens at once, under a name of their own."""
_LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d{1,6})\.")
_MARKS = ("eh_proj.weight", "enorm.weight", "hnorm.weight")
"""The tensors that such a layer has besides those of any other."""


def ahead_layers(config: Mapping[str, Any], layers: int) -> range:
    """Return the numbers of layers after the last that predict further tokens at once."""
    for key in ("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_layers"):
        count = config.get(key)
        if type(count) is int and 0 < count <= layers:
            return range(layers, layers + count)
    return range(layers, layers)


def marked_layers(names: Iterable[str], list_name: str) -> set[int]:
    """Return the layers that hold the marks of multi-token prediction."""
    layer = re.compile(re.escape(list_name) + r"\.(\d{1,6})\.(.+)")
    found = (layer.fullmatch(name) for name in names)
    return {int(one[1]) for one in found if one and one[2].endswith(_MARKS)}


def is_derived(name: str, shape: Sizes) -> bool:
    """Return whether a tensor follows from the configuration, or is not part of the decoder.

    transformers leaves such tensors out: `_keys_to_ignore_on_load_unexpected` of the classes, and
    `PreTrainedModel._adjust_missing_and_unexpected_keys`.
    """
    return is_ahead(name) or is_computed(name, shape)


def is_ahead(name: str) -> bool:
    """Return whether a tensor belongs to layers that predict further tokens, by its own name."""
    return _AHEAD.search(name) is not None


def is_computed(name: str, shape: Sizes) -> bool:
    """Return whether a tensor is a table or mask that every loader computes itself."""
    if _POSITIONS.search(name):
        return True
    mask = _MASK.search(name)
    if mask is None:
        return False
    return len(shape) == 4 if mask[1] == "bias" else len(shape) in (0, 1)


def needed(names: Collection[str], config: Mapping[str, Any]) -> list[str]:
    """Return those of the tensors that a loader left out which belong to the model, sorted.

    Weaker than the comparison of `planner.models.held`, which knows shapes.
    """
    inner = config.get("text_config")
    values = inner if isinstance(inner, Mapping) else config
    layers = _layers(values)
    numbers = {name: found for name in names if (found := _LAYER.search(name))}
    marked = {int(one[1]) for name, one in numbers.items() if name.endswith(_MARKS)}
    ahead = {one for one in (*ahead_layers(values, layers), *marked) if one >= layers}
    return sorted(
        name
        for name in names
        if not any(pattern.search(name) for pattern in (_POSITIONS, _AHEAD, _MASK))
        and (name not in numbers or int(numbers[name][1]) not in ahead)
    )


def _layers(values: Mapping[str, Any]) -> int:
    """Return the number of layers of a decoder; the limit for layers where it is unknown."""
    counts = (values.get(key) for key in ("num_hidden_layers", *NAMES["num_hidden_layers"]))
    family = FAMILIES.get(str(values.get("model_type")))
    listed = values.get(family.layer_list) if family and family.layer_list else None
    count = len(listed) if isinstance(listed, list) else MOST["num_hidden_layers"]
    return next((one for one in counts if type(one) is int), count)
