"""How a family names its layers and its tensors in files.

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
    """The weight of a mixture's router, within `mixture`; empty where a block names it."""
    correction: str = ""
    """The correction of a router's scores, a buffer within `mixture`; empty without one."""
    mixture: str = "mlp"
    """The module of a layer with router and experts."""
    shared: str = "shared_expert"
    """The shared expert, within `mixture`."""
    inputs_first: bool = False
    """Whether fused experts are stored with their inputs first."""
    experts: tuple[str, str] = ("gate_up_proj", "down_proj")
    """The fused experts, within `experts` of `mixture`: before the activation, and after it."""
    parts: tuple[str, ...] = ()
    """Gate, up and down of a single expert in published files, or up and down without a gate;
    empty where they are fused."""
    constants: Mapping[str, tuple[int, ...]] | None = None
    """Further tensors of one layer by name, with their shapes."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Parts of names in published files, and the part of transformers 5 for each."""


@dataclass(frozen=True)
class LinearNames:
    """Names of the linear layers of attention and MLP; equal names mean one fused layer."""

    query: str = "q_proj"
    key: str = "k_proj"
    value: str = "v_proj"
    output: str = "o_proj"
    gate: str = "gate_proj"
    up: str = "up_proj"
    down: str = "down_proj"


def fused(qkv: str, output: str, up: str, down: str) -> LinearNames:
    """Return names with one layer for queries, keys and values, and one for gate and up."""
    return LinearNames(qkv, qkv, qkv, output, up, up, down)
