"""What stands in the place of attention in a layer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixer:
    """A layer's way to mix tokens; each kind adds its own widths.

    `planner.memory.mixers` and `planner.speed.mixers` know what each kind costs.
    """

    @property
    def takes_mask(self) -> bool:
        """Whether it takes an attention mask where rows are padded."""
        return False


@dataclass(frozen=True)
class Latent(Mixer):
    """Multi-head latent attention (`planner.models.shapes.latent`)."""

    heads: int
    unrotated: int
    """Width of the part of a query or key without positions."""
    rotated: int
    """Width of the part with positions; all heads share that of their keys."""
    value: int
    """Width of a value."""
    query_rank: int
    """Width of the latent of all queries; 0 if they have none."""
    key_rank: int
    """Width of the latent of all keys and values."""
    complex_rotary: bool = False
    """Whether the rotary embedding multiplies complex numbers, in float32."""

    @property
    def takes_mask(self) -> bool:
        return True

    @property
    def query(self) -> int:
        """Width of a query and of a key."""
        return self.unrotated + self.rotated
