"""The loss of a mixture's router in several processes: its mean over the micro-batches of a step.

TRL takes the mean over the micro-batches of each process. The blank one of a process without rows
left does not count here, so that a step has the loss that one process computes.
"""

import math
from typing import TYPE_CHECKING, Any

from runner.engines.ranks import Ranks
from runner.training.shares import is_blank

if TYPE_CHECKING:
    from transformers import Trainer as _Base
else:
    _Base = object

_WITH_ROWS = "with_rows"


class Routed(_Base):  # type: ignore[misc]  # transformers ships no types that mypy follows
    """The part of a trainer of padded micro-batches that shares this loss."""

    aux_loss_enabled: bool
    """Whether the loss of a router is a part of the loss."""
    _ranks: Ranks
    _pass_tokens: int

    def get_batch_samples(self, *given: Any) -> Any:
        """Return transformers' batches of a step, each with the number of those that have rows."""
        found, scored = super().get_batch_samples(*given)
        if self.aux_loss_enabled and self._ranks.count > 1 and not self._pass_tokens:
            own = sum(not is_blank(one) for one in found)
            every = sum(number for (number,) in self._ranks.gathered([own]))
            found = [{**one, _WITH_ROWS: every} for one in found]
        return found, scored

    def compute_loss(self, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        """Return TRL's loss, with this micro-batch's share of the router's."""
        if with_rows := inputs.pop(_WITH_ROWS, 0):
            self.current_gradient_accumulation_steps = share(
                with_rows, self._ranks.count, blank=is_blank(inputs)
            )
        return super().compute_loss(model, inputs, *given, **named)


def share(with_rows: int, ranks: int, *, blank: bool) -> float:
    """Return what TRL divides the router's loss of a micro-batch or pass by.

    `with_rows` counts those of a step that have rows, in all processes; engines then take the mean
    over processes.
    """
    return math.inf if blank else with_rows / ranks
