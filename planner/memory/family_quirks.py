"""How the memory of some families' layers differs from Llama's.

Read from `transformers/models/<family>/modeling_<family>.py`, and compared with the tensors that
autograd saves in those classes (`tests/planner/memory/test_families.py`).
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Literal

from planner.models import layers
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block
from planner.models.shapes.habits import Habits

_LLAMA = Habits()


@cache
def habits(family: str) -> Habits:
    """Return the differences of a family; none for most."""
    found = FAMILIES[family].habits if family in FAMILIES else _LLAMA
    torchs = has_layer_norm(family) and not FAMILIES[family].own_layer_norm
    return replace(found, norm_floats=torchs)


def writes_scores(family: str) -> bool:
    """Return whether attention is eager, since transformers has no SDPA for the family."""
    return habits(family).score_bytes > 0


def attention(family: str) -> Literal["eager", "sdpa"]:
    """Return the attention implementation of transformers that a family is trained with."""
    eager = family in FAMILIES and FAMILIES[family].eager
    return "eager" if eager or writes_scores(family) else "sdpa"


WIDEST_BOUNDED = 256
"""Widest head of torch's flash attention; a multiple of 8 is needed, too."""
WIDEST_ELSEWHERE = 192
"""The same on cards that are not of a data center: wider heads need more shared memory."""
_OF_DATA_CENTERS = ("8.0", "9.0", "10.0", "10.3")


def takes_bounds(shape: Architecture, capabilities: Iterable[str]) -> bool:
    """Return whether cards with these compute capabilities compute all layers by flash attention
    with the bounds of rows."""
    large = all(one in _OF_DATA_CENTERS for one in capabilities)
    widest = WIDEST_BOUNDED if large else WIDEST_ELSEWHERE
    widths = [(block.attention or shape).head_dim for block in layers.blocks(shape)]
    fits = all(width <= widest and width % 8 == 0 for width in widths)
    return fits and has_bounds(shape)


def has_bounds(shape: Architecture) -> bool:
    """Return whether the bounds of rows can replace the masks of all layers, on any card."""
    every = layers.blocks(shape)
    windows = any((block.attention or shape).sliding_window for block in every)
    told = not windows or habits(shape.family).windowed
    return told and only_attends(shape.family, every)


def only_attends(family: str, every: Iterable[Block]) -> bool:
    """Return whether layers compute nothing between tokens but scaled products of queries and keys,
    without dropout, in a class that hands the bounds of rows down to them."""
    habit = habits(family)
    plain = habit.packs and habit.bounded and not habit.dropouts
    return plain and attention(family) == "sdpa" and not any(block.mixer for block in every)


@cache
def has_layer_norm(family: str) -> bool:
    """Return whether the norms are LayerNorms, which save their input in its own type."""
    return family in FAMILIES and FAMILIES[family].norm_vectors != 1
