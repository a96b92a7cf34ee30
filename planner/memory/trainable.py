"""The number of trained parameters, and the memory of their optimizer states."""

from functools import lru_cache
from math import prod

from planner.memory.facts import Sized
from planner.models import layers
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.parameters import parameter_count
from planner.models.tensors import table
from planner.setup.setup import Bias, Profile

EIGHT_BIT_LEAST = 4096
"""Minimum elements of a tensor with 8-bit states (bitsandbytes' `min_8bit_size`)."""
PAGED_LEAST = 100_000
"""Minimum elements of a tensor with paged states (`get_state_buffer`)."""
SCALE_BYTES = 2 * 4 / 256
"""Bytes of scales per element for both 8-bit states: a float32 per block of 256."""


def trained_parameters(model: Sized, profile: Profile) -> int:
    """Return the number of trained parameters, including biases besides adapters."""
    shape = model.architecture
    if profile.method == "full":
        still = outside(model) + sum(layers.untrained(shape).values())
        return max(0, stored_parameters(model, profile) - still)
    added = profile.rank * _adapted_widths(shape, profile.targets)
    return added + trained_biases(shape, profile.targets, profile.bias)


@lru_cache(maxsize=4096)
def trained_biases(shape: Architecture, names: tuple[str, ...], bias: Bias) -> int:
    """Return the elements of the biases that PEFT trains besides adapters on the layers `names`.

    `lora_only` trains those of the adapted layers, `all` every parameter whose name ends with
    `.bias` (`peft/tuners/tuners_utils.py`, `_mark_only_adapters_as_trainable`) but those that no
    gradient reaches.
    """
    if bias == "none":
        return 0
    found = sum(
        block.count * part.outputs
        for block in layers.blocks(shape)
        for part in block.linears
        if part.biased and (bias == "all" or part.name in names)
    )
    return found + (_other_biases(shape) if bias == "all" else 0)


def _other_biases(shape: Architecture) -> int:
    """Return the elements of the biases of norms, routers and head."""
    kind = FAMILIES[shape.family]
    if kind.blocks:
        return _biases_of_blocks(shape)
    norms = shape.layers * shape.norms_per_layer + (2 if kind.embedding_norm else 1)
    heads = 2 * shape.layers * shape.qk_norm
    mixtures = shape.layers - shape.dense_layers if kind.expert_bias else 0
    return (
        norms * shape.hidden * (kind.norm_vectors == 2)
        + heads * shape.head_dim * (kind.qk_vectors == 2)
        + mixtures * shape.experts
        + shape.vocabulary * shape.head_bias
    )


def _biases_of_blocks(shape: Architecture) -> int:
    """Return the same for a family with layers of its own, such as those of convolutions."""
    every = sum(
        prod(t.shape) for t in table(shape, {}) if t.name.endswith(".bias") and not t.buffer
    )
    linear = sum(
        block.count * part.outputs
        for block in layers.blocks(shape)
        for part in block.linears
        if part.biased
    )
    still = sum(n for name, n in layers.untrained(shape).items() if name.endswith(".bias"))
    return every - linear - still


def stored_parameters(model: Sized, profile: Profile) -> int:
    """Return the model's parameters; a reward model has a single output instead of the head."""
    shape = model.architecture
    dropped = profile.spec.head == "scalar" and not shape.tied
    return model.parameters - (shape.vocabulary * shape.hidden if dropped else 0)


def outside(model: Sized) -> int:
    """Return the parameters outside of the decoder, such as those of a vision tower: they stay
    frozen."""
    return max(0, model.parameters - parameter_count(model.architecture))


def states(model: Sized, profile: Profile) -> tuple[int, int]:
    """Return the bytes of AdamW's two states: in torch's allocator, and paged.

    torch's states have the parameter's type. bitsandbytes uses a byte and a scale per state, but
    float32 for small tensors and, as set by transformers' trainer, for embeddings
    (`bitsandbytes/optim/optimizer.py`).
    """
    elements = trained_parameters(model, profile)
    if profile.optimizer not in ("adamw_8bit", "paged_adamw_8bit"):
        return 2 * elements * profile.adapter_width, 0
    small, medium, table = _kinds(model, profile)
    large = elements - small - medium - table
    scales = int(SCALE_BYTES * (medium + large))
    if profile.optimizer == "adamw_8bit":
        return 8 * (small + table) + 2 * (medium + large) + scales, 0
    return 8 * small + 2 * medium + scales, 8 * table + 2 * large


def _kinds(model: Sized, profile: Profile) -> tuple[int, int, int]:
    """Return the elements of tensors too small for 8 bits, too small for paging, and embeddings.

    All biases count as small, although some in wide models are not.
    """
    shape = model.architecture
    if profile.method == "full":
        blocks = layers.blocks(shape)
        weights = sum(b.count * (b.linear_elements + b.experts) for b in blocks)
        table = shape.vocabulary * shape.hidden
        head = 0 if shape.tied or profile.spec.head == "scalar" else table
        linears, tables = _outside(shape)
        known = weights + linears + table + tables + head
        return max(0, trained_parameters(model, profile) - known), 0, table + tables
    small, medium = _adapter_kinds(shape, profile.targets, profile.rank)
    return small + trained_biases(shape, profile.targets, profile.bias), medium, 0


@lru_cache(maxsize=4096)
def _outside(shape: Architecture) -> tuple[int, int]:
    """Return the elements of further linear layers and of further embeddings."""
    outside = FAMILIES[shape.family].outside
    extras = tuple(outside(shape)) if outside else ()
    return (
        sum(prod(one.shape) for one in extras if one.linear),
        sum(prod(one.shape) for one in extras if one.table),
    )


@lru_cache(maxsize=4096)
def _adapter_kinds(shape: Architecture, names: tuple[str, ...], rank: int) -> tuple[int, int]:
    small = medium = 0
    for block in layers.blocks(shape):
        for part in block.linears:
            for width in (part.inputs, part.outputs):
                size = rank * width * block.count * (part.name in names)
                small += size if rank * width < EIGHT_BIT_LEAST else 0
                medium += size if EIGHT_BIT_LEAST <= rank * width < PAGED_LEAST else 0
    return small, medium


@lru_cache(maxsize=4096)
def _adapted_widths(shape: Architecture, names: tuple[str, ...]) -> int:
    """Return the total input and output widths of adapted layers; adapters have `rank` times."""
    return sum(
        block.count * (part.inputs + part.outputs)
        for block in layers.blocks(shape)
        for part in block.linears
        if part.name in names
    )
