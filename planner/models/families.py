"""The differences between decoder families, as the model classes of transformers build them.

Read from `transformers/models/<family>/modeling_<family>.py` and its configuration class. The
defaults are that class's own where published `config.json` files leave a field out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Flag = bool | str
"""True or False for all models of a family, or the field of `config.json` with the value."""


@dataclass(frozen=True)
class Family:
    """How one family builds its decoder layers."""

    bias: Flag = "attention_bias"
    """Whether the query, key and value layers have a bias."""
    o_bias: Flag = "attention_bias"
    """Whether the attention's output projection has a bias."""
    mlp_bias: Flag = False
    """Whether the layers of the MLP have a bias."""
    head_bias: Flag = False
    """Whether the head has a bias."""
    gated_mlp: bool = True
    """Whether the MLP has gate, up and down layers."""
    norms: int = 2
    """Norms of width `hidden` in one layer."""
    norm_vectors: int = 1
    """Vectors of one norm: 1 for a scale, 2 for scale and shift, 0 for neither."""
    qk_norm: Flag = False
    """Whether queries and keys are normalized before attention."""
    qk_width: Literal["head", "all"] = "head"
    """Whether that norm is over each head (with a shared scale) or over all heads together."""
    qk_vectors: int = 1
    """Vectors of that norm."""
    sinks: bool = False
    """Whether each attention head has a learned sink."""
    positions: int | None = None
    """Rows of the learned position table beyond the context; None without a table."""
    embedding_norm: bool = False
    """Whether the embedding is normalized."""
    activation_parameters: int = 0
    """Parameters of one layer's activation function."""
    experts: str = ""
    """Field with the number of routed experts; empty for a dense family."""
    moe_width: str = "moe_intermediate_size"
    """Field with the width of one routed expert."""
    shared: str = ""
    """Field with the width of the shared expert, or the number of such experts."""
    dense: str = ""
    """Field with the number, or the list, of the layers that have no experts."""
    shared_gate: bool = False
    """Whether a gate of width `hidden` weights the shared expert."""
    sliding_every: int = 0
    """Without `layer_types`, one layer in this many has full attention; 0 if all are equal."""
    soft_cap: bool = False
    """Whether the configuration class has a soft cap of its own."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Values of fields that a `config.json` may leave out."""


_TIED = {"tie_word_embeddings": True}
_GEMMA = _TIED | {"head_dim": 256, "max_position_embeddings": 8192}
_GEMMA3 = _TIED | {
    "head_dim": 256, "num_attention_heads": 8, "num_key_value_heads": 4,
    "vocab_size": 262_208, "max_position_embeddings": 131_072, "sliding_window": 4096,
}  # fmt: skip
_WINDOW_OFF = {"use_sliding_window": False}
_PLAIN = Family(bias=False, o_bias=False)

