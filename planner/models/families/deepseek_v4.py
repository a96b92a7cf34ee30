"""The family `deepseek_v4`: a window of keys, compressed keys, and several residual streams.

One projection gives the only key head, which is the value head too. The indexer chooses by numbers
alone, so no gradient reaches its weights.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from planner.models.shapes import hyper_connections
from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters
from planner.models.shapes.linears import mixture
from planner.models.shapes.mixers import CompressedKeys
from planner.models.shapes.naming import LinearNames, Naming
from planner.models.shapes.shape import Architecture

_SIZES = ("index_head_dim", "index_n_heads", "index_topk", "o_groups", "o_lora_rank", "q_lora_rank")
_SLIDING, _SPARSE, _HEAVY = (
    "sliding_attention",
    "compressed_sparse_attention",
    "heavily_compressed_attention",
)
_LETTERS = {_SLIDING: "s", _SPARSE: "c", _HEAVY: "h"}
_RATIOS = {0: "s", 4: "c", 128: "h"}
"""The letters of `compress_ratios`, which older files have for each layer and the layers ahead."""
_RATES = {"compress_rate_csa": (_SPARSE, 4), "compress_rate_hca": (_HEAVY, 128)}
"""The field of each rate, its type of layer, and the rate without a field."""
_ROUTERS = {"hash_moe": "h", "moe": "m"}
_SCORES = ("sqrtsoftplus", "softmax", "sigmoid")
_AT, _INDEXER = "self_attn.compressor", "self_attn.compressor.indexer"
_MLP = LinearNames(
    gate="shared_experts.gate_proj", up="shared_experts.up_proj", down="shared_experts.down_proj"
)
"""With their module, since compressors have projections of the same name."""


def _read(found: ConfigJson) -> Mapping[str, Any]:
    heads, width = found.integer("num_attention_heads"), found.integer("head_dim")
    own: dict[str, int | str] = {name: found.integer(name) for name in _SIZES}
    own |= hyper_connections.read(found) | _rates(found)
    own["qk_rope_head_dim"] = rotated = _rotated(found, width)
    own["layers"] = _layers(found)
    groups, inner = found.integer("o_groups"), found.integer("moe_intermediate_size")
    if heads * width % groups:
        raise found.contradiction(f"has {heads} attention heads for {groups} groups of them")
    if rotated > found.integer("index_head_dim"):
        raise found.contradiction("has an indexer with heads that are narrower than their rotation")
    if found.values.get("scoring_func") not in _SCORES:
        raise found.contradiction("has experts that are scored by an unknown function")
    if found.integer("intermediate_size") not in (1, inner):
        raise found.contradiction("has two widths for the same MLP")
    return {
        "kv_heads": 1,
        "intermediate": inner,
        "shared_intermediate": inner,
        "sliding_window": found.integer("sliding_window"),
        "own": tuple(sorted(own.items())),
    }


def _layers(found: ConfigJson) -> str:
    """Return a letter for each layer; those whose experts follow from the token are uppercase."""
    count = found.integer("num_hidden_layers")
    kinds, routers = _attention(found, count), _routers(found, count)
    return "".join(
        kind.upper() if router == "h" else kind for kind, router in zip(kinds, routers, strict=True)
    )


def _attention(found: ConfigJson, count: int) -> str:
    if listed := letters(found, "layer_types", _LETTERS):
        return listed
    if found.values.get("compress_ratios") is None:
        return "".join("c" if at % 2 and at > 1 else "h" for at in range(count))
    ratios = found.integers("compress_ratios", None, least=0)
    if len(ratios) < count or any(one not in _RATIOS for one in ratios):
        raise found.contradiction(f"has no list of {count} known rates in `compress_ratios`")
    return "".join(_RATIOS[one] for one in ratios[:count])


def _routers(found: ConfigJson, count: int) -> str:
    if listed := letters(found, "mlp_layer_types", _ROUTERS):
        return listed
    first = min(count, found.count("num_hash_layers", 3))
    return "h" * first + "m" * (count - first)


def _rates(found: ConfigJson) -> dict[str, int | str]:
    """Return how many tokens each kind of compressed entry has."""
    given = found.values.get("compress_rates")
    if given is not None and not isinstance(given, Mapping):
        raise found.contradiction("has no table in `compress_rates`")
    inner = ConfigJson(given or {}, found.name)
    return {
        name: found.integer(name, inner.integer(kind, usual))
        for name, (kind, usual) in _RATES.items()
    }


def _rotated(found: ConfigJson, width: int) -> int:
    """Return the width of the part of a head with positions."""
    share = found.values.get("partial_rotary_factor")
    if share is None:
        share = found.integer("qk_rope_head_dim", width // 8) / width
    if type(share) not in (int, float) or not 0 < share <= 1 or int(width * share) % 2:
        raise found.contradiction("rotates an impossible part of each head")
    return int(width * share)


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the layers, in groups of equal ones."""
    groups: dict[str, list[int]] = {}
    for number, letter in enumerate(shape.text("layers")):
        groups.setdefault(letter, []).append(number)
    return tuple(_block(shape, letter, tuple(at)) for letter, at in groups.items())


