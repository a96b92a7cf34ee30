"""The two ends of a backward pass, in bytes."""

from collections.abc import Iterator, Mapping

from planner.memory import saved_activations, transient
from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.setup.setup import Profile


def moments(
    shape: Architecture,
    profile: Profile,
    blocks: tuple[Block, ...],
    left: Mapping[str, int],
    gradients: int,
) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield the gradients that stand, and what comes and goes, in the last and the first layer.

    What the forward pass left is freed layer by layer. Gradients come into being as it is, unless
    a step sums several micro-batches: then they all stand from its second one on. Checkpointed
    layers make the bfloat16 copies of their adapters anew, each for itself.
    """
    share = {what: size // shape.layers for what, size in left.items()}
    share["attention mask"] = left["attention mask"]
    layer = _layer(shape, profile, blocks) | {"head gradient": _waiting(shape, profile)}
    copies = (share if profile.checkpointing else left)["adapter in bfloat16"]
    last = {**left, "adapter in bfloat16": copies, **layer}
    if profile.accumulates or profile.sharded:
        yield gradients, last
        return
    yield _first_gradients(shape, profile, gradients), last
    yield gradients, share | layer


def _layer(shape: Architecture, profile: Profile, blocks: tuple[Block, ...]) -> dict[str, int]:
    """The backward pass through the layer that holds most: recomputed, and its widest moment."""
    return max(
        (
            {
                "recomputed layer": _recomputed(shape, profile, block),
                "scratch": transient.backward(shape, profile, block),
            }
            for block in blocks
        ),
        key=lambda found: sum(found.values()),
    )


def _recomputed(shape: Architecture, profile: Profile, block: Block) -> int:
    if not profile.checkpointing:
        return 0
    again = sum(saved_activations.activations(shape, profile, block).values())
    if saved_activations.masked_layers(shape, profile):
        again += saved_activations.mask_extra(shape, profile)
    return again * profile.tokens


def _waiting(shape: Architecture, profile: Profile) -> int:
    """A tied head's gradient, which autograd holds until the embedding's is made."""
    if profile.method != "full" or not shape.tied or not profile.accumulates:
        return 0
    return profile.width * shape.vocabulary * shape.hidden * (profile.spec.head != "scalar")


def _first_gradients(shape: Architecture, profile: Profile, every: int) -> int:
    """Gradients that stand when the last layer's are made: its own, and those of the head."""
    full = profile.method == "full" and profile.spec.head != "scalar"
    table = profile.width * shape.vocabulary * shape.hidden if full else 0
    return min(every, table + (every - table) // shape.layers)
