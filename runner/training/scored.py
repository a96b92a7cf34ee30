"""A decoder that returns the scored positions only.

TRL's loss head projects the positions whose next token is scored. It finds them by a mask on the
card, and the host waits there for the complete forward pass. The rows of a pass are known before,
so their positions come with it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from trl.trainer import utils

from planner.data.tokens.example import IGNORED


def positions(labels: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the positions of a pass that predict a scored token, and these tokens: both int64, of
    shape (scored tokens,). `labels` has one for each token of the pass."""
    following = labels[1:]
    found = np.flatnonzero(following != IGNORED)
    return torch.from_numpy(found), torch.from_numpy(following[found])


@contextmanager
def taking_all() -> Iterator[None]:
    """Make TRL's head score all positions that it is given: it chooses among them on devices for
    which `_use_triton` is true, and for nothing else."""
    own = utils._use_triton
    utils._use_triton = lambda _: False
    try:
        yield
    finally:
        utils._use_triton = own


class Scored:
    """The `forward` of a decoder, with the argument `scored`: the positions to return."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self._forward = forward

    def __call__(self, *given: Any, scored: torch.Tensor | None = None, **named: Any) -> Any:
        """Return what the decoder returns; with `scored` its `last_hidden_state` has the shape
        (1, scored tokens, width)."""
        found = self._forward(*given, **named)
        if scored is not None:
            found.last_hidden_state = found.last_hidden_state.index_select(1, scored)
        return found
