"""The shape of a decoder, from its `config.json`, without transformers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice
from lockfiles.harmless import one_line
from planner.models.families import FAMILIES, TEXT_FAMILIES
from planner.models.families.wrappers import WRAPPERS
from planner.models.field_types import of_family
from planner.models.shapes.config_json import BETWEEN, MOST_OTHERWISE, NAMES, ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.shape import Architecture

if TYPE_CHECKING:
    from lockfiles.lock import Model

__all__ = ["Architecture", "architecture", "of_lock"]


UNKNOWN = (
    ("kv_lora_rank", "multi-head latent attention"),
    ("state_size", "state-space layers"),
    ("mamba_d_state", "state-space layers"),
    ("ssm_cfg", "state-space layers"),
    ("linear_key_head_dim", "layers with linear attention"),
    ("hidden_size_per_layer_input", "per-layer embeddings"),
    ("cross_attention_layers", "layers with cross attention"),
)
"""Fields of unsupported architectures, and what each means."""

ENCODERS = frozenset(
    ["albert", "bert", "big_bird", "camembert", "convbert", "deberta", "deberta-v2", "distilbert",
     "electra", "ernie", "eurobert", "flaubert", "funnel", "longformer", "modernbert", "mpnet",
     "nomic_bert", "roberta", "roformer", "xlm-roberta", "xlm-roberta-xl"]
)  # fmt: skip
"""Families that read text and do not write it."""

NULL_MEANS_NONE = ("mamba_d_ssm", "q_lora_rank", "sliding_window")
"""Fields whose null is not the default of a class."""


def architecture(config: Mapping[str, Any], name: str) -> Architecture:
    """Return the shape in a `config.json`, which errors call `name`.

    For a multimodal model, it is that of the text decoder. Raises UsageProblem for a field that is
    missing or of the wrong type, and for an unsupported architecture.
    """
    found, family = _decoder(config, name)
    hidden, heads = found.integer("hidden_size"), found.integer("num_attention_heads")
    kind = FAMILIES[family]
    layers = found.integer("num_hidden_layers", _listed(found, kind))
    wide = 4 * hidden if kind.four_times else None
    window, every = (0, 0) if kind.read else _sliding(found, kind, layers)
    kv_heads = _kv_heads(found, family, heads)
    if heads % kv_heads:
        raise found.contradiction(f"has {heads} attention heads for {kv_heads} key and value heads")
    usual = Architecture(
        family=family,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=_head_dim(found, family, hidden // heads),
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
        **(_mixture(found, kind, layers) if _has_experts(found, kind) else {}),
    )
    return replace(usual, **kind.read(found)) if kind.read else usual


def drops_scores(config: Mapping[str, Any], name: str) -> bool:
    """Return whether attention drops scores at random in training, from a `config.json`.

    Raises UsageProblem as `architecture` does.
    """
    found, _ = _decoder(config, name)
    return bool(found.values.get("attention_dropout", 0) != 0)


def rescales(config: Mapping[str, Any], name: str) -> bool:
    """Return whether rotary embeddings are scaled by the longest position of each pass, which the
    host reads from the card, from a `config.json` (`dynamic_frequency_update` in transformers'
    `modeling_rope_utils.py`).

    Raises UsageProblem as `architecture` does.
    """
    found, _ = _decoder(config, name)
    given = [found.values.get(key) for key in ("rope_parameters", "rope_scaling")]
    tables = [one for one in given if isinstance(one, Mapping)]
    every = [*tables, *(one for table in tables for one in table.values())]
    return any(_is_dynamic(one) for one in every if isinstance(one, Mapping))


def _is_dynamic(rope: Mapping[str, Any]) -> bool:
    """Hunyuan's `alpha` makes it static."""
    return "dynamic" in (rope.get("rope_type"), rope.get("type")) and not rope.get("alpha")


def of_lock(model: "Model") -> Architecture:
    """Return the shape in a lock."""
    if model.family not in FAMILIES:
        raise UsageProblem(
            f"The lock is for a model of the family `{model.family}`, which this version of "
            "Tunelock does not know.",
            fix=Advice("update Tunelock, or plan again with the version that is installed"),
        )
    facts: dict[str, Any] = dict(model.architecture)
    facts["own"] = tuple(sorted(facts["own"].items()))
    found = Architecture(family=model.family, context=model.context_tokens, **facts)
    if not _has_own(found):
        raise UsageProblem(
            f"`model.architecture.own` in the lock is not that of the family `{found.family}`.",
            fix=PLAN_AGAIN,
        )
    return found


def _has_own(shape: Architecture) -> bool:
    """Return whether a shape has exactly the facts that only its family has."""
    wanted, held = FAMILIES[shape.family].own, dict(shape.own)
    return wanted.keys() == held.keys() and all(
        _fits(held[name], kind, shape.layers) for name, kind in wanted.items()
    )


def _fits(value: int | str, kind: str, layers: int) -> bool:
    if isinstance(value, str):
        return len(value) == layers and set(value) <= set(kind)
    return kind == "any" or (kind == "some" and value > 0)


