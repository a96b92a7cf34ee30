"""How long a training step takes on one card: the work, counted, by the card's own rates.

What a pass asks of the card and its host is counted from the model's shape (`parts`, `passes`,
`updates`); what a device makes of it is a handful of coefficients (`device`), none of which
belongs to a model, and a rehearsal measures how fast its host is (`host`). Fused kernels (Liger)
and `torch.compile` are not counted.
"""

from planner.speed.accelerator import FITTED, MEASURED_CARDS, Coefficients, Rated, basis
from planner.speed.step import (
    around_seconds,
    evaluation_seconds,
    flops,
    known,
    micro_seconds,
    step_seconds,
)

__all__ = [
    "FITTED",
    "MEASURED_CARDS",
    "Coefficients",
    "Rated",
    "around_seconds",
    "basis",
    "evaluation_seconds",
    "flops",
    "known",
    "micro_seconds",
    "step_seconds",
]
