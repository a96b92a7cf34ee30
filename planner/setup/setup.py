"""The training setup that memory depends on, and the widths of its tensors."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self

from lockfiles.engines import ENGINES, EngineName
from lockfiles.limits import GRAPH_STEP
from planner.objectives.objective import Objective
from planner.objectives.registry import ObjectiveName, objective_of
from planner.parallelism.engine import Device, PlannedEngine, of_engine
from planner.parallelism.layouts import Offload

__all__ = ["HEAP_TENSOR_BYTES", "Bias", "Device", "Kind", "Profile"]

HEAP_TENSOR_BYTES = 1 << 20
"""Size below which a process on a CPU takes a tensor from its heap; others are mapped one by one
(`runner.environments.variables`)."""

Kind = Literal["lora", "qlora", "full"]
"""What is trained: adapters, adapters on 4-bit weights, or all weights."""
Bias = Literal["none", "lora_only", "all"]
"""Biases trained besides adapters: none, those of the adapted layers, or all."""


@dataclass(frozen=True)
class Profile:
    """The values of a plan that memory depends on."""

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
    """Rows per micro-batch; pairs for DPO and reward."""
    checkpointing: bool
    """Whether activations are recomputed in the backward pass."""
    dtype: Literal["float32", "bfloat16"]
    """The type that the weights are loaded in."""
    dropout: float
    """Dropout of adapters, 0 to 1."""
    padded: bool
    """Whether the rows of a micro-batch may differ in length, which requires an attention mask."""
    autocast: bool = False
    """Whether float32 adapters are computed in bfloat16 (the trainer's `bf16`)."""
    fused: bool = False
    """Whether AdamW is `adamw_torch_fused`, which needs no scratch space on a GPU."""
    accumulates: bool = True
    """Whether a step has several micro-batches, so that gradients exist in forward passes."""
    objective: ObjectiveName = "sft"
    """The name of the objective's record in `planner.objectives`."""
    optimizer: Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"] = (
        "adamw_torch"
    )
    """The optimizer, by its name in the trainer; `fused` turns the first into the second."""
    packing: bool = False
    """Whether the rows of a step are packed into rows of at most `length` tokens, `micro_batch` of
    them per pass."""
    pass_tokens: int = 0
    """With packing, the tokens of the greatest pass, whose rows are concatenated; 0 where a pass
    has `micro_batch` packed rows of `length`."""
    squares: int = 0
    """Of one pass, the squares of its rows' lengths added up; 0 where each row has `length`."""
    attention: Literal["own", "varlen"] = "own"
    """Whether rows are kept apart by their bounds, in a kernel for rows of different lengths, or as
    the family's own attention does it, by a mask."""
    kernels: Literal["eager", "compiled"] = "eager"
    """Whether the operations of layers run one by one, or as torch compiles them."""
    base_products: Literal["bf16", "fp8"] = "bf16"
    """What the products of frozen layers under adapters are computed in."""
    graph_sizes: int = 0
    """Number of the sizes that passes are filled up to and recorded for, as CUDA graphs."""
    parallel: EngineName = "single"
    """How the cards share the work."""
    ranks: int = 1
    """Processes, one on each card, at least 1."""
    offload: Offload = "none"
    """What ZeRO or FSDP2 offloads to main memory; `all` adds the weights. With `nvme`, ZeRO-3 keeps
    both on an SSD."""
    base_bits: Literal[0, 4, 8, 16] = 0
    """Bits of the base's linear weights: 4 (NF4), 8 (LLM.int8), 16; 0 follows the method."""
    scored: float = 1.0
    """Share of tokens that are scored, 0 to 1."""
    bucket: int = 500_000_000
    """Elements of ZeRO's `reduce_bucket_size`; DeepSpeed's own default."""
    overlaps: bool = False
    """Whether ZeRO's `overlap_comm` doubles that bucket."""
    bias: Bias = "none"
    """Which biases are trained besides the adapters; `none` for full."""
    process_bytes: int = 0
    """Resident memory of the training process without model and rows, as measured on a CPU; 0 for
    a typical value, and on a GPU."""
    held_tokens: int = 0
    """Tokens of all rows that a process on a CPU keeps in main memory; 0 on a GPU."""

    @cached_property
    def spec(self) -> Objective:
        """The record of the objective."""
        return objective_of(self.objective)

    @property
    def dropped(self) -> float:
        """Effective dropout of adapters: some objectives disable it."""
        return self.dropout if self.spec.adapter_dropout else 0.0

    @property
    def rows(self) -> int:
        """Rows of the model's input: one for each token sequence of an example."""
        return self.micro_batch * len(self.spec.sequences)

    @cached_property
    def tokens(self) -> int:
        """Tokens of a micro-batch with rows of `length`."""
        return self.length * self.rows

    @property
    def scored_tokens(self) -> int:
        """Scored tokens of a micro-batch."""
        return int(self.scored * self.tokens)

    @property
    def masked(self) -> bool:
        """Whether attention needs a mask: rows are padded or packed."""
        return (self.padded or self.packing) and self.attention == "own"

    def in_passes(self) -> Self:
        """Return the setup of the greatest pass if rows are concatenated, else this setup."""
        step = GRAPH_STEP if self.graph_sizes else 1
        tokens = -(-self.pass_tokens // step) * step
        return self.of_pass(tokens, self.squares) if tokens else self

    def of_pass(self, tokens: int, squares: int, *, masked: bool = True) -> Self:
        """Return the setup of a pass that is one sequence of `tokens`."""
        return replace(
            self, length=tokens, micro_batch=1, padded=masked, packing=False, pass_tokens=0,
            squares=squares,
        )  # fmt: skip

    @property
    def quantised_bits(self) -> int:
        """Bits of the base's linear weights if quantized by bitsandbytes, else 0."""
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

    @cached_property
    def sharded(self) -> bool:
        """Whether ZeRO or FSDP2 shards the optimizer states."""
        return bool(self.engine.shards)

    @property
    def offloads(self) -> bool:
        """Whether anything is offloaded to main memory."""
        return self.offload != "none"

    @cached_property
    def width(self) -> int:
        """Bytes of a weight and of an activation."""
        return 2 if self.dtype == "bfloat16" else 4

    @cached_property
    def adapter_width(self) -> int:
        """Bytes of a trained parameter: TRL trains adapters on a quantized base in bfloat16, PEFT
        other adapters in float32; DeepSpeed uses the model's type and FSDP2 float32."""
        if self.sharded:
            return 4 if self.engine.shards == "fsdp2" else self.width
        if self.method == "full":
            return self.width
        return 2 if self.quantised_bits else 4

    @property
    def casts(self) -> bool:
        """Whether each adapter keeps its own input, in another dtype than the layer."""
        other = self.method != "full" and self.adapter_width != self.width
        return other and not self.sharded  # FSDP2 gathers float32 weights in the model's type

    @property
    def computed_width(self) -> int:
        """Bytes of an element in the matrix products of adapters."""
        return 2 if self.autocast else self.adapter_width

    @property
    def mask_width(self) -> int:
        """Bytes of an element of a dropout mask: a byte on a GPU, a factor on a CPU."""
        return (1 if self.device == "cuda" else self.adapter_width) * (self.dropped > 0)
