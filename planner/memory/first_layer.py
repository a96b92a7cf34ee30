"""What the first layer saves less than the others, in bytes per token.

Where only adapters are trained, its input needs no gradient: autograd saves neither what the norm
before its first adapters needs, nor the masks of their dropouts. With checkpointing it does need
one (`enable_input_require_grads` of transformers).
"""

from collections.abc import Mapping

from planner.memory import compiled_layers
from planner.memory.family_quirks import habits, has_layer_norm
from planner.memory.widths import floats_norms, shares_norm_input
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block
from planner.models.shapes.mixers import AlternatingUpdates, HyperConnections
from planner.setup.setup import Profile


def less(shape: Architecture, profile: Profile, blocks: tuple[Block, ...]) -> Mapping[str, int]:
    """Return the bytes that the first layer saves less; nothing if its input needs a gradient, or
    is one of several streams."""
    first = next((block for block in blocks if 0 in block.at), blocks[0])
    several = any(isinstance(one, AlternatingUpdates | HyperConnections) for one in first.beside)
    if profile.method == "full" or profile.checkpointing or profile.bias == "all" or several:
        return {}
    if compiled_layers.compiled(shape, profile):
        return compiled_layers.less_at_first(shape, profile, first)
    places = ("attention", "mlp") if shares_norm_input(shape) else ("attention",)
    read = sum(
        part.inputs
        for part in first.linears
        if part.place in places and not part.source and part.name in profile.targets
    )
    return {
        "activations": _norms(shape, profile, first),
        "dropout masks": profile.mask_width * read,
    }


def _norms(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what the norms of the layer's input save; families with norms behind attention and
    MLP only have none there."""
    names = FAMILIES[shape.family].naming.norms if block.norms is None else block.norms
    if names and names[0].startswith("post_"):
        return 0
    many = 2 if habits(shape.family).side_by_side else 1
    if floats_norms(shape, profile):
        return 4 * many * shape.hidden
    if has_layer_norm(shape.family):
        return (4 if habits(shape.family).norm_casts else profile.width) * many * shape.hidden
    return habits(shape.family).norm_bytes * many * shape.hidden
