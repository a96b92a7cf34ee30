"""What stands in the place of attention in a layer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixer:
    """A layer's way to mix tokens; each kind adds its own widths.

    `planner.memory.mixers` and `planner.speed.mixers` know what each kind costs.
    """
