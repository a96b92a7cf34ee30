"""An estimate from the tensors of a traced step, for a model whose shape is not known."""

from collections.abc import Mapping

from planner.memory.facts import Estimate, Phase
from planner.memory.phases import heap_bytes
from planner.memory.resident import WORKSPACE_BYTES, of_process
from planner.setup.setup import Profile

_MOVING = ("forward", "backward")
"""The phases with temporary tensors in a CPU process's heap."""


def from_trace(
    profile: Profile, traced: Mapping[str, int], *, hidden: int, stored_bytes: int
) -> Estimate:
    """Return the memory of a plan by phase, from the bytes of its tensors in each.

    `hidden` is the width of the model, and `stored_bytes` the size of its weight files.
    """
    held = traced["optimizer"]  # weights, gradients and states, which are not in the heap

    def outside(name: str, size: int) -> dict[str, int]:
        if profile.device == "cuda":
            return {"workspace": WORKSPACE_BYTES}
        found = {"process": of_process(profile)}
        if name == "load":
            found["model files"] = stored_bytes
        if name in _MOVING:
            found["heap"] = heap_bytes(hidden, profile, max(0, size - held))
        return found

    return Estimate(
        tuple(Phase(name, {"tensors": n} | outside(name, n)) for name, n in traced.items())
    )
