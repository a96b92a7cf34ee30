"""The shape of a decoder, from its `config.json`, without transformers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockfiles.harmless import one_line
from planner.models.config_json import MOST_OTHERWISE, ConfigJson
from planner.models.families import FAMILIES, TEXT_FAMILIES, Family

if TYPE_CHECKING:
    from lockfiles.lock import Model


@dataclass(frozen=True)
class Architecture:
    """The facts of `config.json` that memory depends on."""

    family: str
    """`model_type` of the decoder; that of `text_config` in a multimodal wrapper."""
    hidden: int
    """Width of the residual stream."""
    layers: int
    """Number of layers."""
    heads: int
    """Attention heads."""
    kv_heads: int
    """Key and value heads."""
    head_dim: int
    """Width of a head."""
    intermediate: int
    """Width of the MLP."""
    vocabulary: int
    """Rows of the embedding."""
    tied: bool
    """Whether the head shares the embedding."""
    context: int
    """Longest sequence, in tokens."""
    qk_norm: bool
    """Whether queries and keys are normalised before attention."""
    bias: bool
    """Whether the query, key and value layers have a bias."""
    experts: int = 0
    """Routed experts of a mixture's layer; 0 for a dense model."""
    experts_per_token: int = 0
    """Routed experts that one token passes through; 0 for a dense model."""
    moe_intermediate: int = 0
    """Width of one routed expert; 0 for a dense model."""
    shared_intermediate: int = 0
    """Width, in total, of the experts that every token passes through; 0 without them."""
    dense_layers: int = 0
    """Leading layers of a mixture that have a dense MLP of width `intermediate`."""
    gated_mlp: bool = True
    """Whether the MLP has gate, up and down layers; False for up and down alone."""
    sliding_window: int = 0
    """Tokens that a layer with a sliding window looks back on; 0 where no layer has one."""
    sliding_every: int = 0
    """One layer in this many attends to everything, the others slide; 0 where all are alike."""
    mlp_bias: bool = False
    """Whether the layers of the MLP have a bias."""
    o_bias: bool = False
    """Whether the layer behind the attention has a bias."""
    soft_cap: bool = False
    """Whether the logits of attention or head pass through a soft cap."""
    norms_per_layer: int = 2
    """Norms of width `hidden` in one layer, from 1 to 4."""
    head_bias: bool = False
    """Whether the head has a bias."""


FOUR_TIMES = frozenset(["bloom", "falcon", "gpt2", "gpt_bigcode", "gptj", "opt"])
"""Families whose MLP is four times as wide as `hidden` unless the file says otherwise."""
ONE_KEY = frozenset(["falcon", "gpt_bigcode"])
"""Families that may have one key and value head for all queries."""
UNKNOWN = (
    ("kv_lora_rank", "keys and values of low rank (multi-head latent attention)"),
    ("state_size", "state-space layers"),
    ("mamba_d_state", "state-space layers"),
    ("ssm_cfg", "state-space layers"),
    ("linear_key_head_dim", "layers with linear attention"),
    ("hidden_size_per_layer_input", "embeddings for each layer"),
    ("is_encoder_decoder", "an encoder"),
    ("cross_attention_layers", "layers with cross attention"),
)
"""Fields of architectures that are not understood, and what each stands for."""

_NOT_YET = "which Tunelock cannot count yet"


