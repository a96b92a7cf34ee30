"""The family `glm5_next_text`, the decoder of GLM-5.3-Flash: linear attention by the Kimi delta
rule, sparse attention over latent attention without positions, and several residual streams."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from planner.models.shapes import hyper_connections, latent, sparse_latent
from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters
from planner.models.shapes.mixers import KimiDelta, SparseLatent
from planner.models.shapes.naming import Naming
from planner.models.shapes.shape import Architecture

_LETTERS = {"linear_attention": "l", "indexed_attention": "f", "full_attention": "f"}
_LINEAR = {
    "linear_num_heads": "num_heads",
    "linear_head_dim": "head_dim",
    "linear_conv_kernel_dim": "short_conv_kernel_size",
}
"""The fields of linear attention, and their names in the table that older files have."""
_AT, _INDEXER = "self_attn", "self_attn.indexer"


def _read(found: ConfigJson) -> dict[str, Any]:
    if found.count("qk_rope_head_dim", 0):
        raise found.contradiction("rotates a part of each head, which its class does not")
    usual = sparse_latent.read(found, rotates=False)
    own = dict(usual["own"]) | hyper_connections.read(found) | _linear(found)
    own["index_kpool"] = pool = found.integer("index_kpool")
    if own["index_topk"] % pool:
        raise found.contradiction(f"chooses {own['index_topk']} tokens in pools of {pool}")
    own["layers"] = _layers(found)
    return usual | {"own": tuple(sorted(own.items()))}


def _linear(found: ConfigJson) -> dict[str, int | str]:
    """Return the sizes of linear attention."""
    table = found.values.get("linear_attn_config")
    if table is not None and not isinstance(table, Mapping):
        raise found.contradiction("has no table in `linear_attn_config`")
    older = ConfigJson(table or {}, found.name)
    return {name: older.integer(old, found.integer(name)) for name, old in _LINEAR.items()}


def _layers(found: ConfigJson) -> str:
    """Return a letter for each layer: `l` for linear attention, `f` for sparse attention, and `s`
    for that with the choice of the layer before."""
    count = found.integer("num_hidden_layers")
    every = "".join("l" if at % 4 != 3 else "f" for at in range(count))
    kinds, modes = letters(found, "layer_types", _LETTERS) or every, sparse_latent.indexers(found)
    layers = "".join(mode if kind == "f" else "l" for kind, mode in zip(kinds, modes, strict=True))
    for before, one in zip("l" + layers, layers, strict=False):
        if one == "s" and before != "f":
            raise found.contradiction("has a layer without an indexer after one without, too")
    return layers


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the layers, in groups of equal ones."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for number, letter in enumerate(shape.text("layers")):
        groups.setdefault((letter, number < shape.dense_layers), []).append(number)
    return tuple(_block(shape, letter, dense, tuple(at)) for (letter, dense), at in groups.items())


def _block(shape: Architecture, letter: str, dense: bool, at: tuple[int, ...]) -> Block:
    own: KimiDelta | SparseLatent
    if letter == "l":
        own = _kimi(shape)
        attends, extras = tuple(_projections(shape, own)), tuple(_extras(own))
    else:
        own = sparse_latent.mixer(shape, letter, pool=shape.integer("index_kpool"))
        attends = latent.linears(shape)
        extras = (*latent.norms(shape), *_indexer(shape, own))
    extras += tuple(hyper_connections.extras(shape))
    made = sparse_latent.layer(shape, attends, own, extras, at, dense=dense)
    return replace(made, beside=(hyper_connections.connections(shape),))


def _kimi(shape: Architecture) -> KimiDelta:
    return KimiDelta(*(shape.integer(name) for name in _LINEAR))


def _projections(shape: Architecture, own: KimiDelta) -> Iterator[Linear]:
    """Yield the projections of linear attention; decay and gate each come from a narrow one."""
    h, inner, width = shape.hidden, own.inner, own.head_dim
    for name in ("q_proj", "k_proj", "v_proj"):
        yield Linear(name, h, inner)
    forgets = f"{_AT}.forget_gate"
    yield Linear("f_a_proj", h, width, module=forgets)
    yield Linear("f_b_proj", width, inner, module=forgets, source="decay latent")
    yield Linear("b_proj", h, own.heads)
    yield Linear("g_a_proj", h, width)
    yield Linear("g_b_proj", width, inner, source="gate latent")
    yield Linear("o_proj", inner, h, "output")


def _extras(own: KimiDelta) -> Iterator[Extra]:
    """Yield the other tensors; published files hold the convolution in three parts."""
    size = (own.inner, 1, own.kernel)
    yield Extra(
        f"{_AT}.conv1d.weight",
        (3 * own.inner, 1, own.kernel),
        parts=tuple((f"{_AT}.{one}_conv1d.weight", size) for one in "qkv"),
    )
    yield Extra(f"{_AT}.forget_gate.dt_bias", (own.inner,))
    yield Extra(f"{_AT}.forget_gate.A_log", (own.heads,))
    yield Extra(f"{_AT}.o_norm.weight", (own.head_dim,))


def _indexer(shape: Architecture, own: SparseLatent) -> Iterator[Extra]:
    """Yield the tensors of the indexer, which chooses pools of tokens."""
    yield from sparse_latent.indexer(shape, own)
    if own.index_heads:
        still = partial(Extra, untrained=True)
        yield still(f"{_INDEXER}.index_kpool_compress_ape", (own.pool, own.index_dim))
        yield still(f"{_INDEXER}.index_kpool_compress_gate", (own.index_dim, shape.hidden))


FAMILIES: Mapping[str, Family] = {
    "glm5_next_text": Family(
        classifier=False,
        unquantized=("weights_proj",),
        experts="n_routed_experts",
        shared="n_shared_experts",
        defaults={
            "hc_mult": 4,
            "hc_sinkhorn_iters": 20,
            "index_head_dim": 128,
            "index_kpool": 16,
            "index_n_heads": 32,
            "index_topk": 2048,
            "kv_lora_rank": 512,
            "linear_conv_kernel_dim": 4,
            "linear_head_dim": 128,
            "linear_num_heads": 64,
            "moe_intermediate_size": 2048,
            "n_routed_experts": 288,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "q_lora_rank": 1536,
            "qk_nope_head_dim": 256,
            "v_head_dim": 256,
        },
        naming=Naming(
            shared="shared_experts",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
            renamed=(
                (".self_attn.f_a_proj.", ".self_attn.forget_gate.f_a_proj."),
                (".self_attn.f_b_proj.", ".self_attn.forget_gate.f_b_proj."),
                (".self_attn.dt_bias", ".self_attn.forget_gate.dt_bias"),
                (".self_attn.A_log", ".self_attn.forget_gate.A_log"),
                (".hc_attn_", ".attn_hc."),
                (".hc_ffn_", ".ffn_hc."),
            ),
        ),
        habits=Habits(packs=False),
        rotary=False,
        fields=(
            "layer_types moe_intermediate_size n_group n_routed_experts n_shared_experts "
            "norm_topk_prob num_experts_per_tok output_router_logits routed_scaling_factor "
            "router_aux_loss_coef swiglu_limit topk_group"
        ),
        field_types=sparse_latent.FIELD_TYPES
        | dict.fromkeys((*_LINEAR, *hyper_connections.OWN, "index_kpool"), "i")
        | {
            "hc_eps": "f",
            "index_kpool_always_select_tail": "b",
            "indexer_types": "nl",
            "linear_lower_bound": "nf",
        },
        read=_read,
        own={
            **sparse_latent.OWN,
            **hyper_connections.OWN,
            **dict.fromkeys((*_LINEAR, "index_kpool"), "some"),
            "qk_rope_head_dim": "any",
            "layers": "lfs",
        },
        blocks=_blocks,
    ),
}
