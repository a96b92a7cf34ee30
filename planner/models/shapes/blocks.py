"""The layers of a decoder, as groups of equal ones."""

from dataclasses import dataclass
from typing import Literal

from planner.models.shapes.mixers import Mixer
from planner.models.shapes.shape import Architecture

Place = Literal["attention", "output", "mlp", "down", "side"]


@dataclass(frozen=True)
class Linear:
    """One linear layer of a block."""

    name: str
    """Such as `q_proj`; with more of its dotted name if that is ambiguous within the block."""
    inputs: int
    """Width of its input."""
    outputs: int
    """Width of its output."""
    place: Place = "attention"
    """Its place: before attention, after it, before the MLP's activation, or after it; `side` for
    one besides both."""
    biased: bool = False
    """Whether it has a bias, of width `outputs`."""
    module: str = ""
    """The module in the layer that it belongs to, such as `linear_attn`; empty for the family's
    usual one of its place."""
    quantized: bool = True
    """Whether bitsandbytes quantizes it in a model that it quantizes."""
    source: str = ""
    """What it reads, where that is not what the other layers of its place read."""

    @property
    def size(self) -> int:
        """Elements of its weight."""
        return self.inputs * self.outputs


@dataclass(frozen=True)
class Extra:
    """A tensor of a layer besides its linear layers and usual norms."""

    name: str
    """Its name within the layer, such as `linear_attn.A_log`."""
    shape: tuple[int, ...]
    buffer: bool = False
    """Whether it is a buffer, which is stored but not counted as a parameter."""
    linear: bool = False
    """Whether it is the weight of a linear layer, which bitsandbytes quantizes, but no adapter
    changes."""
    table: bool = False
    """Whether it is the weight of an embedding."""
    parts: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """The tensors that published files hold in its place, by name within the layer."""
    integers: bool = False
    """Whether it holds integers."""
    untrained: bool = False
    """Whether no gradient reaches it, so that no training changes it."""


@dataclass(frozen=True)
class Block:
    """A group of equal layers of a model."""

    count: int
    """Number of layers, at least 1."""
    linears: tuple[Linear, ...]
    """In the order of the forward pass."""
    mlp: int
    """Width of the MLP, or of a mixture's shared expert; 0 without one."""
    experts: int = 0
    """Elements of the experts' fused weights; 0 for a dense block."""
    routed: int = 0
    """Routed experts per token."""
    expert: int = 0
    """Width of one routed expert."""
    routed_hidden: int = 0
    """Width that the routed experts read and write; 0 for that of the residual stream."""
    at: tuple[int, ...] = ()
    """The numbers of these layers in the model; empty where they follow the block before."""
    attention: Architecture | None = None
    """The shape with the heads and the window of these layers, where they differ from the
    model's."""
    mixer: Mixer | None = None
    """What replaces attention; None for attention itself."""
    beside: tuple[Mixer, ...] = ()
    """What the layer has besides attention and MLP."""
    shared_keys: bool = False
    """Whether attention reads the keys and values of an earlier layer."""
    gate: int = 0
    """Width of a gate of attention's output that softplus makes in float32; 0 without one."""
    norms: tuple[str, ...] | None = None
    """The names of the norms of width `hidden`; None for the family's usual ones."""
    extras: tuple[Extra, ...] = ()
    """Its other tensors."""

    @property
    def linear_elements(self) -> int:
        """Elements of the linear layers' weights."""
        return sum(part.size for part in self.linears)
