"""Where a GPU's autocast makes tensors wider than the model's type.

torch's autocast computes `layer_norm` in float32 and returns float32
(https://docs.pytorch.org/docs/stable/amp.html). A `Linear` converts it back to bfloat16, but
bitsandbytes' layers return the type of their input (`bitsandbytes/nn/modules.py`), so the MLP and
the residual stream become float32.
"""

from planner.memory.family_quirks import habits
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.setup.setup import Profile


def floats_norms(shape: Architecture, profile: Profile) -> bool:
    """Return whether norms output float32 in a narrower model."""
    cast = profile.autocast and profile.device == "cuda" and profile.width < 4
    return cast and habits(shape.family).norm_floats


def widens(shape: Architecture, profile: Profile) -> bool:
    """Return whether the linear layers and the MLP output float32 too: behind such norms, and
    behind residual streams that are float32 themselves (`planner.memory.alternating_updates`)."""
    cast = profile.autocast and profile.device == "cuda" and profile.width < 4
    wide = cast and shape.integer("altup_num_inputs") > 1
    return quantised(shape, profile) > 0 and (wide or floats_norms(shape, profile))


def inner_width(shape: Architecture, profile: Profile) -> int:
    """Return the bytes of an element inside the MLP."""
    return 4 if widens(shape, profile) else profile.width


def stream_width(shape: Architecture, profile: Profile) -> int:
    """Return the bytes of an element of the residual stream."""
    own = habits(shape.family).float_product and profile.autocast and profile.device == "cuda"
    if own and quantised(shape, profile):
        return 4
    embedded = floats_norms(shape, profile) and FAMILIES[shape.family].embedding_norm
    return 4 if embedded or widens(shape, profile) else profile.width


def shares_norm_input(shape: Architecture) -> bool:
    """Return whether attention and MLP read the same sum in parallel."""
    return shape.norms_per_layer == 1 or habits(shape.family).side_by_side


def quantised(shape: Architecture, profile: Profile) -> int:
    """Return the bits of linear layers quantized by bitsandbytes; 0 if they are not."""
    return 0 if habits(shape.family).own_linears else profile.quantised_bits
