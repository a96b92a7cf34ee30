"""The values of a training whose processes each hold all of them, for a checkpoint of an engine
that shares them."""

from collections.abc import Collection, Sequence
from typing import Any

import torch

from runner.training.stored import STATES


class Held:
    """All values of a trainer that torch's own optimizer trains."""

    def __init__(self) -> None:
        self._optimizer: Any = None

    def shard(self, model: Any) -> None:
        """Do nothing."""

    def reshard(self, model: Any) -> None:
        """Do nothing."""

    def prepared(self, trainer: Any) -> None:
        """Take what the trainer has prepared."""
        self._optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)

    def steps(self) -> int:
        """Return how many steps AdamW has made."""
        every = self._optimizer.state.values()
        return max((int(one["step"]) for one in every if one), default=0)

    def states(self, parameter: Any) -> Sequence[str]:
        """Return the names of a parameter's optimizer states; none if it has had no gradient."""
        return STATES if self._optimizer.state.get(parameter) else ()

    def value(self, parameter: Any, state: str = "") -> torch.Tensor:
        """Return a trained parameter in float32, or one of its states."""
        own = self._optimizer.state[parameter][state] if state else parameter
        found: torch.Tensor = own.detach().float()
        return found

    def weight(self, parameter: Any) -> torch.Tensor:
        """Return a parameter as it computes, in main memory."""
        found: torch.Tensor = parameter.detach().cpu()
        return found

    def make_states(self, parameters: Collection[Any], steps: int) -> None:
        """Make AdamW's states of parameters as after some steps, for `put` to fill."""
        chosen = {id(one) for one in parameters}
        for group in self._optimizer.param_groups:
            for one in (one for one in group["params"] if id(one) in chosen):
                device = one.device if group.get("fused") else torch.device("cpu")
                made = {"step": torch.tensor(float(steps), device=device)}
                self._optimizer.state[one] = made | {name: torch.zeros_like(one) for name in STATES}

    def put(self, parameter: Any, value: torch.Tensor, state: str = "") -> None:
        """Replace a parameter, or one of its states."""
        own = self._optimizer.state[parameter][state] if state else parameter
        own.detach().copy_(value)

    def settle(self) -> None:
        """Do nothing: what was put computes."""
