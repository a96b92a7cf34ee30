"""CUDA graphs of a decoder: what the host launches for a pass is recorded once for each size of
pass, and replayed as one.

A small model's card waits for Python to launch thousands of kernels, and replaying removes that.
The kernels are the same. Recordings share their memory, which holds since a pass ends before the
next begins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers.modeling_outputs import BaseModelOutputWithPast

_INPUTS = ("input_ids", "position_ids", "cu_seq_lens_q")


class Graphs:
    """The `forward` of a decoder, replayed for passes of the recorded sizes."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        self._decoder = decoder
        self._forward: Callable[..., Any] = decoder.forward
        self._recorded: dict[int, _Recorded] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._anchor = torch.zeros((), device="cuda", requires_grad=True)
        self._trained: list[torch.nn.Parameter] = []
        self._stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.recording: Literal["", "try", "record"] = ""
        """What happens to a pass of another size than the recorded ones: nothing, one computation
        in the way of a recording, which loads and compiles what that needs, or the recording."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Return the decoder's output; of a pass that is replayed, the hidden states only."""
        ids = named.get("input_ids")
        if given or ids is None or not (self._decoder.training and torch.is_grad_enabled()):
            return self._forward(*given, **named)
        size = ids.shape[1]
        if self.recording == "try":
            hidden = self._try(named)
        else:
            if self.recording and size not in self._recorded:
                self._recorded[size] = self._record(named)
            if size not in self._recorded:
                return self._forward(**named)
            tensors = [named[name] for name in _INPUTS]
            hidden = _replayed(self._anchor, self._recorded[size], *tensors)
        return BaseModelOutputWithPast(last_hidden_state=hidden)

    def _try(self, named: Mapping[str, Any]) -> torch.Tensor:
        """Compute a pass once on another stream, as a recording does, and return zeros in the shape
        of its hidden states."""
        self._trained = [one for one in self._decoder.parameters() if one.requires_grad]
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            hidden = self._hidden(named)
            for one, new in self._gradients(hidden, torch.zeros_like(hidden)):
                if one.grad is None:  # it stays None where no gradient comes: AdamW leaves it alone
                    one.grad = torch.zeros_like(new)
        torch.cuda.current_stream().wait_stream(self._stream)
        return torch.zeros_like(hidden) * self._anchor

    def _record(self, named: Mapping[str, Any]) -> "_Recorded":
        """Record a pass."""
        static = {name: named[name].clone() for name in _INPUTS}
        inputs = {**named, **static, "cu_seq_lens_k": static["cu_seq_lens_q"]}
        forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(forward, pool=self._pool, stream=self._stream):
            hidden = self._hidden(inputs)
        received = torch.zeros_like(hidden)
        with torch.cuda.graph(backward, pool=self._pool, stream=self._stream):
            self._add_gradients(hidden, received)
        return _Recorded(forward, backward, list(static.values()), hidden.detach(), received)

    def _hidden(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        kind = torch.get_autocast_dtype("cuda")
        on = torch.is_autocast_enabled("cuda")
        with torch.autocast("cuda", kind, on, cache_enabled=False):
            found: torch.Tensor = self._forward(**inputs).last_hidden_state
        return found

    def _add_gradients(self, hidden: torch.Tensor, received: torch.Tensor) -> None:
        """Add the gradients of a pass to those of the trained parameters, which stay in place."""
        pairs = self._gradients(hidden, received)
        added = [(one.grad, new) for one, new in pairs if one.grad is not None]
        torch._foreach_add_([into for into, _ in added], [new for _, new in added])

    def _gradients(
        self, hidden: torch.Tensor, received: torch.Tensor
    ) -> list[tuple[torch.nn.Parameter, torch.Tensor]]:
        """Return the trained parameters that a gradient reaches, with their gradients."""
        found = torch.autograd.grad(hidden, self._trained, received, allow_unused=True)
        pairs = zip(self._trained, found, strict=True)
        return [(one, new) for one, new in pairs if new is not None]


@dataclass(frozen=True)
class _Recorded:
    """The two graphs of one size, and the tensors that they read and write."""

    forward: Any
    backward: Any
    inputs: list[torch.Tensor]
    hidden: torch.Tensor
    received: torch.Tensor
    """The gradient of `hidden`."""


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, anchor: torch.Tensor, recorded: _Recorded, *given: Any) -> torch.Tensor:
        for static, own in zip(recorded.inputs, given, strict=True):
            static.copy_(own)
        recorded.forward.replay()
        ctx.recorded = recorded
        return recorded.hidden.detach()

    @staticmethod
    def backward(ctx: Any, *received: torch.Tensor) -> Any:
        ctx.recorded.received.copy_(received[0])
        ctx.recorded.backward.replay()
        return None, None, None, None, None


_replayed: Callable[..., torch.Tensor] = _Replay.apply
