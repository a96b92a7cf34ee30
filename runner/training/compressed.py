"""Layers that compress tokens compute with all of their weights for short rows, too.

A module that compresses tokens leaves weights unused where the rows of a micro-batch are shorter
than one compressed entry (of 4 or 128 tokens in DeepSeek V4). Processes would have gradients of
different parameters then, and wait for each other forever. So one row is filled up to an entry
within the module, and the entry is dropped: no token sees it, and the weights have gradients of
zero. One process does the same, so that its steps are those of several.
"""

from functools import partial
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import PreTrainedModel

from planner.models.families import FAMILIES


def use_all_weights(model: PreTrainedModel) -> None:
    """Let the modules of a model that compress tokens use all of their weights in every pass."""
    family = FAMILIES.get(model.config.get_text_config().model_type)
    if family is None or not family.compressor:
        return
    for name, module in model.named_modules():
        if name.endswith(f".{family.compressor}"):
            module.forward = partial(_compress, module.forward, module.compress_rate)


def _compress(
    own: Any, rate: int, hidden: torch.Tensor, queries: torch.Tensor, positions: torch.Tensor,
    cache: Any, layer: int,
) -> Any:  # fmt: skip
    """Return the compressed entries of tokens and their mask, as `own` does.

    Shapes: `hidden` and `queries` (rows, tokens, width), `positions` (rows or 1, tokens), the
    entries (rows, 1, entries, width). `own` compresses each `rate` tokens; with a cache, as in
    generation, it keeps those that are not enough yet.
    """
    rows, tokens, _ = hidden.shape
    if cache is not None or tokens >= rate:
        return own(hidden, queries, positions, cache, layer)
    filled = (pad(one[:1], (0, 0, 0, rate - tokens)) for one in (hidden, queries))
    entries, _ = own(*filled, pad(positions[:1], (0, rate - tokens)), cache, layer)
    return entries[:, :, :0].expand(rows, -1, -1, -1), None
