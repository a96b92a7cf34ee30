"""How the memory of some families' layers differs from Llama's.

Read from `transformers/models/<family>/modeling_<family>.py`, and compared with the tensors that
autograd saves in those classes (`tests/planner/memory/test_families.py`).
"""

from dataclasses import replace
from functools import cache
from typing import Literal

from planner.models.families import FAMILIES
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


@cache
def has_layer_norm(family: str) -> bool:
    """Return whether the norms are LayerNorms, which save their input in its own type."""
    return family in FAMILIES and FAMILIES[family].norm_vectors != 1
