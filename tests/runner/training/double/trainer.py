"""What would be `runner/training/double.py`."""

from dataclasses import replace
from typing import Any

from runner.training import sft


class Trainer(sft.Trainer):
    """Doubles the loss."""

    def compute_loss(self, *arguments: Any, **named: Any) -> Any:
        """Return twice the loss, and the outputs where they are asked for."""
        found = super().compute_loss(*arguments, **named)
        return (2 * found[0], found[1]) if isinstance(found, tuple) else 2 * found


KIND = replace(sft.KIND, trainer=Trainer)
