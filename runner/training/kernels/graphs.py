"""CUDA graphs of a decoder: all launches of a pass are recorded once for each size of pass, and
replayed as one.

In a small model the card waits for Python to launch its thousands of kernels, and replaying removes
that. What is computed stays the same.
"""

from collections.abc import Callable
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPast


class _Stack(torch.nn.Module):
    """A decoder as a function of tensors only, of one size of pass."""

    def __init__(self, decoder: torch.nn.Module, forward: Callable[..., Any], longest: int) -> None:
        super().__init__()
        self.decoder, self._forward, self._longest = decoder, forward, longest

    def forward(
        self, ids: torch.Tensor, positions: torch.Tensor, bounds: torch.Tensor
    ) -> torch.Tensor:
        found: torch.Tensor = self._forward(
            input_ids=ids,
            position_ids=positions,
            cu_seq_lens_q=bounds,
            cu_seq_lens_k=bounds,
            max_length_q=self._longest,
            max_length_k=self._longest,
            use_cache=False,
        ).last_hidden_state
        return found


class Graphs:
    """Replaces the `forward` of a decoder."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        self._decoder, self._own = decoder, decoder.forward
        self._graphs: dict[int, Any] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Return the hidden states of a pass, of shape (1, tokens, width), from its graph; what is
        no training pass goes to the decoder itself."""
        bounds = named.get("cu_seq_lens_q")
        if given or bounds is None or not (self._decoder.training and torch.is_grad_enabled()):
            return self._own(*given, **named)
        pass_of = named["input_ids"], named["position_ids"], bounds
        size = pass_of[0].shape[1]
        if size not in self._graphs:
            self._graphs[size] = self._recorded(pass_of, named["max_length_q"])
        return BaseModelOutputWithPast(last_hidden_state=self._graphs[size](*pass_of))

    def _recorded(self, pass_of: tuple[torch.Tensor, ...], longest: int) -> Any:
        """Record a pass after running it once, which compiles what is still to be compiled."""
        stack = _Stack(self._decoder, self._own, longest)
        trained = [one for one in stack.parameters() if one.requires_grad]
        kind = torch.get_autocast_dtype("cuda")
        with torch.autocast("cuda", kind, torch.is_autocast_enabled("cuda"), cache_enabled=False):
            out = stack(*pass_of)
            torch.autograd.grad(out, trained, torch.zeros_like(out))
            del out
            torch.cuda.empty_cache()
            sample = tuple(one.clone() for one in pass_of)
            return torch.cuda.make_graphed_callables(
                stack, sample, num_warmup_iters=0, pool=self._pool
            )


def record(decoder: torch.nn.Module) -> None:
    """Make a decoder run from graphs in training."""
    decoder.forward = Graphs(decoder)
