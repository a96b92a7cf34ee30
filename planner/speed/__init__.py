"""Estimates the time of a training step on one card, from the work and the card's rates.

The work for the card and its host is counted from the model's shape (`parts`, `passes`,
`updates`). A few coefficients describe the device (`accelerator`), none of them a model, and a
rehearsal measures the speed of the host (`host`). Compiled layers and recorded passes are
modeled (`compiled`, `warm_up`); fused kernels (Liger) are not.
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
