"""The differences between decoder families, as the model classes of transformers build them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from planner.models.shapes.blocks import Block, Extra
from planner.models.shapes.config_json import ConfigJson, Flag
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import LinearNames, Naming
from planner.models.shapes.shape import Architecture


@dataclass(frozen=True)
class Family:
    """How one family builds its decoder layers."""

    bias: Flag = "attention_bias"
    """Whether the query, key and value layers have a bias."""
    o_bias: Flag = "attention_bias"
    """Whether the attention's output projection has a bias."""
    mlp_bias: Flag = False
    """Whether the layers of the MLP have a bias."""
    expert_bias: bool = False
    """Whether the router and the routed experts have biases."""
    head_bias: Flag = False
    """Whether the head has a bias."""
    gated_mlp: bool = True
    """Whether the MLP has gate, up and down layers."""
    norms: int = 2
    """Norms of width `hidden` in one layer."""
    norm_vectors: int = 1
    """Vectors of one norm: 1 for a scale, 2 for scale and shift, 0 for neither."""
    qk_norm: Flag = False
    """Whether queries and keys are normalized before attention."""
    qk_width: Literal["head", "all"] = "head"
    """Whether that norm is over each head (with a shared scale) or over all heads together."""
    qk_vectors: int = 1
    """Vectors of that norm."""
    sinks: bool = False
    """Whether each attention head has a learned sink."""
    positions: int | None = None
    """Rows of the learned position table beyond the context; None without a table."""
    embedding_norm: bool = False
    """Whether the embedding is normalized."""
    activation_parameters: int = 0
    """Parameters of one layer's activation function."""
    experts: str = ""
    """Field with the number of routed experts; empty for a dense family."""
    moe_width: str = "moe_intermediate_size"
    """Field with the width of one routed expert."""
    shared: str = ""
    """Field with the width of the shared expert, or the number of such experts."""
    dense: str = ""
    """Field with the number, or the list, of the layers that have no experts."""
    shared_gate: bool = False
    """Whether a gate of width `hidden` weights the shared expert."""
    sliding_every: int = 0
    """Without `layer_types`, one layer in this many has full attention; 0 if all are equal."""
    soft_cap: bool = False
    """Whether the configuration class has a soft cap of its own."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Values of fields that a `config.json` may leave out."""
    nested: Mapping[str, object] = field(default_factory=dict)
    """Values of further fields that its table in a wrapper's `config.json` may leave out, where
    transformers writes only what differs from the class."""
    eager: bool = False
    """Whether its class has eager attention only, besides those that keep scores (`Habits`)."""
    four_times: bool = False
    """Whether the MLP is four times as wide as `hidden` where the configuration says nothing."""
    one_key: bool = False
    """Whether it may have multi-query attention: one key and value head for all queries."""
    rotary: bool = True
    """Whether it has rotary embeddings."""
    padding_row: bool = True
    """Whether the embedding is created with a padding token."""
    own_layer_norm: bool = False
    """Whether its LayerNorm is its own, which casts and returns the activations' type."""
    classifier: bool = True
    """Whether transformers has a class of it with a single output, which a reward model is."""
    unadapted: tuple[str, ...] = ()
    """Names of linear layers whose weights a fused kernel reads by itself, past any adapter.

    PEFT refuses them (`_check_lora_target_modules_mamba` in `peft/tuners/tuners_utils.py`).
    """
    taken_for_experts: tuple[str, ...] = ()
    """Names that PEFT 0.21 takes for fused experts, even where other layers have them too.

    It turns them into `target_parameters`, which adapt every expert, skip the dense layers and the
    shared experts, and do not allow dropout (`peft/utils/transformers_weight_conversion.py`).
    """
    lost_on_loading: tuple[str, ...] = ()
    """Names whose adapters PEFT does not load again from its own files
    (`tests/runner/training/test_adapters_load.py`)."""
    unquantized: tuple[str, ...] = ()
    """Modules, as patterns of transformers, whose linear layers bitsandbytes must not replace: the
    class computes with their weights by itself, or they choose the experts."""
    compressor: str = ""
    """The module of a layer that compresses tokens, and leaves weights unused where there are fewer
    than it compresses to one entry; its `compress_rate` is that number."""
    linears: LinearNames = field(default_factory=LinearNames)
    """The names of its linear layers, which are the target modules of LoRA."""
    naming: Naming = field(default_factory=Naming)
    """The names of its tensors."""
    habits: Habits = field(default_factory=Habits)
    """What its layers save for the backward pass, where that differs."""
    fields: str = ""
    """The fields of its configuration class besides the usual ones; `-` precedes usual ones that
    it lacks (`planner.models.field_types`)."""
    field_types: Mapping[str, str] = field(default_factory=dict)
    """The types of fields that its class takes otherwise."""
    layer_list: str = ""
    """The field with one item for each layer, of a class that saves no number of layers."""
    listed: tuple[str, ...] = ()
    """Fields that may have a list with the same number for each layer."""
    written: tuple[str, ...] = ()
    """Reserved names that its class writes to `config.json`; `read` checks these fields."""
    read: Callable[[ConfigJson], Mapping[str, Any]] | None = None
    """For a family with layers of its own: returns the fields of `Architecture` that differ from
    the usual reading, `own` among them."""
    own: Mapping[str, str] = field(default_factory=dict)
    """The names of `Architecture.own`: `some` for a number from 1, `any` for a number from 0, else
    the letters of a text that has one for each layer."""
    blocks: Callable[[Architecture], tuple[Block, ...]] | None = None
    """The layers of such a family."""
    outside: Callable[[Architecture], Iterable[Extra]] | None = None
    """The tensors outside its layers besides embedding, final norm and head; their names are those
    within the body."""