def _block(shape: Architecture, letter: str, at: tuple[int, ...]) -> Block:
    own = _mixer(shape, letter.lower())
    made = mixture(shape, _MLP, tuple(_linears(shape, own)), len(at))
    return replace(
        made,
        at=at,
        mixer=own,
        beside=(hyper_connections.connections(shape),),
        extras=(
            *_norms(shape, own),
            *_compressor(shape, own),
            *hyper_connections.extras(shape),
            _chooses(shape, by_token=letter.isupper()),
        ),
    )


def _mixer(shape: Architecture, letter: str) -> CompressedKeys:
    sparse = letter == "c"
    rates = {"s": 0, "c": "compress_rate_csa", "h": "compress_rate_hca"}
    rate = rates[letter]
    return CompressedKeys(
        heads=shape.heads,
        head_dim=shape.head_dim,
        rotated=shape.integer("qk_rope_head_dim"),
        query_rank=shape.integer("q_lora_rank"),
        groups=shape.integer("o_groups"),
        group_rank=shape.integer("o_lora_rank"),
        window=shape.sliding_window,
        rate=shape.integer(rate) if isinstance(rate, str) else 0,
        index_heads=shape.integer("index_n_heads") * sparse,
        index_dim=shape.integer("index_head_dim") * sparse,
        index_entries=shape.integer("index_topk") * sparse,
    )


def _linears(shape: Architecture, own: CompressedKeys) -> Iterator[Linear]:
    h, grouped = shape.hidden, own.groups * own.group_rank
    yield Linear("q_a_proj", h, own.query_rank)
    queries = own.heads * own.head_dim
    yield Linear("self_attn.q_b_proj", own.query_rank, queries, source="query latent")
    yield Linear("self_attn.kv_proj", h, own.head_dim)
    if own.rate:
        for name in ("compressor.kv_proj", "compressor.gate_proj"):
            width = own.series * own.head_dim
            yield Linear(name, h, width, module=_AT, quantized=False)
    yield Linear("o_b_proj", grouped, h, "output")


def _norms(shape: Architecture, own: CompressedKeys) -> Iterator[Extra]:
    """Yield attention's norms and the grouped projection, which is not a usual linear layer."""
    yield Extra("self_attn.q_a_norm.weight", (own.query_rank,))
    yield Extra("self_attn.kv_norm.weight", (own.head_dim,))
    inside = own.heads * own.head_dim // own.groups
    yield Extra("self_attn.o_a_proj.weight", (own.groups * own.group_rank, inside))


def _compressor(shape: Architecture, own: CompressedKeys) -> Iterator[Extra]:
    if not own.rate:
        return
    yield Extra(f"{_AT}.position_bias", (own.rate, own.series * own.head_dim))
    yield Extra(f"{_AT}.kv_norm.weight", (own.head_dim,))
    if own.index_heads:
        yield from _indexer(shape, own)


def _indexer(shape: Architecture, own: CompressedKeys) -> Iterator[Extra]:
    """Yield its tensors; bitsandbytes quantizes `q_b_proj` only (`_keep_in_fp32_modules`)."""
    width, both = own.index_dim, own.series * own.index_dim
    still = partial(Extra, untrained=True)
    yield still(f"{_INDEXER}.kv_proj.weight", (both, shape.hidden))
    yield still(f"{_INDEXER}.gate_proj.weight", (both, shape.hidden))
    yield still(f"{_INDEXER}.position_bias", (own.rate, both))
    yield still(f"{_INDEXER}.kv_norm.weight", (width,))
    queries = own.index_heads * width
    yield still(f"{_INDEXER}.q_b_proj.weight", (queries, own.query_rank), linear=True)
    yield still(f"{_INDEXER}.scorer.weights_proj.weight", (own.index_heads, shape.hidden))


def _chooses(shape: Architecture, *, by_token: bool) -> Extra:
    """Return the experts of every token, or the correction of the router's scores."""
    if by_token:
        table = (shape.vocabulary, shape.experts_per_token)
        return Extra("mlp.gate.tid2eid", table, buffer=True, integers=True)
    return Extra("mlp.gate.e_score_correction_bias", (shape.experts,), buffer=True)


