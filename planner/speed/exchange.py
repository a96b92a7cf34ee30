"""What several cards exchange in a step, and what their engine adds to it.

Of n cards, each sends (n - 1) / n of a tensor to gather or to reduce it, and twice as much to
reduce it everywhere. DDP reduces the gradients of a step while its last backward pass computes,
unless that is replayed as a CUDA graph. ZeRO's stages 1 and 2 reduce everywhere
(`allreduce_and_scatter`), one after the other with computing unless they overlap it, and gather the
updated weights. Stage 3 and FSDP2 gather all weights for the forward and for the backward pass and
reduce the gradients, while others compute.
"""

from dataclasses import dataclass

from planner.memory.facts import Sized
from planner.memory.resident import weights
from planner.memory.shares import at_once, large_tensors, largest_layer, small_elements
from planner.memory.trainable import trained_parameters
from planner.models import layers
from planner.models.facts import Architecture
from planner.parallelism.ddp import BUCKET_ELEMENTS, COPIED_ELEMENTS, LAUNCHED_ELEMENTS
from planner.setup.setup import Profile
from planner.speed.accelerator import Rated
from planner.speed.updates import trained_tensors

LAYER_SECONDS = 2.5e-3
"""What ZeRO-3 takes to gather and to release a layer, in each pass; measured on an H200's host."""
MODULE_SECONDS = 6e-4
"""What it takes for a module with weights, if these are gathered by themselves; the same."""
UNIT_SECONDS = 1.3e-3
"""What FSDP2's hooks take for a layer, in the forward and in the backward pass; the same."""
TENSOR_SECONDS = 1e-4
"""What the hooks of ZeRO-1 and 2 take for the gradient of a tensor; the same."""
OFFLOADED_SECONDS = 1.3e-9
"""What an optimizer in main memory takes for an element, with its transfers; the same, where two
processes shared the host."""
CLIPPED_SECONDS = 9e-10
"""What FSDP2 takes to clip a gradient there, too, and to move it in float32; on an H100's host."""
REDUCED_SECONDS = 1e-4
"""What DDP takes for an all-reduce besides its bytes: two H200s took 0.15 to 0.23 ms for 16 MiB and
1.0 ms for 256 MiB. Also what its hooks take of a backward pass, on the hosts of H100s and H200s."""
SEEN_SHARE = 0.3
"""The share of what DDP exchanges meanwhile that a backward pass takes longer, since kernels share
the card: of a 1.5B in full, on two and four H200s."""
HOST_BYTES_PER_SECOND = 25e9
"""What a card gets of main memory."""
NVME_BYTES = 28
"""Bytes of an SSD that a step reads and writes for an element: copy, gradient and both states, and
all of them but the gradient."""
NVME_BYTES_PER_SECOND = 6e9
"""What the SSDs of a machine give its processes together; a usual figure of one SSD."""


@dataclass(frozen=True)
class Exchange:
    """What one card sends, in bytes, and how."""

    gathered: float = 0.0
    """Weights, in a micro-step."""
    reduced: float = 0.0
    """Gradients, in a micro-step."""
    stepped: float = 0.0
    """Gradients and weights, in an optimizer step."""
    overlaps: bool = False
    """Whether what is sent in a micro-step overlaps with computing."""
    collectives: int = 0
    """Their number in a micro-step."""
    reductions: int = 0
    """The number of all-reduces of DDP in passes, in an optimizer step."""

    @property
    def sent(self) -> float:
        """Bytes in a micro-step."""
        return self.gathered + self.reduced


def exchange(model: Sized, profile: Profile) -> Exchange:
    """Return what each card sends; nothing for one process."""
    if profile.ranks == 1:
        return Exchange()
    share = (profile.ranks - 1) / profile.ranks
    trained = share * trained_parameters(model, profile)
    if profile.copied:
        waits = profile.graph_sizes > 0  # a replay runs no hooks of gradients
        return Exchange(
            stepped=2 * trained * profile.adapter_width, overlaps=not waits,
            reductions=_reductions(model, profile),
        )  # fmt: skip
    gradients = profile.width * trained
    if profile.engine.zero_stage == 3:
        units = _units(model.architecture, profile)
        gathers = 2 * share * weights(model, profile)
        return Exchange(gathers, gradients, overlaps=True, collectives=3 * units)
    buckets = 1 + int(gradients / share) // (profile.width * profile.bucket)
    if profile.engine.zero_stage == 1:
        return Exchange(stepped=3 * gradients)
    return Exchange(
        reduced=2 * gradients, stepped=gradients, overlaps=profile.overlaps, collectives=buckets
    )


