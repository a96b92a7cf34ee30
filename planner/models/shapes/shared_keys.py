"""Layers that read the keys and values of an earlier layer of their own type."""

from collections.abc import Mapping

from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.shape import Architecture

UNREAD = ("k_norm", "k_proj", "v_norm", "v_proj")
"""The modules of attention that such layers lack, though files may have their tensors."""


def shared_layers(found: ConfigJson, layers: str, usual: int) -> int:
    """Return how many of the last layers read keys and values of earlier ones.

    Raises UsageProblem where no earlier layer of a type has them.
    """
    shared = found.count("num_kv_shared_layers", usual)
    if shared and set(layers[: max(0, len(layers) - shared)].lower()) != set(layers.lower()):
        raise found.contradiction(
            f"has {shared} layers that share keys and values, but no earlier layer to share with"
        )
    return shared


def alike(shape: Architecture) -> Mapping[tuple[str, bool], tuple[int, ...]]:
    """Return the numbers of equal layers, by their letter and whether keys are shared."""
    layers, found = shape.text("layers"), dict[tuple[str, bool], tuple[int, ...]]()
    first = shape.layers - shape.integer("num_kv_shared_layers")
    for number, letter in enumerate(layers):
        key = (letter, number >= first)
        found[key] = (*found.get(key, ()), number)
    return found
