"""How each family names its tensors in files.

Read from `transformers/models/<family>/modeling_<family>.py`, and from `conversion_mapping.py` for
the names of files that were published before transformers 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Naming:
    """The names of one family; dots separate modules, and an empty name adds none."""

    body: str = "model"
    """The model without its head; files may leave it out of every name."""
    stem: str = ""
    """The module within `body` with embedding, layers and final norm."""
    embedding: str = "embed_tokens"
    embedding_norm: str = ""
    positions: str = ""
    """The learned position table; empty without one."""
    layers: str = "layers"
    attention: str = "self_attn"
    mlp: str = "mlp"
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    """The norms of width `hidden` in one layer."""
    final: str = "norm"
    """The norm before the head."""
    qk_norms: tuple[str, str] = ("q_norm", "k_norm")
    """The norms of queries and keys, within attention."""
    qk_heads: Literal["", "stacked", "listed"] = ""
    """Whether those have a row for each head (`stacked`) or a module for each head (`listed`)."""
    transposed: bool = False
    """Whether linear layers are stored with their inputs first."""
    router: str = "gate.weight"
    """The weight of a mixture's router, within `mixture`."""
    mixture: str = "mlp"
    """The module of a layer with router and experts."""
    shared: str = "shared_expert"
    """The shared expert, within `mixture`."""
    inputs_first: bool = False
    """Whether fused experts are stored with their inputs first."""
    parts: tuple[str, ...] = ()
    """Gate, up and down of a single expert in published files; empty where they are fused."""
    constants: Mapping[str, tuple[int, ...]] | None = None
    """Further tensors of one layer by name, with their shapes."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Parts of names in published files, and the part of transformers 5 for each."""


_GPT = Naming(
    "transformer", embedding="wte", positions="wpe", layers="h", attention="attn",
    norms=("ln_1", "ln_2"), final="ln_f",
)  # fmt: skip
_BLOOM = Naming(
    "transformer", embedding="word_embeddings", embedding_norm="word_embeddings_layernorm",
    layers="h", attention="self_attention", final="ln_f",
)  # fmt: skip
_AFTER = ("post_attention_layernorm", "post_feedforward_layernorm")
_AROUND = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
           "post_feedforward_layernorm")  # fmt: skip
_PARTS = ("gate_proj.weight", "up_proj.weight", "down_proj.weight")
_W = ("w1.weight", "w3.weight", "w2.weight")
_SPARSE = (".block_sparse_moe.", ".mlp.")
_LLAMA = Naming()

_NAMING: Mapping[str, Naming] = {
    "apertus": Naming(
        norms=("attention_layernorm", "feedforward_layernorm"),
        constants={
            "mlp.act_fn.alpha_p": (1,), "mlp.act_fn.alpha_n": (1,), "mlp.act_fn.beta": (),
            "mlp.act_fn.eps": (),
        },
    ),
    "bloom": _BLOOM,
    "cohere": Naming(norms=("input_layernorm",), qk_heads="stacked"),
    "cohere2": Naming(norms=("input_layernorm",)),
    "exaone4": Naming(norms=_AFTER),
    "falcon": Naming(
        "transformer", embedding="word_embeddings", layers="h", attention="self_attention",
        final="ln_f",
    ),
    "gemma2": Naming(norms=_AROUND),
    "gemma3_text": Naming(norms=_AROUND),
    "glm4": Naming(
        norms=("input_layernorm", "post_attention_layernorm", "post_self_attn_layernorm",
               "post_mlp_layernorm"),
    ),
    "glm4_moe": Naming(shared="shared_experts", parts=_PARTS),
    "gpt2": Naming(
        "transformer", embedding="wte", positions="wpe", layers="h", attention="attn",
        norms=("ln_1", "ln_2"), final="ln_f", transposed=True,
    ),
    "gpt_bigcode": _GPT,
    "gpt_neox": Naming(
        "gpt_neox", embedding="embed_in", attention="attention", final="final_layer_norm",
        renamed=(("embed_out.", "lm_head."),),
    ),
    "gpt_oss": Naming(router="router.weight", inputs_first=True),
    "gptj": Naming(
        "transformer", embedding="wte", layers="h", attention="attn", norms=("ln_1",), final="ln_f"
    ),
    "granitemoe": Naming(
        router="router.weight", mixture="block_sparse_moe",
        renamed=(
            (".block_sparse_moe.input_linear.weight", ".block_sparse_moe.experts.gate_up_proj"),
            (".block_sparse_moe.output_linear.weight", ".block_sparse_moe.experts.down_proj"),
            (".block_sparse_moe.router.layer.weight", ".block_sparse_moe.router.weight"),
        ),
    ),
    "hunyuan_v1_dense": Naming(qk_norms=("query_layernorm", "key_layernorm")),
    "mixtral": Naming(parts=_W, renamed=(_SPARSE,)),
    "olmo2": Naming(norms=_AFTER),
    "olmo3": Naming(norms=_AFTER),
    "olmoe": Naming(parts=_PARTS),
    "opt": Naming(
        stem="decoder", positions="embed_positions", mlp="",
        norms=("self_attn_layer_norm", "final_layer_norm"), final="final_layer_norm",
    ),
    "phi": Naming(
        norms=("input_layernorm",), final="final_layernorm",
        qk_norms=("q_layernorm", "k_layernorm"),
    ),
    "phimoe": Naming(
        router="router.weight", parts=_W, renamed=(_SPARSE, (".gate.weight", ".router.weight"))
    ),
    "qwen2_moe": Naming(parts=_PARTS),
    "qwen3_moe": Naming(parts=_PARTS),
    "stablelm": Naming(qk_norms=("q_layernorm", "k_layernorm"), qk_heads="listed"),
}  # fmt: skip


def naming(family: str) -> Naming:
    """Return the names of a family; most have those of Llama."""
    return _NAMING.get(family, _LLAMA)
