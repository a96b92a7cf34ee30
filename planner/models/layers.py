"""The linear layers and experts of a decoder's blocks, by their module names in transformers.

The experts of a mixture are two fused three-dimensional parameters (transformers 5), which neither
bitsandbytes nor PEFT's default targets handle. The names are those of
`transformers/models/<family>/modeling_<family>.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from planner.models.architecture import Architecture

TILE_TOKENS = 4096
"""Tokens that TRL's loss head projects at once (`trl/kernels/chunked_logprob.py`)."""
TILE_COLUMNS = 32768
"""Vocabulary entries per projection."""

Place = Literal["attention", "output", "mlp", "down"]


@dataclass(frozen=True)
class Linear:
    """One linear layer of a block."""

    name: str
    """Such as `q_proj`; with more of its dotted name if that is ambiguous within the block."""
    inputs: int
    """Width of its input."""
    outputs: int
    """Width of its output."""
    place: Place = "attention"
    """Its place: before attention, after it, before the MLP's activation, or after it."""
    biased: bool = False
    """Whether it has a bias, of width `outputs`."""

    @property
    def size(self) -> int:
        """Elements of its weight."""
        return self.inputs * self.outputs


@dataclass(frozen=True)
class Block:
    """A group of equal layers of a model."""

    count: int
    """Number of layers, at least 1."""
    linears: tuple[Linear, ...]
    """In the order of the forward pass."""
    mlp: int
    """Width of the MLP, or of a mixture's shared expert; 0 without one."""
    experts: int = 0
    """Elements of the experts' fused weights; 0 for a dense block."""
    routed: int = 0
    """Routed experts per token."""
    expert: int = 0
    """Width of one routed expert."""

    @property
    def linear_elements(self) -> int:
        """Elements of the linear layers' weights."""
        return sum(part.size for part in self.linears)


@dataclass(frozen=True)
class _Names:
    """Names of a block's linear layers; equal names mean one fused layer."""

    query: str = "q_proj"
    key: str = "k_proj"
    value: str = "v_proj"
    output: str = "o_proj"
    gate: str = "gate_proj"
    up: str = "up_proj"
    down: str = "down_proj"


def _fused(qkv: str, output: str, up: str, down: str) -> _Names:
    return _Names(qkv, qkv, qkv, output, up, up, down)


_NEOX = _fused("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")
_GPT2 = _fused("c_attn", "attn.c_proj", "c_fc", "mlp.c_proj")
_GLM = _Names(gate="gate_up_proj", up="gate_up_proj")
_NAMES: Mapping[str, _Names] = {
    "bloom": _NEOX,
    "falcon": _NEOX,
    "gpt_neox": _NEOX,
    "glm": _GLM,
    "glm4": _GLM,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gptj": _Names(output="out_proj", up="fc_in", down="fc_out"),
    "opt": _Names(output="out_proj", up="fc1", down="fc2"),
    "phi": _Names(output="dense", up="fc1", down="fc2"),
    "phi3": _fused("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    "starcoder2": _Names(up="c_fc", down="c_proj"),
}
_LLAMA = _Names()


@cache
def blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the blocks of a model: dense ones, then mixtures."""
    attention = _attention(shape)
    mixtures = shape.layers - shape.dense_layers if shape.experts else 0
    dense, found = shape.layers - mixtures, []
    if dense:
        parts = attention + _mlp(shape, shape.intermediate)
        found.append(Block(dense, parts, shape.intermediate))
    if mixtures:
        shared, f = shape.shared_intermediate, shape.moe_intermediate
        parts = attention + (_mlp(shape, shared) if shared else ())
        ups = 2 if shape.gated_mlp else 1
        experts = shape.experts * (ups + 1) * shape.hidden * f
        found.append(Block(mixtures, parts, shared, experts, shape.experts_per_token, f))
    return tuple(found)


@cache
def linears(shape: Architecture) -> tuple[Linear, ...]:
    """Return the linear layers of a model's blocks, without duplicate names, in forward order."""
    named = {part.name: part for block in reversed(blocks(shape)) for part in block.linears}
    order = dict.fromkeys(part.name for block in blocks(shape) for part in block.linears)
    return tuple(named[name] for name in order)


def _attention(shape: Architecture) -> tuple[Linear, ...]:
    names, h = _NAMES.get(shape.family, _LLAMA), shape.hidden
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    output = Linear(names.output, q, h, "output", shape.o_bias)
    if names.query == names.key:
        return Linear(names.query, h, q + 2 * kv, biased=shape.bias), output
    reading = ((names.query, q), (names.key, kv), (names.value, kv))
    return (*(Linear(name, h, width, biased=shape.bias) for name, width in reading), output)


def _mlp(shape: Architecture, width: int) -> tuple[Linear, ...]:
    names, h, biased = _NAMES.get(shape.family, _LLAMA), shape.hidden, shape.mlp_bias
    down = Linear(names.down, width, h, "down", biased)
    if not shape.gated_mlp:
        return Linear(names.up, h, width, "mlp", biased), down
    if names.gate == names.up:
        return Linear(names.up, h, 2 * width, "mlp", biased), down
    reading = (names.gate, names.up)
    return (*(Linear(name, h, width, "mlp", biased) for name in reading), down)
