"""What stands in the place of attention in a layer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixer:
    """A layer's way to mix tokens; each kind adds its own widths.

    `planner.memory.mixers` and `planner.speed.mixers` know what each kind costs.
    """


@dataclass(frozen=True)
class GatedDelta(Mixer):
    """Linear attention by the gated delta rule, after a short convolution."""

    key_heads: int
    """Heads of queries and keys."""
    value_heads: int
    """Heads of values, a multiple of `key_heads`."""
    key_dim: int
    """Width of a query or key head."""
    value_dim: int
    """Width of a value head."""
    fused: bool = False
    """Whether one projection gives queries, keys, values and gate, in an order of its own."""

    @property
    def keys(self) -> int:
        """Width of all keys."""
        return self.key_heads * self.key_dim

    @property
    def values(self) -> int:
        """Width of all values, of the gate and of the output."""
        return self.value_heads * self.value_dim

    @property
    def convolved(self) -> int:
        """Channels of the convolution: queries, keys and values."""
        return 2 * self.keys + self.values
