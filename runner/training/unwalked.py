"""The part of a trainer that avoids walks through all modules of the model.

transformers sets every module to training before each micro-batch, and visits every parameter twice
a step, to clip gradients and to clear them. A model with an adapter has thousands of modules, and
the card waits meanwhile.
"""

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import Trainer as _Base
else:
    _Base = object


class Unwalked(_Base):  # type: ignore[misc]  # transformers ships no types that mypy follows
    """Knows the trained parameters from the first step on."""

    _trained: tuple[torch.nn.Parameter, ...] = ()
    """Empty before the first step: loading a checkpoint may replace parameters."""

    def set_to_training(self, model: Any) -> None:
        """Set a model to training, or what wraps it: all modules in the first step, and after an
        evaluation."""
        if not self._trained:
            self._trained = tuple(one for one in self.model.parameters() if one.requires_grad)
            self._shorten(model)
        model.train()

    def _shorten(self, model: Any) -> None:
        """Let a model that is in training stay so without a walk, and clear gradients without one.

        An engine around the model does not know its mode. All modules are set once, since PEFT
        leaves the layers of a loaded model in evaluation.
        """
        model.train()
        walk = model.train

        def train(mode: bool = True) -> Any:
            there = mode and model.training and self.model.training
            return model if there else walk(mode)

        model.train, model.zero_grad = train, self._clear

    def _clear(self, set_to_none: bool = True) -> None:  # the signature of `Module.zero_grad`
        """Clear the gradients of the trained parameters."""
        for one in self._trained:
            one.grad = None

    def _clip_grad_norm(self, model: Any) -> torch.Tensor:
        """Clip the gradients as accelerate does; DeepSpeed does so by itself."""
        if not self._trained or self.is_deepspeed_enabled:
            found: torch.Tensor = super()._clip_grad_norm(model)
            return found
        return torch.nn.utils.clip_grad_norm_(self._trained, self.args.max_grad_norm)
