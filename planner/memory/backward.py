"""The memory of a backward pass in its last and first layer, in bytes."""

from collections.abc import Iterator, Mapping

from planner.memory import (
    alternating_updates,
    compiled_layers,
    per_layer_inputs,
    places,
    saved_activations,
    transient,
)
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block
from planner.setup.setup import Profile


def moments(
    shape: Architecture,
    profile: Profile,
    blocks: tuple[Block, ...],
    left: Mapping[str, int],
    gradients: int,
) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield the allocated gradients and the temporary tensors, in the last and the first layer.

    Saved activations are freed layer by layer. Without accumulation, gradients are allocated layer
    by layer during the backward pass. With it, all exist from the second micro-batch on.
    Checkpointed layers recreate the bfloat16 copies of their adapters, each for itself.
    """
    if FAMILIES[shape.family].blocks and not per_layer_inputs.width(shape):
        yield from _by_place(shape, profile, left, gradients)
        return
    kept, waits, scratch = _outside(shape, profile)
    inner = {**left, "layer inputs": left["layer inputs"] - kept, "attention mask": 0}

    def share(layers: int) -> dict[str, int]:
        held = {what: size * layers // shape.layers for what, size in inner.items()}
        held["attention mask"] = left["attention mask"]
        return held | {"layer inputs": held["layer inputs"] + kept + waits}

    first = share(1)
    freed = sum(first.values()) - left["attention mask"] - kept - waits
    later = max(0, waits - freed)  # it waits when the last layer is freed
    layer = _layer(shape, profile, blocks) | {"head gradient": _waiting(shape, profile)}
    copies = (first if profile.checkpointing else left)["adapter in bfloat16"]
    last = {**left, "adapter in bfloat16": copies, **layer}
    last["layer inputs"] += later
    if scratch:
        yield gradients, {"layer inputs": kept + waits, "scratch": scratch}
    again = alternating_updates.kept_by_shared(shape, profile) * profile.tokens
    before, middle = shape.layers, last
    if again:
        before = alternating_updates.before_shared(shape)
        middle = share(before) | {"adapter in bfloat16": copies} | layer
        middle["recomputed layer"] += again
    if profile.graph_sizes:  # a recording returns all gradients of a pass at once
        yield 2 * gradients, first | layer
    if profile.accumulates or profile.sharded:
        yield gradients, last
        if again:
            yield gradients, middle
        return
    yield _gradients_of(shape, profile, gradients, 1), last
    if again:
        yield _gradients_of(shape, profile, gradients, 1 + shape.layers - before), middle
    yield gradients - _last_gradients(shape, profile), first | layer


def in_first(
    shape: Architecture, profile: Profile, blocks: tuple[Block, ...], left: Mapping[str, int]
) -> dict[str, int]:
    """Return the temporary tensors in the first layer, where gradients are counted elsewhere."""
    share = {what: size // shape.layers for what, size in left.items()}
    waiting = {"head gradient": _waiting(shape, profile)}
    return share | _layer(shape, profile, blocks) | waiting


def kept_outside(shape: Architecture, profile: Profile) -> int:
    """Return the bytes that are kept before the first layer until the backward pass has left it."""
    found = per_layer_inputs.kept(shape, profile) + alternating_updates.before(shape, profile)
    return found * profile.tokens


def _outside(shape: Architecture, profile: Profile) -> tuple[int, int, int]:
    """Return what inputs of all layers keep, their gradient, and what they need at the end."""
    waits = per_layer_inputs.gradient(shape, profile) * profile.tokens
    return kept_outside(shape, profile), waits, per_layer_inputs.scratch(shape, profile)


def _by_place(
    shape: Architecture, profile: Profile, left: Mapping[str, int], gradients: int
) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield the same in the last and the first layer of each kind."""
    waiting = {"head gradient": _waiting(shape, profile)}
    for place in places.places(shape):
        moving = places.left_at(shape, profile, place, left)
        if profile.checkpointing:
            moving["adapter in bfloat16"] = left["adapter in bfloat16"] // shape.layers
        made = gradients
        if not profile.accumulates and not profile.sharded:
            made = _gradients_from(shape, profile, place, gradients)
        yield made, moving | _in_layer(shape, profile, place.block) | waiting


def _gradients_from(shape: Architecture, profile: Profile, place: places.Place, every: int) -> int:
    """Return the gradients of the head, and of the layers from the last one to a place."""
    if profile.method != "full":
        return int(every * place.behind)
    table = profile.width * shape.vocabulary * shape.hidden
    head = table * (profile.spec.head != "scalar")
    embedding = 0 if shape.tied else table
    return min(every, head + int(max(0, every - head - embedding) * place.behind))


def _layer(shape: Architecture, profile: Profile, blocks: tuple[Block, ...]) -> dict[str, int]:
    """Return the memory of the backward pass through the layer that needs the most."""
    return max(
        (_in_layer(shape, profile, block) for block in blocks),
        key=lambda found: sum(found.values()),
    )


def _in_layer(shape: Architecture, profile: Profile, block: Block) -> dict[str, int]:
    return {
        "recomputed layer": _recomputed(shape, profile, block),
        "scratch": transient.backward(shape, profile, block),
    }


def _recomputed(shape: Architecture, profile: Profile, block: Block) -> int:
    if not profile.checkpointing:
        return 0
    again = sum(saved_activations.activations(shape, profile, block).values())
    if compiled_layers.compiled(shape, profile):
        again -= compiled_layers.layer_input(shape, profile, block)
    if _passes_mask(shape, profile, block):
        again += saved_activations.mask_extra(block.attention or shape, profile, block)
    besides = 0
    if compiled_layers.compiled(shape, profile):
        besides = compiled_layers.recomputed_besides(shape, profile)
    return again * profile.tokens + besides


def _passes_mask(shape: Architecture, profile: Profile, block: Block) -> bool:
    if FAMILIES[shape.family].blocks:
        return saved_activations.is_masked(shape, profile, block)
    return saved_activations.masked_layers(shape, profile) > 0


def _waiting(shape: Architecture, profile: Profile) -> int:
    """Return the gradient of a tied head, which autograd holds until that of the embedding."""
    if profile.method != "full" or not shape.tied or not profile.accumulates:
        return 0
    return profile.width * shape.vocabulary * shape.hidden * (profile.spec.head != "scalar")


def _gradients_of(shape: Architecture, profile: Profile, every: int, count: int) -> int:
    """Return the gradients of the head and of the last `count` layers."""
    full = profile.method == "full" and profile.spec.head != "scalar"
    head = profile.width * shape.vocabulary * shape.hidden if full else 0
    layers = max(0, every - head - _last_gradients(shape, profile))
    return min(every, head + layers * count // shape.layers)


def _last_gradients(shape: Architecture, profile: Profile) -> int:
    """Return the gradients that exist only after the first layer, of inputs of all layers."""
    full = profile.method == "full"
    return profile.width * per_layer_inputs.trained_elements(shape) * full
