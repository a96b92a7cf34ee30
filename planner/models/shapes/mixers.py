"""What stands in the place of attention in a layer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixer:
    """A layer's way to mix tokens; each kind adds its own widths.

    `planner.memory.mixers` and `planner.speed.mixers` know what each kind costs.
    """


@dataclass(frozen=True)
class Absent(Mixer):
    """Nothing: the layer is an MLP or a mixture of experts alone."""


@dataclass(frozen=True)
class ShortConvolution(Mixer):
    """A convolution over few tokens, gated before and after (LFM2)."""

    width: int
    """Channels."""
    kernel: int
    """Tokens that one output depends on."""


@dataclass(frozen=True)
class StateSpace(Mixer):
    """A selective state-space layer in chunks of tokens (Mamba-2)."""

    heads: int
    head_dim: int
    """Width of a head."""
    groups: int
    """Groups of heads that share their input and output projections of the state."""
    state: int
    """Width of the state of one channel."""
    kernel: int
    """Tokens that one output of the convolution depends on."""
    chunk: int
    """Tokens in a chunk."""

    @property
    def inner(self) -> int:
        """Channels of all heads."""
        return self.heads * self.head_dim

    @property
    def convolved(self) -> int:
        """Channels of the convolution: those of the heads, and the projections of the state."""
        return self.inner + 2 * self.groups * self.state
