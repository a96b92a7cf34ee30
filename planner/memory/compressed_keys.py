"""The memory of attention to a window and to compressed keys, in bytes per token.

Counted from `DeepseekV4Attention` and its compressors in transformers. It writes its scores, and
repeats the only key head for every query head, once as keys and once as values.
"""

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import CompressedKeys
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile

SAVED, WRITTEN, PASSING = 6, 12, 10
"""Bytes per score: saved, at once in a forward pass, and temporary in a backward pass less the copy
that is freed. The sinks stay float32 in any model, and so does softmax; its product with the values
reads a copy."""


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what one layer saves, without the inputs of its linear layers."""
    mixer, width, full = _mixer(block), profile.width, profile.method == "full"
    queries = mixer.heads * mixer.head_dim
    held = {
        "latents in their norms": (4 + 4 * full) * (mixer.query_rank + mixer.head_dim),
        "queries in their norm, also in float32": (width + 4) * queries,
        "queries": width * queries,
        "repeated keys and values": 2 * width * _repeated(profile, mixer),
        "scores": SAVED * _scores(profile, mixer),
        "places of the greatest scores": 8 * mixer.heads,
        "input of the grouped projection": width * queries * full,
        "weights of compressed keys, and what they weigh": _compressed(profile, mixer),
    }
    return int(sum(held.values()))


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a forward pass that saves nothing, at the scores."""
    mixer, width = _mixer(block), profile.width
    queries = mixer.heads * mixer.head_dim
    held = {
        "residual stream, normed input and latents": width
        * (2 * shape.hidden + mixer.query_rank + mixer.head_dim),
        "queries": width * queries,
        "repeated keys and values": 2 * width * _repeated(profile, mixer),
        "scores": WRITTEN * _scores(profile, mixer),
    }
    return int(sum(held.values()))


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a backward pass at the scores, besides what is saved."""
    mixer = _mixer(block)
    held = {
        "scores": PASSING * _scores(profile, mixer),
        "gradient of the values": profile.width * _repeated(profile, mixer),
    }
    return int(sum(held.values()))


def within(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a forward pass at the scores, less what the layer saves at and after
    them."""
    mixer = _mixer(block)
    after = profile.width * mixer.heads * mixer.head_dim * (profile.method == "full")
    return int((WRITTEN - SAVED) * _scores(profile, mixer)) - after


def _mixer(block: Block) -> CompressedKeys:
    assert isinstance(block.mixer, CompressedKeys)
    return block.mixer


def _keys(profile: Profile, mixer: CompressedKeys) -> int:
    """Return the keys of a row."""
    return profile.length + (profile.length // mixer.rate if mixer.rate else 0)


def _scores(profile: Profile, mixer: CompressedKeys) -> int:
    """Return the scores of a token, one for each key and for the sink."""
    return mixer.heads * (_keys(profile, mixer) + 1)


def _repeated(profile: Profile, mixer: CompressedKeys) -> float:
    return mixer.heads * mixer.head_dim * _keys(profile, mixer) / profile.length


def _compressed(profile: Profile, mixer: CompressedKeys) -> float:
    """Return what a compressor saves: its softmax in float32, the same in the activations' type,
    what that weighs, and the input of the norm."""
    if not mixer.rate or profile.length < mixer.rate:
        return 0
    entries = (4 + 4 * (profile.method == "full")) * mixer.head_dim / mixer.rate
    return mixer.series * mixer.head_dim * (4 + 2 * profile.width) + entries