def micro_seconds(model: Sized, profile: Profile, card: Rated, computing: float) -> float:
    """Return the seconds of a micro-step that takes `computing` on a card alone."""
    found = exchange(model, profile)
    took = card.links.seconds(found.sent, found.collectives) if found.sent else 0.0
    if profile.offload in ("all", "nvme"):
        own = weights(model, profile) / profile.ranks
        took += 2 * own / HOST_BYTES_PER_SECOND
        if profile.offload == "nvme":
            took += 2 * own * _on_host(profile, card) / NVME_BYTES_PER_SECOND
    hooks = card.host * _hooks(model.architecture, profile)
    return hooks + (max(computing, took) if found.overlaps else computing + took)


def step_seconds(model: Sized, profile: Profile, card: Rated, hidden: float) -> float:
    """Return what an optimizer step takes more than on a card alone; `hidden` is the time of the
    backward pass that DDP overlaps."""
    found = exchange(model, profile)
    took = card.links.seconds(found.stepped) if found.stepped else 0.0
    if profile.engine.zero_stage == 1:  # the gradients of other micro-batches stay where they are
        took += card.host * TENSOR_SECONDS * trained_tensors(model.architecture, profile)
    if profile.copied:
        seen = max(SEEN_SHARE * took, took - hidden) if found.overlaps else took
        return seen + REDUCED_SECONDS * found.reductions
    if profile.offloads:
        own = trained_parameters(model, profile) / profile.ranks
        clips = profile.engine.shards == "fsdp2"
        took += (OFFLOADED_SECONDS + CLIPPED_SECONDS * clips) * own
        if profile.offload == "nvme":
            took += NVME_BYTES * own * _on_host(profile, card) / NVME_BYTES_PER_SECOND
    return took


def _on_host(profile: Profile, card: Rated) -> float:
    """Return the processes that share an SSD."""
    return profile.ranks / card.links.nodes


def traffic_seconds(model: Sized, profile: Profile, card: Rated, accumulation: int) -> float:
    """Return what is exchanged in an optimizer step, as time on the links; some or all of it
    overlaps with computing."""
    found = exchange(model, profile)
    sent = accumulation * found.sent + found.stepped
    return card.links.seconds(sent, accumulation * found.collectives) if sent else 0.0


def overlaps(model: Sized, profile: Profile) -> bool:
    """Return whether cards exchange while they compute."""
    return exchange(model, profile).overlaps


def _reductions(model: Sized, profile: Profile) -> int:
    """Return how often DDP in passes reduces some of the gradients; torch's own DDP, for
    micro-batches, hides what that takes besides the bytes."""
    if not profile.pass_tokens:
        return 0
    small = small_elements(model.architecture, profile, COPIED_ELEMENTS - 1)
    tensors = large_tensors(model.architecture, profile, COPIED_ELEMENTS)
    launches = -(-(trained_parameters(model, profile) - small) // LAUNCHED_ELEMENTS)
    return -(-small // BUCKET_ELEMENTS) + min(tensors, launches)


def _units(shape: Architecture, profile: Profile) -> int:
    """Return how many parts of a model are gathered by themselves."""
    if profile.engine.shards == "fsdp2":
        return shape.layers + 1
    return shape.layers + 2 if _gathers_layers(shape, profile) else _modules(shape, profile)


def _gathers_layers(shape: Architecture, profile: Profile) -> bool:
    return at_once(largest_layer(shape), profile)


def _modules(shape: Architecture, profile: Profile) -> int:
    """Return the modules with weights of their own."""
    adapted = profile.targets if profile.method != "full" else ()
    found = 2
    for block in layers.blocks(shape):
        own = len(block.linears) + shape.norms_per_layer + (2 if block.experts else 0)
        found += block.count * (own + 2 * sum(part.name in adapted for part in block.linears))
    return found


def _hooks(shape: Architecture, profile: Profile) -> float:
    """Return what an engine's hooks take in a micro-step."""
    if not profile.sharded or profile.engine.zero_stage == 1:
        return 0.0
    if profile.engine.shards == "fsdp2":
        return 2 * UNIT_SECONDS * _units(shape, profile)
    if profile.engine.zero_stage == 3:
        each = LAYER_SECONDS if _gathers_layers(shape, profile) else MODULE_SECONDS
        return (2 + profile.checkpointing) * each * _units(shape, profile)
    return TENSOR_SECONDS * trained_tensors(shape, profile)