FAMILIES: Mapping[str, Family] = {
    "apertus": Family(qk_norm=True, gated_mlp=False, activation_parameters=2),
    "arcee": Family(gated_mlp=False, mlp_bias="mlp_bias"),
    "bloom": Family(
        bias=True, o_bias=True, mlp_bias=True, gated_mlp=False, norm_vectors=2,
        embedding_norm=True, defaults=_TIED | {"seq_length": 2048},
    ),
    "cohere": Family(norms=1, qk_norm="use_qk_norm", qk_width="all", defaults=_TIED),
    "cohere2": Family(norms=1, sliding_every=4, defaults=_TIED),
    "ernie4_5": Family(
        bias="use_bias", o_bias="use_bias", mlp_bias="use_bias",
        defaults=_TIED | {"head_dim": 128},
    ),
    "exaone4": Family(bias=False, o_bias=False, qk_norm=True, sliding_every=4),
    "falcon": Family(
        bias="bias", o_bias="bias", mlp_bias="bias", gated_mlp=False, norm_vectors=2,
        defaults=_TIED | {"max_position_embeddings": 2048, "multi_query": True,
                          "parallel_attn": True},
    ),
    "gemma": Family(defaults=_GEMMA),
    "gemma2": Family(
        norms=4, sliding_every=2, soft_cap=True, defaults=_GEMMA | {"sliding_window": 4096}
    ),
    "gemma3_text": Family(norms=4, qk_norm=True, sliding_every=6, defaults=_GEMMA3),
    "glm": Family(o_bias=False, defaults={"attention_bias": True, "head_dim": 128}),
    "glm4": Family(o_bias=False, norms=4, defaults={"attention_bias": True, "head_dim": 128}),
    "glm4_moe": Family(
        o_bias=False, qk_norm="use_qk_norm", experts="n_routed_experts",
        shared="n_shared_experts", dense="first_k_dense_replace",
        defaults={"n_shared_experts": 1, "first_k_dense_replace": 1},
    ),
    "gpt2": Family(
        bias=True, o_bias=True, mlp_bias=True, gated_mlp=False, norm_vectors=2, positions=0,
        defaults=_TIED,
    ),
    "gpt_bigcode": Family(
        bias=True, o_bias=True, mlp_bias=True, gated_mlp=False, norm_vectors=2, positions=0,
        defaults=_TIED | {"multi_query": True},
    ),
    "gpt_neox": Family(
        mlp_bias=True, gated_mlp=False, norm_vectors=2, defaults={"attention_bias": True}
    ),
    "gpt_oss": Family(
        mlp_bias=True, sinks=True, experts="num_local_experts", moe_width="intermediate_size",
        sliding_every=2, defaults={"attention_bias": True, "head_dim": 64, "sliding_window": 128},
    ),
    "gptj": Family(
        bias=False, o_bias=False, mlp_bias=True, head_bias=True, gated_mlp=False, norms=1,
        norm_vectors=2,
    ),
    "granite": Family(mlp_bias="mlp_bias"),
    "granitemoe": Family(experts="num_local_experts", moe_width="intermediate_size"),
    "hunyuan_v1_dense": Family(qk_norm=True),
    "llama": Family(mlp_bias="mlp_bias"),
    "ministral": _PLAIN,
    "ministral3": _PLAIN,
    "mistral": Family(bias=False, o_bias=False, defaults={"sliding_window": 4096}),
    "mixtral": Family(
        bias=False, o_bias=False, experts="num_local_experts", moe_width="intermediate_size"
    ),
    "nemotron": Family(mlp_bias="mlp_bias", gated_mlp=False, norm_vectors=2),
    "olmo": Family(norm_vectors=0),
    "olmo2": Family(qk_norm=True, qk_width="all"),
    "olmo3": Family(qk_norm=True, qk_width="all", sliding_every=4),
    "olmoe": Family(
        qk_norm=True, qk_width="all", experts="num_experts", moe_width="intermediate_size"
    ),
    "opt": Family(
        bias="enable_bias", o_bias="enable_bias", mlp_bias="enable_bias", gated_mlp=False,
        norm_vectors=2, positions=2, defaults=_TIED | {"enable_bias": True},
    ),
    "phi": Family(
        bias=True, o_bias=True, mlp_bias=True, head_bias=True, gated_mlp=False, norms=1,
        norm_vectors=2, qk_norm="qk_layernorm", qk_vectors=2,
    ),
    "phi3": _PLAIN,
    "phimoe": Family(
        head_bias="lm_head_bias", norm_vectors=2, experts="num_local_experts",
        moe_width="intermediate_size",
    ),
    "qwen2": Family(bias=True, o_bias=False, defaults=_WINDOW_OFF),
    "qwen2_moe": Family(
        bias="qkv_bias", o_bias=False, experts="num_experts", shared_gate=True,
        shared="shared_expert_intermediate_size", dense="mlp_only_layers",
        defaults=_WINDOW_OFF | {"qkv_bias": True},
    ),
    "qwen3": Family(qk_norm=True, defaults=_WINDOW_OFF | {"head_dim": 128}),
    "qwen3_moe": Family(
        qk_norm=True, experts="num_experts", dense="mlp_only_layers", defaults=_WINDOW_OFF
    ),
    "seed_oss": Family(
        o_bias="attention_out_bias", mlp_bias="mlp_bias",
        defaults={"attention_bias": True, "head_dim": 128},
    ),
    "smollm3": Family(mlp_bias="mlp_bias", defaults=_TIED | _WINDOW_OFF),
    "stablelm": Family(
        bias="use_qkv_bias", o_bias=False, norm_vectors=2, qk_norm="qk_layernorm", qk_width="all"
    ),
    "starcoder2": Family(
        bias="use_bias", o_bias="use_bias", mlp_bias="use_bias", gated_mlp=False, norm_vectors=2,
        defaults=_TIED | {"use_bias": True},
    ),
}  # fmt: skip
"""Every supported family, by `model_type`."""

TEXT_FAMILIES: Mapping[str, str] = {
    "gemma3": "gemma3_text",
    "mistral3": "mistral",
    "qwen2_5_vl": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen2_vl": "qwen2",
    "qwen2_vl_text": "qwen2",
    "qwen3_vl": "qwen3",
    "qwen3_vl_moe": "qwen3_moe",
    "qwen3_vl_moe_text": "qwen3_moe",
    "qwen3_vl_text": "qwen3",
}
"""The decoder's family for multimodal models and for other names of a family."""