def architecture(config: Mapping[str, Any], name: str) -> Architecture:
    """Return the shape that a `config.json` describes; `name` names it in errors.

    Of a multimodal wrapper this is its text decoder. Raises UsageProblem for a field that is
    missing or of another type, and for an architecture that is not understood.
    """
    found, family = _decoder(config, name)
    hidden, heads = found.integer("hidden_size"), found.integer("num_attention_heads")
    layers, kind = found.integer("num_hidden_layers"), FAMILIES[family]
    wide = 4 * hidden if family in FOUR_TIMES else None
    window, every = _sliding(found, kind, layers)
    kv_heads = _kv_heads(found, family, heads)
    if heads % kv_heads:
        raise found.refusal(f"has {heads} attention heads for {kv_heads} of keys and values")
    return Architecture(
        family=family,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=found.integer("head_dim", hidden // heads),
        intermediate=found.integer("intermediate_size", wide),
        vocabulary=found.integer("vocab_size"),
        tied=found.flag("tie_word_embeddings"),
        context=found.integer("max_position_embeddings"),
        qk_norm=found.flag(kind.qk_norm),
        bias=found.flag(kind.bias),
        gated_mlp=kind.gated_mlp,
        sliding_window=window,
        sliding_every=every,
        mlp_bias=found.flag(kind.mlp_bias),
        o_bias=found.flag(kind.o_bias),
        soft_cap=kind.soft_cap or _soft_cap(found.values),
        norms_per_layer=_norms(found, family),
        head_bias=found.flag(kind.head_bias),
        **(_mixture(found, kind, layers) if kind.experts else {}),
    )


def of_lock(model: "Model") -> Architecture:
    """Return the shape that a lock counts with."""
    facts: dict[str, Any] = dict(model.architecture)
    return Architecture(family=model.family, context=model.context_tokens, **facts)


def _decoder(config: Mapping[str, Any], name: str) -> tuple[ConfigJson, str]:
    """Return the text decoder's fields, with the family's defaults, and its family."""
    inner = config.get("text_config")
    inner = {**inner} if isinstance(inner, Mapping) else None
    tied = {k: v for k, v in config.items() if k == "tie_word_embeddings"}
    values = config if inner is None else {"model_type": config.get("model_type"), **tied, **inner}
    found = ConfigJson(values, name)
    family = found.text("model_type")
    family = TEXT_FAMILIES.get(family, family)
    for field, what in UNKNOWN:
        if values.get(field):
            raise found.refusal(f"has {what}, {_NOT_YET}")
    if values.get("word_embed_proj_dim", values.get("hidden_size")) != values.get("hidden_size"):
        raise found.refusal(f"has an embedding of another width than its layers, {_NOT_YET}")
    if family not in FAMILIES:
        raise found.refusal(f"is of the family `{one_line(family)}`, {_NOT_YET}")
    said = {key: value for key, value in values.items() if value is not None}
    usual = dict(FAMILIES[family].defaults)
    if "sliding_window" in values:
        usual.pop("sliding_window", None)  # null says that there is none
    return ConfigJson(usual | said, name), family


def _kv_heads(found: ConfigJson, family: str, heads: int) -> int:
    if family in ONE_KEY and not found.values.get("new_decoder_architecture"):
        return 1 if found.flag("multi_query") else heads
    return found.integer("num_key_value_heads", heads)


def _norms(found: ConfigJson, family: str) -> int:
    """Falcon's layers share one norm between attention and MLP, or have one for each."""
    if family != "falcon":
        return FAMILIES[family].norms
    if found.values.get("new_decoder_architecture"):
        return found.integer("num_ln_in_parallel_attn", 2)
    return 1 if found.flag("parallel_attn") else 2


def _soft_cap(values: Mapping[str, Any]) -> bool:
    return bool(values.get("attn_logit_softcapping") or values.get("final_logit_softcapping"))


def _sliding(found: ConfigJson, kind: Family, layers: int) -> tuple[int, int]:
    """Return the window, in tokens, and in how many layers one is full."""
    values, types = found.values, found.values.get("layer_types")
    full = _full_layers(found, types) if isinstance(types, list) else None
    if isinstance(types, list) and full != len(types) and not values.get("sliding_window"):
        raise found.refusal("has layers that see a window, and no `sliding_window`")
    if not values.get("sliding_window") or values.get("use_sliding_window") is False:
        return 0, 0
    window = found.integer("sliding_window")
    if full is not None:
        return _windowed(window, full, layers)
    if values.get("use_sliding_window") and "max_window_layers" in values:
        return _windowed(window, found.integer("max_window_layers"), layers)
    pattern = values.get("sliding_window_pattern") or kind.sliding_every
    if isinstance(pattern, str) and len(pattern) <= layers:
        return window, len(pattern)
    return window, found.integer("sliding_window_pattern", pattern) if pattern else 0


def _windowed(window: int, full: int, layers: int) -> tuple[int, int]:
    if full >= layers:
        return 0, 0
    return window, round(layers / full) if full else 0


def _full_layers(found: ConfigJson, types: list[Any]) -> int:
    if others := set(map(str, types)) - {"sliding_attention", "full_attention"}:
        other = one_line(min(others), most=40)
        raise found.refusal(f"has layers of the kind `{other}`, {_NOT_YET}")
    return types.count("full_attention")


def _mixture(found: ConfigJson, kind: Family, layers: int) -> dict[str, int]:
    """Return the fields of a mixture of experts."""
    if found.values.get("decoder_sparse_step", 1) != 1:
        raise found.refusal(f"has experts in some layers only, {_NOT_YET}")
    width, experts = found.integer(kind.moe_width), found.integer(kind.experts)
    routed = found.integer("num_experts_per_tok")
    if routed > experts:
        raise found.refusal(f"sends a token through {routed} of {experts} experts")
    shared = found.integer(kind.shared) if found.values.get(kind.shared) else 0
    shared = shared * width if kind.shared == "n_shared_experts" else shared
    if shared > MOST_OTHERWISE:
        raise found.refusal("has a shared expert wider than any")
    return {
        "experts": experts,
        "experts_per_token": routed,
        "moe_intermediate": width,
        "shared_intermediate": shared,
        "dense_layers": min(_dense_layers(found, kind.dense), layers),
    }


def _dense_layers(found: ConfigJson, field: str) -> int:
    """Return how many layers, all leading ones, have no experts."""
    value = found.values.get(field)
    if not value:
        return 0
    if not isinstance(value, list):
        return found.integer(field)
    if sorted(map(str, value)) != sorted(map(str, range(len(value)))):
        raise found.refusal(f"has dense layers between its mixtures, {_NOT_YET}")
    return len(value)