def _outside(shape: Architecture) -> Iterator[Extra]:
    """Yield the weights by which the last residual streams become one."""
    streams = shape.integer("hc_mult")
    yield Extra("hc_head.hc_fn", (streams, streams * shape.hidden))
    yield Extra("hc_head.hc_base", (streams,))
    yield Extra("hc_head.hc_scale", (1,))


FAMILIES: Mapping[str, Family] = {
    "deepseek_v4": Family(
        classifier=False,
        eager=True,
        bias=False,
        o_bias=False,
        mlp_bias="mlp_bias",
        sinks=True,
        experts="n_routed_experts",
        shared="n_shared_experts",
        defaults={
            "head_dim": 512,
            "hc_mult": 4,
            "hc_sinkhorn_iters": 20,
            "index_head_dim": 128,
            "index_n_heads": 64,
            "index_topk": 512,
            "intermediate_size": 1,
            "moe_intermediate_size": 2048,
            "n_routed_experts": 256,
            "n_shared_experts": 1,
            "num_experts_per_tok": 6,
            "num_key_value_heads": 1,
            "o_groups": 8,
            "o_lora_rank": 1024,
            "q_lora_rank": 1024,
            "scoring_func": "sqrtsoftplus",
            "sliding_window": 128,
        },
        compressor=_AT,
        linears=_MLP,
        naming=Naming(
            shared="shared_experts",
            parts=("w1.weight", "w3.weight", "w2.weight"),
            renamed=(
                ("embed.weight", "embed_tokens.weight"),
                ("head.weight", "lm_head.weight"),
                ("hc_head_", "hc_head.hc_"),
                (".attn.", ".self_attn."),
                (".ffn.", ".mlp."),
                (".indexer.compressor.", ".compressor.indexer."),
                (".attn_norm.", ".input_layernorm."),
                (".ffn_norm.", ".post_attention_layernorm."),
                (".hc_attn_", ".attn_hc."),
                (".hc_ffn_", ".ffn_hc."),
                (".attn_sink", ".sinks"),
                (".self_attn.indexer.weights_proj.", f".{_INDEXER}.scorer.weights_proj."),
                (".self_attn.indexer.wq_b.", f".{_INDEXER}.q_b_proj."),
                (".self_attn.norm.", ".self_attn.kv_norm."),
                (".compressor.norm.", ".compressor.kv_norm."),
                (".indexer.norm.", ".indexer.kv_norm."),
                (".ape", ".position_bias"),
                (".wq_a.", ".q_a_proj."),
                (".wq_b.", ".q_b_proj."),
                (".wkv.", ".kv_proj."),
                (".wgate.", ".gate_proj."),
                (".wo_a.", ".o_a_proj."),
                (".wo_b.", ".o_b_proj."),
                (".q_norm.", ".q_a_norm."),
                (".gate.bias", ".gate.e_score_correction_bias"),
                (".shared_experts.w1.", ".shared_experts.gate_proj."),
                (".shared_experts.w2.", ".shared_experts.down_proj."),
                (".shared_experts.w3.", ".shared_experts.up_proj."),
            ),
        ),
        habits=Habits(
            scale_bytes=4, score_bytes=2, passing_bytes=10, written_bytes=12, packs=False
        ),
        fields=(
            "layer_types mlp_bias moe_intermediate_size n_routed_experts n_shared_experts "
            "norm_topk_prob num_experts_per_tok output_router_logits routed_scaling_factor "
            "router_aux_loss_coef router_jitter_noise swiglu_limit -intermediate_size"
        ),
        field_types=dict.fromkeys(
            (
                *_SIZES,
                "head_dim",
                "hc_mult",
                "hc_sinkhorn_iters",
                "num_key_value_heads",
                "num_nextn_predict_layers",
                "sliding_window",
            ),
            "i",
        )
        | {
            "attention_dropout": "f",
            "compress_rates": "nt",
            "compress_rope_theta": "fi",
            "hc_eps": "f",
            "mlp_layer_types": "nl",
            "partial_rotary_factor": "nf",
            "rope_theta": "fi",
            "scoring_func": "s",
        },
        read=_read,
        own={
            **hyper_connections.OWN,
            **dict.fromkeys((*_SIZES, *_RATES, "qk_rope_head_dim"), "some"),
            "layers": "schSCH",
        },
        blocks=_blocks,
        outside=_outside,
    ),
}
