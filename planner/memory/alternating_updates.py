"""The memory of several residual streams, in bytes per token (Gemma 3n).

Counted in `modeling_gemma3n.py`. The streams are float32 under a GPU's autocast, which computes the
squares of their magnitudes in float32 and returns it; what mixes them is computed in the
activations' type.
"""

from planner.memory.widths import inner_width
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import AlternatingUpdates
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile

_FLOAT = 4


def streams(shape: Architecture) -> int:
    """Return the number of residual streams: 1 in other families."""
    return shape.integer("altup_num_inputs") or 1


def stream_bytes(shape: Architecture, profile: Profile, width: int) -> int:
    """Return the bytes of the residual streams; `width` is that of an element elsewhere."""
    several = streams(shape)
    return (_wide(profile) if several > 1 else width) * several * shape.hidden


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what a layer saves besides its norms, attention and MLP.

    These are its streams (which checkpointing keeps anyway), their copy that is mixed, the
    predictions, which the first norm reads too, and what corrects them.
    """
    (beside,) = (one for one in block.beside if isinstance(one, AlternatingUpdates))
    each, wide = streams(shape) * shape.hidden, _wide(profile)
    found = (profile.width + 2 * wide) * each - _FLOAT * shape.hidden
    found += 0 if profile.checkpointing else wide * each
    found += profile.width * (beside.inputs * (1 + _needs_gradient(profile)) + beside.rank)
    if beside.sparse:
        found += inner_width(shape, profile) * block.mlp
    if profile.method == "full":  # a second use of the router's norm, and inputs cast for each use
        found += (_FLOAT + 6 * profile.width) * shape.hidden
    return found


def inside(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what is there in the backward pass at the MLP besides what is saved: the gradient of
    the streams, and sums in float32, in place of what the correction saves later."""
    gradient = _wide(profile) * streams(shape) * shape.hidden
    later = gradient + 3 * _FLOAT * shape.hidden
    return gradient - later + 5 * (_FLOAT - profile.width) * shape.hidden


def without_gradient(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what is there in a layer besides its MLP: streams, predictions, and float32 sums."""
    return (2 * _wide(profile) * streams(shape) + 5 * _FLOAT) * shape.hidden


def before(shape: Architecture, profile: Profile) -> int:
    """Return what the streams save before the first layer."""
    return _scaled(shape, profile) if _needs_gradient(profile) else 0


def less_at_first(shape: Architecture, profile: Profile) -> int:
    """Return what the first layer saves less where nothing before it needs a gradient: the copy of
    its streams, and its predictions."""
    if streams(shape) == 1 or _needs_gradient(profile):
        return 0
    return (profile.width + _wide(profile)) * streams(shape) * shape.hidden


def behind(shape: Architecture, profile: Profile) -> int:
    """Return what they save behind the last layer, where they become one."""
    return _scaled(shape, profile)


def before_shared(shape: Architecture) -> int:
    """Return how many layers come before the first one whose keys and values others read; 0 where
    none does."""
    return min(_stores(shape), default=0)


def kept_by_shared(shape: Architecture, profile: Profile) -> int:
    """Return what stays of the recomputed layers whose keys and values others read, until the
    backward pass ends: all that computed these, which are stored with their graph."""
    if not profile.checkpointing or streams(shape) == 1:
        return 0
    each, kv = streams(shape) * shape.hidden, shape.kv_heads * shape.head_dim
    adapted = sum(name in profile.targets for name in ("k_proj", "v_proj"))
    read = (profile.computed_width + profile.mask_width) * adapted or profile.width
    streamed = (2 * _wide(profile) + profile.width) * each  # layer input, predictions, their copy
    return len(_stores(shape)) * (
        streamed + read * shape.hidden + 2 * (_FLOAT + profile.width) * kv
    )


def _stores(shape: Architecture) -> set[int]:
    """Return the numbers of the layers whose keys and values later ones read: the last of each
    kind before these."""
    first = shape.layers - shape.integer("num_kv_shared_layers")
    own = shape.text("layers")[:first].lower()
    return {own.rindex(kind) for kind in set(own)} if first < shape.layers else set()


def _scaled(shape: Architecture, profile: Profile) -> int:
    """Return what the projections of all streams but one save: themselves, their squares' input,
    and their product with the magnitude."""
    if streams(shape) == 1:
        return 0
    cast = profile.width * (profile.method == "full")
    return (streams(shape) - 1) * (profile.width + 2 * _wide(profile) + cast) * shape.hidden


def _wide(profile: Profile) -> int:
    return _FLOAT if profile.autocast and profile.device == "cuda" else profile.width


def _needs_gradient(profile: Profile) -> bool:
    return profile.method == "full" or profile.checkpointing
