"""What replaces attention in a layer, or besides attention and MLP."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Mixer:
    """A layer's way to mix tokens, or a further part of it; each kind adds its own widths.

    `planner.memory.mixers` and `planner.speed.mixers` know what each kind costs.
    """

    kernels: ClassVar[tuple[str, ...]] = ()
    """The packages with kernels for it, by their names on PyPI; transformers takes them where they
    are installed."""
    slow: ClassVar[bool] = False
    """Whether it is much slower in torch's own operations than in those kernels."""

    @property
    def takes_mask(self) -> bool:
        """Whether it takes an attention mask where rows are padded."""
        return False

    @property
    def needs_mask(self) -> bool:
        """Whether it takes one for any rows."""
        return False

    @property
    def attends(self) -> bool:
        """Whether the layer has attention too, after it and with the same input."""
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


@dataclass(frozen=True)
class SparseLatent(Latent):
    """Latent attention to the tokens that an indexer chooses for each query."""

    index_heads: int = 0
    """Heads of the indexer; 0 where the layer takes the choice of an earlier one."""
    index_dim: int = 0
    """Width of a head of the indexer."""
    index_tokens: int = 0
    """Most tokens that a query attends to."""
    pool: int = 1
    """Tokens that are chosen together."""

    @property
    def needs_mask(self) -> bool:
        return True


@dataclass(frozen=True)
class CompressedKeys(Mixer):
    """Attention with one key head, which is its value too: to a window, and to entries that each
    compress several tokens (DeepSeek V4)."""

    heads: int
    head_dim: int
    """Width of a head."""
    rotated: int
    """Width of the part of a head with positions."""
    query_rank: int
    """Width of the latent of all queries."""
    groups: int
    """Groups of heads that are projected each by itself."""
    group_rank: int
    """Width that a group is projected to."""
    window: int
    """Tokens of the window."""
    rate: int = 0
    """Tokens of a compressed entry; 0 without such entries."""
    index_heads: int = 0
    """Heads of the indexer that chooses among these entries; 0 if all are attended to."""
    index_dim: int = 0
    """Width of a head of the indexer."""
    index_entries: int = 0
    """Most entries that a query attends to."""

    @property
    def takes_mask(self) -> bool:
        return True

    @property
    def needs_mask(self) -> bool:
        return True

    @property
    def series(self) -> int:
        """Compressed entries that a token is a part of."""
        return 2 if self.index_heads else 1


@dataclass(frozen=True)
class KimiDelta(Mixer):
    """Linear attention by a delta rule with a decay for each channel (Kimi Delta Attention)."""

    kernels: ClassVar[tuple[str, ...]] = ("flash-linear-attention", "causal-conv1d")
    slow: ClassVar[bool] = True
    heads: int
    head_dim: int
    """Width of a head."""
    kernel: int
    """Tokens that one output of the convolution depends on."""

    @property
    def inner(self) -> int:
        """Channels of all heads."""
        return self.heads * self.head_dim


@dataclass(frozen=True)
class HyperConnections(Mixer):
    """Several residual streams, which attention and MLP read and write by learned weights."""

    streams: int
    """Residual streams."""
    rounds: int
    """Times that the weights between streams are normalized (Sinkhorn-Knopp)."""


@dataclass(frozen=True)
class Absent(Mixer):
    """Nothing: the layer is an MLP or a mixture of experts alone."""


@dataclass(frozen=True)
class ShortConvolution(Mixer):
    """A convolution over few tokens, gated before and after (LFM2)."""

    kernels: ClassVar[tuple[str, ...]] = ("causal-conv1d",)
    width: int
    """Channels."""
    kernel: int
    """Tokens that one output depends on."""


@dataclass(frozen=True)
class StateSpace(Mixer):
    """A selective state-space layer in chunks of tokens (Mamba-2)."""

    kernels: ClassVar[tuple[str, ...]] = ("mamba-ssm", "causal-conv1d")
    slow: ClassVar[bool] = True
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
    normed: bool = True
    """Whether a norm follows its gate."""
    beside_attention: bool = False
    """Whether attention reads the layer's input too."""

    @property
    def takes_mask(self) -> bool:
        return self.beside_attention

    @property
    def attends(self) -> bool:
        return self.beside_attention

    @property
    def inner(self) -> int:
        """Channels of all heads."""
        return self.heads * self.head_dim

    @property
    def convolved(self) -> int:
        """Channels of the convolution: those of the heads, and the projections of the state."""
        return self.inner + 2 * self.groups * self.state


@dataclass(frozen=True)
class GatedDelta(Mixer):
    """Linear attention by the gated delta rule, after a short convolution."""

    kernels: ClassVar[tuple[str, ...]] = ("flash-linear-attention", "causal-conv1d")
    slow: ClassVar[bool] = True
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


@dataclass(frozen=True)
class PerLayerInput(Mixer):
    """A gated embedding of the layer's own, added after the MLP (Gemma 3n and 4)."""

    width: int
    """Width of that embedding."""


@dataclass(frozen=True)
class NormedRouter(Mixer):
    """A router with a norm of its own, besides an MLP outside of the experts (Gemma 4)."""


@dataclass(frozen=True)
class AlternatingUpdates(Mixer):
    """Several residual streams, a low-rank branch and a layer's own embedding (Gemma 3n)."""

    streams: int
    """Residual streams."""
    rank: int
    """Width inside the low-rank branch."""
    inputs: int
    """Width of the layer's own embedding."""
    sparse: bool
    """Whether the MLP keeps only its largest activations."""
