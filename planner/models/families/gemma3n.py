"""The family `gemma3n_text`: Gemma 3n.

Each layer predicts and corrects several residual streams (AltUp), adds a low-rank branch (Laurel)
to attention, and has an embedding of its own for every token.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from planner.models.families.gemma4 import NORMS, linears, outside
from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters
from planner.models.shapes.mixers import AlternatingUpdates
from planner.models.shapes.naming import Naming
from planner.models.shapes.shape import Architecture
from planner.models.shapes.shared_keys import alike, shared_layers

_LETTERS = {"sliding_attention": "s", "full_attention": "f"}
_EVERY = 5
"""Without `layer_types`, one layer in this many has full attention."""
_SPARSE = 10
"""Without `activation_sparsity_pattern`, this many layers of a deeper model are sparse."""
_SIZES: Mapping[str, int] = {
    "altup_num_inputs": 4,
    "hidden_size_per_layer_input": 256,
    "laurel_rank": 64,
    "vocab_size_per_layer_input": 262_144,
}


def _read(found: ConfigJson) -> Mapping[str, Any]:
    count = found.integer("num_hidden_layers")
    every = "".join("sf"[(one + 1) % _EVERY == 0] for one in range(count))
    layers = letters(found, "layer_types", _LETTERS) or every
    own: dict[str, int | str] = {name: found.integer(name, size) for name, size in _SIZES.items()}
    own["num_kv_shared_layers"] = shared_layers(found, layers, 15)
    sparse = _sparse(found, count)
    own["layers"] = "".join(
        letter.upper() if one else letter for letter, one in zip(layers, sparse, strict=True)
    )
    return {
        "own": tuple(sorted(own.items())),
        "sliding_window": found.integer("sliding_window"),
    }


def _sparse(found: ConfigJson, layers: int) -> tuple[bool, ...]:
    """Return which layers keep only the largest activations of their MLP."""
    shares = found.values.get("activation_sparsity_pattern")
    if shares is None:
        return tuple(one < _SPARSE < layers for one in range(layers))
    numbers = isinstance(shares, list) and all(type(one) is float for one in shares)
    if not numbers or len(shares) != layers or not all(0 <= one < 1 for one in shares):
        raise found.contradiction(
            f"has no list of {layers} numbers from 0.0 to 1.0 in `activation_sparsity_pattern`"
        )
    return tuple(one > 0 for one in shares)


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the layers, in groups of equal ones."""
    return tuple(
        _block(shape, letter, shared, numbers) for (letter, shared), numbers in alike(shape).items()
    )


def _block(shape: Architecture, letter: str, shared: bool, at: tuple[int, ...]) -> Block:
    full = letter in "fF"
    beside = AlternatingUpdates(
        streams=shape.integer("altup_num_inputs"),
        rank=shape.integer("laurel_rank"),
        inputs=shape.integer("hidden_size_per_layer_input"),
        sparse=letter.isupper(),
    )
    return Block(
        len(at),
        (*linears(shape, shape, 0 if shared else 2, shape.intermediate), *_branches(shape, beside)),
        shape.intermediate,
        at=at,
        attention=replace(shape, sliding_window=0) if full else shape,
        shared_keys=shared,
        beside=(beside,),
        norms=(*NORMS, "post_per_layer_input_norm", "altup.router_norm", "laurel.post_laurel_norm"),
        extras=tuple(_extras(shape, beside)),
    )


def _branches(shape: Architecture, beside: AlternatingUpdates) -> Iterator[Linear]:
    h = shape.hidden
    yield Linear("linear_left", h, beside.rank, "side", module="laurel", source="norm")
    yield Linear("linear_right", beside.rank, h, "side", module="laurel", source="left")
    yield Linear("per_layer_input_gate", h, beside.inputs, "side", source="corrected")
    yield Linear("per_layer_projection", beside.inputs, h, "side", source="gate")


def _extras(shape: Architecture, beside: AlternatingUpdates) -> Iterator[Extra]:
    several = beside.streams
    yield Extra("altup.correct_output_scale", (shape.hidden,))
    yield Extra("altup.correction_coefs.weight", (several, several))
    yield Extra("altup.prediction_coefs.weight", (several**2, several))
    yield Extra("altup.modality_router.weight", (several, shape.hidden))


def _outside(shape: Architecture) -> Iterator[Extra]:
    """Yield the tensors outside the layers: those of all layers' embedding, and of the streams."""
    yield from outside(shape)
    for stack in ("altup_projections", "altup_unembed_projections"):
        for number in range(shape.integer("altup_num_inputs") - 1):
            size = (shape.hidden, shape.hidden)
            yield Extra(f"{stack}.{number}.weight", size, linear=True)


FAMILIES: Mapping[str, Family] = {
    "gemma3n_text": Family(
        classifier=False,
        norms=4,
        qk_norm=True,
        soft_cap=True,
        defaults={
            "vocab_size": 262_400,
            "hidden_size": 2048,
            "intermediate_size": 16_384,
            "num_hidden_layers": 35,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "head_dim": 256,
            "max_position_embeddings": 32_768,
            "sliding_window": 512,
            "tie_word_embeddings": True,
        },
        unquantized=(r".*\.altup",),
        naming=Naming(norms=NORMS),
        habits=Habits(scale_bytes=4, post_norm=True, value_norm=True),
        fields="hidden_activation layer_types -hidden_act",
        field_types=dict.fromkeys((*_SIZES, "altup_active_idx", "num_kv_shared_layers"), "i")
        | {
            "activation_sparsity_pattern": "nfl",
            "altup_coef_clip": "f",
            "altup_correct_scale": "b",
            "attention_dropout": "nfi",
            "final_logit_softcapping": "f",
            "head_dim": "i",
            "intermediate_size": "il",
            "num_key_value_heads": "i",
            "sliding_window": "i",
        },
        listed=("intermediate_size",),
        read=_read,
        own={name: "some" for name in _SIZES} | {"layers": "sfSF", "num_kv_shared_layers": "any"},
        blocks=_blocks,
        outside=_outside,
    ),
}
