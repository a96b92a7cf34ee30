"""The seconds before the first step in which layers are compiled and passes are recorded.

Measured on hosts of H100s and H200s with nothing in torch's caches: 12 to 50 s until the first
step, once 86 s. With kept caches it takes 4 to 8 s.
"""

from dataclasses import replace

from planner.memory.facts import Sized
from planner.models import layers
from planner.setup.setup import Profile
from planner.speed.accelerator import FITTED, Rated
from planner.speed.host import ASSUMED
from planner.speed.step import micro_seconds

COMPILE_SECONDS = 18.0
"""Of each kind of layer, forward and backward, on a usual host."""
RECORDED_PASSES = 2.0
"""Passes of the usual speed that a recording takes: one computed before it, and the recording."""
RECORD_SECONDS = 0.15
"""What a recording takes besides: torch collects garbage and returns unused memory."""


def warm_up_seconds(model: Sized, profile: Profile, accelerator: Rated) -> float:
    """Return the seconds before the first step of a setup whose speed is known; 0 where layers are
    neither compiled nor recorded."""
    found = 0.0
    if profile.kernels == "compiled":
        found += compile_seconds(model, profile, accelerator)
    if profile.graph_sizes:
        plain = replace(profile, graph_sizes=0).in_passes()
        each = RECORDED_PASSES * micro_seconds(model, plain, accelerator, FITTED)
        found += profile.graph_sizes * (each + accelerator.host * RECORD_SECONDS)
    return found


def compile_seconds(model: Sized, profile: Profile, accelerator: Rated) -> float:
    """Return the seconds to compile the layers of a model: one of each kind and, where embeddings
    are not trained, the first one again, whose input needs no gradient."""
    kinds = len(set(layers.blocks(model.architecture)))
    again = 0.0 if profile.method == "full" else 0.5
    return accelerator.host / ASSUMED * COMPILE_SECONDS * (kinds + again)
