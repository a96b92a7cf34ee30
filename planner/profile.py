"""A plan, as far as memory depends on it, and the widths of the tensors that it leads to."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Profile:
    """A plan, as far as memory depends on it."""

    device: Literal["cpu", "cuda"]
    """Where training runs."""
    method: Literal["lora", "qlora", "full"]
    """What is trained."""
    rank: int
    """Adapter rank; 0 for full."""
    targets: tuple[str, ...]
    """Names of the adapted layers, such as `q_proj`; empty for full."""
    length: int
    """Longest row, in tokens."""
    micro_batch: int
    """Rows at once."""
    checkpointing: bool
    """Whether a layer's activations are computed again in the backward pass."""
    dtype: Literal["float32", "bfloat16"]
    """What the weights are loaded in."""
    dropout: float
    """Of the adapters, 0 to 1."""
    padded: bool
    """Whether rows of a micro-batch differ in length, so that attention gets a mask."""
    autocast: bool = False
    """Whether adapters in float32 are computed in bfloat16 (the trainer's `bf16`)."""
    fused: bool = False
    """Whether AdamW is `adamw_torch_fused`, which needs no scratch space on a GPU."""
    accumulates: bool = True
    """Whether a step sums several micro-batches, so that gradients stand in a forward pass."""

    @property
    def tokens(self) -> int:
        """Tokens in a micro-batch of the longest rows."""
        return self.length * self.micro_batch

    @property
    def width(self) -> int:
        """Bytes of a weight and of an activation."""
        return 2 if self.dtype == "bfloat16" else 4

    @property
    def adapter_width(self) -> int:
        """Bytes of a trained parameter: TRL trains QLoRA in bfloat16, PEFT LoRA in float32."""
        return {"lora": 4, "qlora": 2, "full": self.width}[self.method]

    @property
    def casts(self) -> bool:
        """Whether each adapter keeps an input of its own, in another dtype than the layer's."""
        return self.method != "full" and self.adapter_width != self.width

    @property
    def computed_width(self) -> int:
        """Bytes of an element in an adapter's own matrix products."""
        return 2 if self.autocast else self.adapter_width

    @property
    def mask_width(self) -> int:
        """Bytes of an element of dropout's mask: a GPU's kernel keeps a byte, a CPU a factor."""
        return (1 if self.device == "cuda" else self.adapter_width) * (self.dropout > 0)
