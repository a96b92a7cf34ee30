"""The memory of gated delta rules in bytes per token, as torch computes them without `fla`.

Counted from `torch_chunk_gated_delta_rule`, `causal_conv1d_fn` and the gated norm in
`transformers/models/qwen3_5/modeling_qwen3_5.py`: the rule is in float32, in chunks of 64 tokens.
Under autocast, its matrix products read and write bfloat16 copies.
"""

from dataclasses import dataclass

from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.models.shapes.mixers import GatedDelta
from planner.setup.setup import Profile

CHUNK = 64
"""Tokens of a chunk; rows are padded to a multiple of it."""


@dataclass(frozen=True)
class _Widths:
    """Bytes per token of the tensors that occur, with the padding of rows to full chunks."""

    keys: float
    """Queries or keys of all value heads, in float32."""
    values: float
    """Values of all heads, in float32."""
    pairs: float
    """A number in float32 for each head and pair of tokens in a chunk."""
    states: float
    """The state before each chunk, in float32."""
    heads: float
    """A number in float32 for each head."""
    chunks: int
    """Chunks of a row."""
    product: float
    """Bytes of an element in matrix products, relative to float32."""
    others: float
    """Share of the chunks besides one, if products copy what they read: the first chunk has no
    state before it that has a gradient, and the state after the last one is not used. Else 1."""


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what one layer saves, without the inputs of its linear layers."""
    mixer, one = _mixer(block), _widths(profile, block)
    full, copies = profile.method == "full", one.product < 1
    held = {
        "convolution's input and output": _convolved(shape, profile, mixer),
        "decays and learning rates": (3 + full) * one.heads + profile.width * mixer.value_heads,
        "queries and keys before their norms": 2 * (one.keys + one.heads),
        "values": one.values,
        "queries, keys and weighted keys": 3 * one.keys,
        "copies of these for products": 4 * one.product * one.keys * copies,
        "decays within chunks, and the system to solve": 2 * one.pairs,
        "products within chunks": 3 * one.product * one.pairs,
        "solutions": one.values + one.keys,
        "copies of the solution for keys": one.product * one.keys * copies * one.others,
        "decayed queries and keys": 2 * one.product * one.keys * one.others + 2 * one.heads,
        "states": one.states * one.others,
        "copies of states": 2 * one.product * one.states * copies,
        "new values": one.product * one.values * (1 + copies * one.others),
        "gated norm": _gated_norm(profile, mixer),
    }
    return int(sum(held.values()))


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a forward pass that saves nothing: where the queries are decayed."""
    mixer, one = _mixer(block), _widths(profile, block)
    split = mixer.convolved + mixer.values
    around = {
        "normed input": shape.hidden,
        "convolved queries, keys and values, and the gate": split,
        "fused projection": split * mixer.fused,
    }
    inside = {
        "queries, keys, weighted, decayed and solved ones, and decayed queries": 6 * one.keys,
        "values, weighted and solved ones, and outputs": 4 * one.values,
        "decays, system and attention within chunks": 3 * one.pairs,
        "states before and after a chunk, and their parts": (3 + one.product)
        * one.states
        / one.chunks,
    }
    return int(profile.width * sum(around.values()) + sum(inside.values()))


def quiet(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a pass without gradients, with what the layer and the model read."""
    return forward(shape, profile, block) + 3 * profile.width * shape.hidden


def within(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes in the last chunk of a forward pass that saves, less all that is saved."""
    mixer, one = _mixer(block), _widths(profile, block)
    copies = one.product < 1
    around = shape.hidden + mixer.convolved + mixer.values
    more = {
        "normed input, convolved queries, keys and values, and gate": profile.width * around,
        "fused projection": profile.width * (mixer.convolved + mixer.values) * mixer.fused,
        "weighted values and decayed weighted keys": one.values + one.keys,
        "outputs": one.values,
        "decayed queries and keys, and attention, besides copies": (2 * one.keys + one.pairs)
        * copies,
        "states before and after the chunk, and their parts": (3 + one.product)
        * one.states
        / one.chunks,
        "new values of the chunk, and copies": one.product
        * (3 * one.values + one.keys)
        * copies
        / one.chunks,
    }
    return int(sum(more.values()) - _gated_norm(profile, mixer))


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a backward pass besides what is saved: in the last chunk, or in that of
    the forward pass that checkpointing repeats."""
    mixer, one = _mixer(block), _widths(profile, block)
    found = {
        "gradients of decayed queries and keys, and of solved keys": 3 * one.keys,
        "gradient of solved values": one.values,
        "gradient of attention within chunks": one.pairs,
        "gradient of one chunk, in zeros": max(one.keys, one.values, one.pairs),
        "gradient of the outputs, and its copy": 2 * one.values,
        "gradient of the gate": profile.width * mixer.values,
        "freed by the gated norm": -_gated_norm(profile, mixer),
    }
    recomputed = within(shape, profile, block) if profile.checkpointing else 0
    return max(int(sum(found.values())), recomputed)


def _mixer(block: Block) -> GatedDelta:
    assert isinstance(block.mixer, GatedDelta)
    return block.mixer


def _widths(profile: Profile, block: Block) -> _Widths:
    mixer, length = _mixer(block), profile.length
    chunks = -(-length // CHUNK)
    heads = 4 * mixer.value_heads * chunks * CHUNK / length
    return _Widths(
        keys=heads * mixer.key_dim,
        values=heads * mixer.value_dim,
        pairs=heads * CHUNK,
        states=heads * mixer.key_dim * mixer.value_dim / CHUNK,
        heads=heads,
        chunks=chunks,
        product=0.5 if profile.autocast else 1.0,
        others=1 - 1 / chunks if profile.autocast else 1.0,
    )


def _convolved(shape: Architecture, profile: Profile, mixer: GatedDelta) -> float:
    """Return the input of the convolution, and its output with the padding behind each row."""
    behind = (shape.integer("linear_conv_kernel_dim") - 1) / profile.length
    return profile.width * mixer.convolved * (2 + behind)


def _gated_norm(profile: Profile, mixer: GatedDelta) -> float:
    """Return what the norm saves: its input, gate and activated gate in float32, its output, and
    if its scale is trained, the scaled output."""
    outputs = profile.width * (2 if profile.method == "full" else 1)
    return (12 + outputs) * mixer.values + 4 * mixer.value_heads
