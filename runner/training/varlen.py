"""Attention of concatenated rows, by torch's flash attention.

`torch.nn.attention.varlen` computes it with the bounds of the rows, so that no row sees another,
no mask is made, and the time is that of the rows' own pairs of tokens.
"""

from itertools import pairwise
from typing import Any

import torch
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "varlen"


def register() -> None:
    """Make `varlen` an attention implementation of transformers."""
    ALL_ATTENTION_FUNCTIONS.register(NAME, attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, _no_mask)


def _no_mask(*_: Any, **__: Any) -> None:
    return None


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Return causal attention within each row, of shape (1, tokens, heads, width).

    `query` has shape (1, heads, tokens, width), `key` and `value` may have fewer heads, and
    `cu_seq_lens_q` has the positions between the rows. A row sees its last `sliding_window` tokens,
    itself included.
    """
    if cu_seq_lens_q is None:
        raise ValueError("the bounds of the rows are missing")
    q, k, v = (one[0].transpose(0, 1) for one in (query, key, value))
    if query.is_cuda:
        found = _flash(q, k, v, cu_seq_lens_q, max_length_q, scaling, sliding_window)
    else:
        found = _row_by_row(q, k, v, cu_seq_lens_q, scaling, sliding_window)
    return found[None], None


def _flash(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    longest: int,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    narrow = value.dtype if value.dtype.itemsize == 2 else torch.bfloat16
    shared: dict[str, Any] = _shared_heads(query, key)
    found = varlen_attn(
        query.to(narrow),
        key.to(narrow),
        value.to(narrow),
        bounds,
        bounds,
        longest,
        longest,
        scale=scaling,
        window_size=(-1 if window is None else window - 1, 0),
        **shared,
    )
    assert isinstance(found, torch.Tensor)
    return found


def _shared_heads(query: torch.Tensor, key: torch.Tensor) -> dict[str, bool]:
    """Return the switch for fewer key heads than query heads; before torch 2.12 there is none, and
    the kernel accepts them."""
    from torch.nn.attention.varlen import varlen_attn

    known = "enable_gqa" in (varlen_attn.__kwdefaults__ or {})
    return {"enable_gqa": query.shape[1] != key.shape[1]} if known else {}


def _row_by_row(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Return the same without that kernel, which only cards have: each row by itself."""
    found = []
    for first, last in pairwise(bounds.tolist()):
        q, k, v = (one[first:last].transpose(0, 1)[None] for one in (query, key, value))
        mask = None if window is None or window >= last - first else _windowed(last - first, window)
        own = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, mask, is_causal=mask is None, scale=scaling, enable_gqa=True
        )
        found.append(own[0].transpose(0, 1))
    return torch.cat(found)


def _windowed(length: int, window: int) -> torch.Tensor:
    """Return which of a row's tokens see which: bool, of shape (length, length)."""
    ones = torch.ones(length, length, dtype=torch.bool)
    return ones.tril() & ones.triu(1 - window)
