"""The work of attention to a window and to compressed keys, which writes its scores.

Counted from `DeepseekV4Attention` of transformers: it computes the scores of all keys of a row.
"""

from collections.abc import Iterator

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import CompressedKeys
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed.parts import Part
from planner.speed.work import Work


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one layer."""
    mixer = _mixer(block)
    queries = mixer.heads * mixer.head_dim
    yield Part(mixer.query_rank + mixer.head_dim, 45, 103, 20, 30)  # norms of latents
    yield Part(queries, 60, 120, 40, 70)  # queries and output: normed, rotated
    yield Part(2 * queries, 4, 8, 4, 6)  # keys and values, for each query head
    yield Part(mixer.heads * _keys(profile, mixer), 42, 55, 8, 12)  # scores
    yield Part(mixer.series * mixer.head_dim * bool(mixer.rate), 60, 100, 30, 50)  # compression
    entries = _entries(profile, mixer)
    yield Part(mixer.index_heads * entries, 28, 0, 40, 0)  # the indexer's scores


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens, and that of the groups of heads, in a forward pass."""
    mixer = _mixer(block)
    each = 4.0 * mixer.heads * mixer.head_dim * _keys(profile, mixer)
    grouped = 2.0 * mixer.heads * mixer.head_dim * mixer.group_rank
    index = 2.0 * mixer.index_heads * mixer.index_dim * _entries(profile, mixer)
    return Work(matrix_flops=profile.tokens * (each + grouped + index))


def _mixer(block: Block) -> CompressedKeys:
    assert isinstance(block.mixer, CompressedKeys)
    return block.mixer


def _entries(profile: Profile, mixer: CompressedKeys) -> int:
    return profile.length // mixer.rate if mixer.rate else 0


def _keys(profile: Profile, mixer: CompressedKeys) -> int:
    return profile.length + _entries(profile, mixer)