def _decoder(config: Mapping[str, Any], name: str) -> tuple[ConfigJson, str]:
    """Return the fields of the text decoder, with the family's defaults, and the family."""
    inner = config.get("text_config")
    inner = {**inner} if isinstance(inner, Mapping) else None
    values = config
    if inner is not None:
        values = {
            "model_type": config.get("model_type"),
            **inner,
            "tie_word_embeddings": _tied(config, inner),
        }
    found = ConfigJson(values, name)
    family = found.text("model_type")
    family = TEXT_FAMILIES.get(family, family)
    knows = family in FAMILIES and FAMILIES[family].read is not None
    if values.get("is_encoder_decoder"):
        raise found.refusal("has an encoder, which Tunelock does not support yet")
    for field, what in UNKNOWN:
        if values.get(field) and not knows:
            unknown = "" if family in FAMILIES else f"is of the family `{one_line(family)}` and "
            raise found.unsupported(f"{unknown}has {what}")
    if values.get("word_embed_proj_dim", values.get("hidden_size")) != values.get("hidden_size"):
        raise found.unsupported("has an embedding narrower or wider than its layers")
    if values.get("use_bidirectional_attention") is True:
        raise found.refusal("attends in both directions (`use_bidirectional_attention`)")
    if family in ENCODERS:
        raise found.refusal(f"is an encoder (`{family}`), which does not write text")
    if family not in FAMILIES:
        raise found.unsupported(f"is of the family `{one_line(family)}`")
    said = {key: value for key, value in values.items() if value is not None}
    said |= {key: _alike(found, key) for key in FAMILIES[family].listed if key in said}
    usual = {**(FAMILIES[family].nested if inner is not None else {}), **FAMILIES[family].defaults}
    for field in NULL_MEANS_NONE:
        if field in values:
            usual.pop(field, None)
    return ConfigJson(usual | said, name), family


def _alike(found: ConfigJson, field: str) -> object:
    """Return a number, or that of a list with the same number for each layer."""
    value = found.values[field]
    if not isinstance(value, list) or not value:
        return value
    if any(one != value[0] for one in value):
        raise found.unsupported(f"has layers with different numbers in `{field}`")
    return value[0]


def _tied(config: Mapping[str, Any], inner: Mapping[str, Any]) -> object:
    """Return whether a wrapper ties its head, by its own field or that of its decoder."""
    key, wrapper = "tie_word_embeddings", WRAPPERS.get(str(config.get("model_type")))
    if wrapper and wrapper.tied == "either":
        return config.get(key) or inner.get(key)
    return config.get(key, wrapper is not None and wrapper.tied == "default")


def _listed(found: ConfigJson, kind: Family) -> int | None:
    """Return the number of layers of a class that saves a list of them instead."""
    types = found.values.get(kind.layer_list)
    return len(types) if isinstance(types, list) else None


def _has_experts(found: ConfigJson, kind: Family) -> bool:
    """Return whether a model has experts; families with layers of their own may do without."""
    return bool(kind.experts) and not (kind.read and found.values.get(kind.experts) == 0)


def _head_dim(found: ConfigJson, family: str, usual: int) -> int:
    if "kv_lora_rank" in FAMILIES[family].own:
        return usual  # latent attention reads the widths of its own parts
    return found.integer("head_dim", usual)


def _kv_heads(found: ConfigJson, family: str, heads: int) -> int:
    if "kv_lora_rank" in FAMILIES[family].own:
        return heads  # latent attention makes keys and values for each head
    if FAMILIES[family].one_key and not found.values.get("new_decoder_architecture"):
        return 1 if found.flag("multi_query") else heads
    names = ("num_key_value_heads", *NAMES.get("num_key_value_heads", ()))
    if not of_family(family).keys() & set(names):
        return heads  # the class ignores such a field
    return found.integer("num_key_value_heads", heads)


def _norms(found: ConfigJson, family: str) -> int:
    """Return the norms per layer; attention and MLP of Falcon and StableLM may share one."""
    if family == "stablelm":
        return 1 if found.flag("use_parallel_residual") else 2
    if family != "falcon":
        return FAMILIES[family].norms
    if found.values.get("new_decoder_architecture"):
        return found.integer("num_ln_in_parallel_attn", 2)
    return 1 if found.flag("parallel_attn") else 2


def _soft_cap(values: Mapping[str, Any]) -> bool:
    return bool(values.get("attn_logit_softcapping") or values.get("final_logit_softcapping"))


def _sliding(found: ConfigJson, kind: Family, layers: int) -> tuple[int, int]:
    """Return the window in tokens, and the period of layers with full attention."""
    values, types = found.values, found.values.get("layer_types")
    full = _full_layers(found, types) if isinstance(types, list) else None
    if isinstance(types, list) and full != len(types) and not values.get("sliding_window"):
        raise found.contradiction("has layers with a window, but no `sliding_window`")
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
        raise found.unsupported(f"has layers of type `{other}`")
    return types.count("full_attention")


def _mixture(found: ConfigJson, kind: Family, layers: int) -> dict[str, Any]:
    """Return the fields for a mixture of experts."""
    if found.values.get("decoder_sparse_step", 1) != 1:
        raise found.unsupported("has experts in some layers only")
    width, experts = found.integer(kind.moe_width), found.integer(kind.experts)
    routed = found.integer("num_experts_per_tok")
    if routed > experts:
        raise found.contradiction(f"routes each token to {routed} of {experts} experts")
    shared = found.integer(kind.shared) if found.values.get(kind.shared) else 0
    shared = shared * width if kind.shared == "n_shared_experts" else shared
    if shared > MOST_OTHERWISE:
        raise found.contradiction("has a shared expert that is too wide")
    return {
        "experts": experts,
        "experts_per_token": routed,
        "moe_intermediate": width,
        "shared_intermediate": shared,
        "dense_layers": min(_dense_layers(found, kind.dense), layers),
    }


def _dense_layers(found: ConfigJson, field: str) -> int:
    """Return the number of layers without experts, which must be the first layers."""
    value = found.values.get(field)
    if not value:
        return 0
    if not isinstance(value, list):
        return found.integer(field)
    if sorted(map(str, value)) != sorted(map(str, range(len(value)))):
        raise found.unsupported(BETWEEN)
    return len(value)
