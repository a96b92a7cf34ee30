"""What each supported family of models can: the rows of `tunelock fit --families`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from planner.catalogue.lookup import CatalogueModel, models
from planner.gguf.family import MODEL_TYPES
from planner.memory import resident
from planner.memory.family_quirks import attention, habits
from planner.models import layers
from planner.models.architecture import Architecture
from planner.models.families import FAMILIES
from planner.models.families.wrappers import WRAPPERS
from planner.models.parameters import parameter_count
from planner.models.shapes import mixers
from planner.models.shapes.blocks import Block
from planner.search.lora_targets import left_out, preset

WORDS: Mapping[type[mixers.Mixer], str] = {
    mixers.CompressedKeys: "compressed keys",
    mixers.GatedDelta: "gated delta rule",
    mixers.KimiDelta: "Kimi delta attention",
    mixers.Latent: "latent attention",
    mixers.ShortConvolution: "short convolution",
    mixers.SparseLatent: "sparse latent attention",
    mixers.StateSpace: "state space",
}
"""What replaces attention, in words."""


@dataclass(frozen=True)
class FamilyFacts:
    """What one family can; what depends on a model's shape is that of `example`."""

    name: str
    """Its `model_type`."""
    wrappers: tuple[str, ...]
    """Multimodal models around its decoder, by `model_type`; their other parts stay frozen."""
    example: str
    """The smallest model of the catalogue that is of it; empty if there is none."""
    mixing: tuple[str, ...]
    """How its layers mix tokens."""
    experts: bool
    """Whether it has layers with experts."""
    kernel: str
    """The attention implementation of transformers that training uses: `sdpa` or `eager`."""
    targets: tuple[str, ...]
    """The linear layers that LoRA can adapt."""
    not_adapted: tuple[str, ...]
    """Linear layers that PEFT cannot adapt: those that it takes for fused experts, and those whose
    weight a fused kernel reads past any adapter."""
    quantized: float
    """Share of the weights that QLoRA quantizes, from 0 to 1; 0 where it quantizes none."""
    packing: bool
    """Whether packed rows are kept apart."""
    reward: bool
    """Whether it can be trained as a reward model."""
    gguf: bool
    """Whether it can be exported to GGUF."""


@cache
def families() -> tuple[FamilyFacts, ...]:
    """Return what each family can, sorted by name."""
    examples = _examples()
    return tuple(_facts(name, examples.get(name)) for name in sorted(FAMILIES))


def _examples() -> dict[str, CatalogueModel]:
    """Return the smallest model of each family."""
    found: dict[str, CatalogueModel] = {}
    for model in models():
        known = found.get(model.architecture.family)
        if known is None or model.parameters < known.parameters:
            found[model.architecture.family] = model
    return found


def _facts(name: str, example: CatalogueModel | None) -> FamilyFacts:
    shape = example.architecture if example else None
    around = (one for one, kind in WRAPPERS.items() if kind.decoder == name and not kind.alone)
    return FamilyFacts(
        name=name,
        wrappers=tuple(sorted(around)),
        example=example.name if example else "",
        mixing=tuple(dict.fromkeys(_mixing(shape))) if shape else (),
        experts=shape.experts > 0 if shape else bool(FAMILIES[name].experts),
        kernel=attention(name),
        targets=preset(shape, "all-linear") if shape else (),
        not_adapted=left_out(shape) if shape else (),
        quantized=_quantized(shape) if shape else 0.0,
        packing=habits(name).packs,
        reward=FAMILIES[name].classifier,
        gguf=name in MODEL_TYPES,
    )


def _mixing(shape: Architecture) -> Iterator[str]:
    for block in layers.blocks(shape):
        if block.mixer is not None and type(block.mixer) in WORDS:
            yield WORDS[type(block.mixer)]
        if block.mixer is None or block.mixer.attends:
            yield from _attention(shape, block)


def _attention(shape: Architecture, block: Block) -> Iterator[str]:
    windowed = (block.attention or shape).sliding_window > 0
    if windowed:
        yield "sliding window"
    if not windowed or (shape.sliding_every and not block.attention):
        yield "attention"


def _quantized(shape: Architecture) -> float:
    if habits(shape.family).own_linears:
        return 0.0
    return resident.quantized_sums(shape)[0] / parameter_count(shape)
