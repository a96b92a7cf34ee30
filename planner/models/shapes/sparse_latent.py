"""Sparse attention over latent attention: an indexer chooses the tokens that each query attends to.

Read from `transformers/models/deepseek_v32/modeling_deepseek_v32.py` and
`models/glm_moe_dsa/modeling_glm_moe_dsa.py`. The indexer runs without gradients: its weights do
not change in any training, and no adapter on them would learn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

from planner.models.shapes import latent
from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import BETWEEN, ConfigJson
from planner.models.shapes.letters import letters
from planner.models.shapes.linears import mixture, mlp
from planner.models.shapes.mixers import Latent, Mixer, SparseLatent
from planner.models.shapes.naming import LinearNames
from planner.models.shapes.shape import Architecture

_SIZES = ("index_head_dim", "index_n_heads", "index_topk")
OWN: Mapping[str, str] = {**latent.OWN, **dict.fromkeys(_SIZES, "some"), "q_lora_rank": "some"}
"""The facts of such a family (`Family.own`)."""
FIELD_TYPES: dict[str, str] = {
    **latent.FIELD_TYPES,
    **dict.fromkeys(_SIZES, "i"),
    "head_dim": "i",
    "mlp_layer_types": "nl",
    "num_key_value_heads": "i",
    "q_lora_rank": "i",
}
"""The types of its fields (`Family.field_types`)."""
_MODES = {"full": "f", "shared": "s"}
_AT = "self_attn.indexer"


def read(found: ConfigJson, *, rotates: bool = True) -> dict[str, Any]:
    """Return the fields of `Architecture` of such a model. Raises UsageProblem as `latent.read`
    does."""
    usual = latent.read(found, rotates=rotates)
    own = dict(usual["own"]) | {name: found.integer(name) for name in _SIZES}
    if not own["q_lora_rank"]:
        raise found.contradiction("has an indexer, which needs a latent of the queries")
    if own["index_head_dim"] < own["qk_rope_head_dim"]:
        raise found.contradiction("has an indexer with heads that are narrower than their rotation")
    return usual | {"dense_layers": dense_layers(found), "own": tuple(sorted(own.items()))}


def read_shared(found: ConfigJson) -> dict[str, Any]:
    """Return the same for a model whose layers may take the choice of an earlier one."""
    usual, modes = read(found), indexers(found)
    if modes[0] != "f":
        raise found.contradiction("has no indexer in its first layer")
    return usual | {"own": tuple(sorted((*usual["own"], ("indexers", modes))))}


def indexers(found: ConfigJson) -> str:
    """Return for each layer whether it has an indexer: `f` for yes, `s` for no."""
    layers = found.integer("num_hidden_layers")
    if listed := letters(found, "indexer_types", _MODES):
        return listed
    pattern = found.values.get("index_topk_pattern")
    if isinstance(pattern, str) and len(pattern) == layers and set(pattern) <= set("FS"):
        return pattern.lower()
    if pattern is not None:
        return letters(found, "index_topk_pattern", _MODES)
    every = max(1, found.count("index_topk_freq", 1))
    first = found.count("index_skip_topk_offset", 2)
    return "".join("s" if max(at - first + 1, 0) % every else "f" for at in range(layers))


def dense_layers(found: ConfigJson, usual: int = 3) -> int:
    """Return the number of leading layers without experts.

    Raises UsageProblem for dense layers between mixtures.
    """
    layers = found.integer("num_hidden_layers")
    if found.values.get("mlp_layer_types") is None:
        return min(layers, found.count("first_k_dense_replace", usual))
    kinds = found.texts("mlp_layer_types", ("dense", "sparse"), layers)
    dense = kinds.count("dense")
    if "sparse" in kinds[:dense]:
        raise found.refusal(BETWEEN)
    return dense


def blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the layers of a model, in groups of equal ones."""
    modes, groups = (
        shape.text("indexers") or "f" * shape.layers,
        dict[tuple[str, bool], list[int]](),
    )
    for number, mode in enumerate(modes):
        groups.setdefault((mode, number < shape.dense_layers), []).append(number)
    return tuple(_block(shape, mode, dense, tuple(at)) for (mode, dense), at in groups.items())


def _block(shape: Architecture, mode: str, dense: bool, at: tuple[int, ...]) -> Block:
    own = mixer(shape, mode)
    extras = (*latent.norms(shape), *indexer(shape, own))
    return layer(shape, latent.linears(shape), own, extras, at, dense=dense)


def mixer(shape: Architecture, mode: str, *, pool: int = 1) -> SparseLatent:
    """Return the widths of attention in the layers of a mode."""
    usual = latent.mixer(shape)
    own = {one.name: getattr(usual, one.name) for one in fields(Latent)}
    has = mode == "f"
    return SparseLatent(
        **own,
        index_heads=shape.integer("index_n_heads") * has,
        index_dim=shape.integer("index_head_dim") * has,
        index_tokens=shape.integer("index_topk"),
        pool=pool,
    )


def indexer(shape: Architecture, own: SparseLatent) -> Iterator[Extra]:
    """Yield the tensors of the indexer, if there is one.

    bitsandbytes leaves `weights_proj` out (`_keep_in_fp32_modules` of the class).
    """
    heads, width = own.index_heads, own.index_dim
    if heads:
        still = partial(Extra, untrained=True)
        yield still(f"{_AT}.wq_b.weight", (heads * width, own.query_rank), linear=True)
        yield still(f"{_AT}.wk.weight", (width, shape.hidden), linear=True)
        yield still(f"{_AT}.k_norm.weight", (width,))
        yield still(f"{_AT}.k_norm.bias", (width,))
        yield still(f"{_AT}.weights_proj.weight", (heads, shape.hidden))


def layer(
    shape: Architecture,
    attends: tuple[Linear, ...],
    own: Mixer,
    extras: tuple[Extra, ...],
    at: tuple[int, ...],
    *,
    dense: bool,
) -> Block:
    """Return equal layers: with an MLP if `dense`, else with a mixture of experts."""
    names = LinearNames()
    if dense:
        parts = attends + mlp(shape, names, shape.intermediate)
        return Block(len(at), parts, shape.intermediate, at=at, mixer=own, extras=extras)
    made = mixture(shape, names, attends, len(at))
    correction = Extra("mlp.gate.e_score_correction_bias", (shape.experts,), buffer=True)
    return replace(made, at=at, mixer=own, extras=(*extras, correction))
