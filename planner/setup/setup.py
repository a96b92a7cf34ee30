"""A plan, as far as memory depends on it, and the widths of the tensors that it leads to."""

from dataclasses import dataclass
from typing import Literal

from lockfiles.engines import ENGINES, EngineName
from lockfiles.engines.engine import Offload
from planner.objectives.objective import Objective
from planner.objectives.registry import ObjectiveName, objective_of
from planner.parallelism.engine import Device, PlannedEngine, of_engine

__all__ = ["Bias", "Device", "Kind", "Profile"]

Kind = Literal["lora", "qlora", "full"]
"""What is trained: adapters, adapters on 4-bit weights, or all weights."""
Bias = Literal["none", "lora_only", "all"]
"""Biases trained beside adapters: none, those of the adapted layers, or the whole model's."""


@dataclass(frozen=True)
class Profile:
    """A plan, as far as memory depends on it."""

    device: Device
    """Where training runs."""
    method: Kind
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
    objective: ObjectiveName = "sft"
    """What the loss teaches: the name of a record in `planner.objectives`."""
    optimizer: Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"] = (
        "adamw_torch"
    )
    """The trainer's name of the optimizer; `fused` makes the first one the second."""
    packing: bool = False
    """Whether the rows of a step are joined into rows of at most `length` tokens, of which
    `micro_batch` are computed at once."""
    parallel: EngineName = "single"
    """How the cards share the work."""
    ranks: int = 1
    """Processes, one on each card, at least 1."""
    offload: Offload = "none"
    """What the shards of ZeRO or FSDP2 keep in main memory; `all` adds the weights."""
    base_bits: Literal[0, 4, 8, 16] = 0
    """Bits of a linear weight of the base: 4 NF4, 8 LLM.int8, 16 as loaded, 0 by the method."""
    scored: float = 1.0
    """Share of the tokens that the loss is computed on, 0 to 1."""
    bucket: int = 500_000_000
    """Elements of ZeRO's `reduce_bucket_size`; DeepSpeed's own default."""
    overlaps: bool = False
    """Whether ZeRO's `overlap_comm` doubles that bucket."""
    bias: Bias = "none"
    """Which biases are trained beside the adapters; `none` for full, which trains all weights."""

    @property
    def spec(self) -> Objective:
        """The record of the objective."""
        return objective_of(self.objective)

    @property
    def dropped(self) -> float:
        """Dropout as it acts: some objectives switch it off."""
        return self.dropout if self.spec.adapter_dropout else 0.0

    @property
    def rows(self) -> int:
        """Rows of the model's input: one for each token sequence of an example."""
        return self.micro_batch * len(self.spec.sequences)

    @property
    def tokens(self) -> int:
        """Tokens in a micro-batch of the longest rows."""
        return self.length * self.rows

    @property
    def scored_tokens(self) -> int:
        """Tokens of those that the loss is computed on."""
        return int(self.scored * self.tokens)

    @property
    def masked(self) -> bool:
        """Whether attention gets a mask: some rows are padded, or several stand in one."""
        return self.padded or self.packing

    @property
    def quantised_bits(self) -> int:
        """Bits of the base's linear weights where bitsandbytes holds them, else 0."""
        if self.base_bits:
            return self.base_bits % 16
        return 4 if self.method == "qlora" else 0

    @property
    def engine(self) -> PlannedEngine:
        """What a plan knows of `parallel`."""
        return of_engine(self.parallel)

    @property
    def copied(self) -> bool:
        """Whether each of several processes holds the model."""
        return ENGINES[self.parallel].copies

    @property
    def sharded(self) -> bool:
        """Whether ZeRO or FSDP2 holds the optimizer's states in shards."""
        return bool(self.engine.shards)

    @property
    def width(self) -> int:
        """Bytes of a weight and of an activation."""
        return 2 if self.dtype == "bfloat16" else 4

    @property
    def adapter_width(self) -> int:
        """Bytes of a trained parameter: TRL trains adapters on a quantised base in bfloat16, PEFT
        others in float32; DeepSpeed computes in the model's type and FSDP2 keeps float32."""
        if self.sharded:
            return 4 if self.engine.shards == "fsdp2" else self.width
        if self.method == "full":
            return self.width
        return 2 if self.quantised_bits else 4

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
        return (1 if self.device == "cuda" else self.adapter_width) * (self.dropped > 0)
