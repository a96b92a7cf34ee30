"""The rate of training: useful tokens per second, and the share of the card's rate they take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from planner.models import layers
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block
from planner.setup.setup import Profile
from planner.speed.accelerator import Rated
from planner.speed.mixers import effort


@dataclass(frozen=True)
class Lengths:
    """The lengths of some token sequences, as far as work depends on them."""

    tokens: float
    """Their sum, without padding."""
    squares: float
    """The sum of their squares."""

    @classmethod
    def of(cls, lengths: Sequence[int], profile: Profile, tokens: float = 0) -> Self:
        """Return those of some examples: `lengths` has the longest sequence of each, and `tokens`
        is the sum over all sequences; 0 where those of an example are equally long."""
        most = len(profile.spec.sequences) * sum(lengths)
        share = tokens / most if tokens else 1.0
        squares = share**2 * len(profile.spec.sequences) * sum(length**2 for length in lengths)
        return cls(share * most, squares)

    @property
    def mean(self) -> float:
        """Mean length of the sequence that a token is in."""
        return self.squares / self.tokens


@dataclass(frozen=True)
class Rate:
    """How fast a plan trains."""

    tokens_per_second: float
    """Over all processes, without padding."""
    flops_share: float
    """Share of the cards' bf16 rate that `needed_flops` reach, 0 to 1; 0 where it is unknown."""


def rate_of(
    shape: Architecture, profile: Profile, card: Rated | None, trained: Lengths, seconds: float
) -> Rate:
    """Return the rate of training that takes some seconds; `trained` are the sequences of all
    processes together."""
    share = 0.0
    if card and card.bf16_flops > 0 and profile.dtype == "bfloat16":
        able = card.bf16_flops * profile.ranks * seconds
        share = min(1.0, needed_flops(shape, profile, trained) / able)
    return Rate(trained.tokens / seconds, share)


def needed_flops(shape: Architecture, profile: Profile, trained: Lengths) -> float:
    """Return the floating-point operations that a method needs for some token sequences.

    Each weight in a product takes two operations per token forward, two for the gradient of its
    input, and if it is trained two for its own. Attention takes those of the pairs of tokens that
    see each other, and twice as many backward. A reference takes a forward pass. Recomputation,
    padding and masked pairs do not count.
    """
    weights, pairs, adapted = _head(shape, profile), 0.0, 0.0
    for block in layers.blocks(shape):
        weights += block.count * _weights(shape, block)
        pairs += block.count * _between(shape, profile, block, trained.mean)
        widths = sum(p.inputs + p.outputs for p in block.linears if p.name in profile.targets)
        adapted += block.count * profile.rank * widths
    reference = profile.spec.reference != "none"
    times = (3 if profile.method == "full" else 2) + reference
    each = 2 * (times * weights + 3 * adapted) + (3 + reference) * pairs
    return trained.tokens * each


def _head(shape: Architecture, profile: Profile) -> float:
    """Return the weights of the head, per token."""
    scored = 0.0 if profile.spec.head == "scalar" else profile.scored
    return scored * shape.vocabulary * shape.hidden


def _weights(shape: Architecture, block: Block) -> float:
    """Return the weights in products per token, of experts those that are chosen."""
    chosen = min(block.routed, shape.experts_per_token or block.routed)
    routed = block.experts * chosen / shape.experts if shape.experts else 0.0
    return block.linear_elements + routed


def _between(shape: Architecture, profile: Profile, block: Block, length: float) -> float:
    """Return the operations between tokens in a layer, per token, in a forward pass."""
    if not block.mixer:
        return _attention(block.attention or shape, length)
    one = replace(
        profile, micro_batch=1, length=max(1, round(length)), padded=False, packing=False,
        pass_tokens=0, squares=0, attention="varlen",
    )  # fmt: skip
    found = effort(block.mixer).products(shape, one, block)
    own = found.matrix_flops + found.attention_flops + found.masked_flops / 2
    return own / one.tokens + (_attention(shape, length) if block.mixer.attends else 0.0)


def _attention(shape: Architecture, length: float) -> float:
    """Return the operations of attention per token: 4 per key that it sees and element of the
    queries."""
    window, each = shape.sliding_window, 4.0 * shape.heads * shape.head_dim
    full = shape.sliding_every and not FAMILIES[shape.family].blocks
    everywhere = 1 / shape.sliding_every if full else 0.0
    seen = length / 2
    if 0 < window < length:
        narrow = window - window**2 / (2 * length)
        seen = everywhere * seen + (1 - everywhere) * narrow
    return each * seen
