"""How layers are computed: one operation at a time or compiled, from CUDA graphs or not.

Both cost time before the first step: compiling a layer of each kind, and recording a pass of each
size. What they save is estimated like any other choice (`planner.search.ranking`).
"""

from collections.abc import Iterator
from dataclasses import replace

from planner.memory import Sized
from planner.memory.compiled_layers import compiles
from planner.models.facts import Architecture
from planner.search.request import Request
from planner.setup.setup import Profile

GRAPHS = 16
"""Sizes of recorded passes, at most: with so many, about 2% of a pass is blank."""
PASSES_EACH = 20
"""Passes of a run for each recorded size, at least."""


def may_compile(shape: Architecture, plan: Profile) -> bool:
    """Return whether the layers of a plan can be compiled: in padding-free passes by bounds, in a
    family whose compiled layers are known."""
    return plan.attention == "varlen" and compiles(shape, plan)


def may_record(model: Sized, plan: Profile) -> bool:
    """Return whether the passes of a plan can be recorded.

    That needs all weights on each card, and gradients that are exchanged after the passes.
    Recomputing layers asks for the state of random numbers, which a recording cannot, and dynamic
    rotary embeddings for the longest position; routers would balance blank tokens.
    """
    asks = plan.checkpointing or getattr(model, "rescales", False)
    able = plan.attention == "varlen" and not plan.sharded
    return able and not asks and not model.architecture.experts


def untried(asked: Request, plan: Profile) -> bool:
    """Return whether recorded passes of a plan never ran on a card, so that they are not chosen
    unasked: in bit-exact QLoRA (`planner.plan.exactness`)."""
    return asked.exact and plan.method == "qlora"


def variants(asked: Request, model: Sized, plan: Profile) -> Iterator[Profile]:
    """Yield a plan with each way to compute its layers that is possible and not ruled out."""
    rounds = asked.base_products == "fp8" and plan.method == "lora"
    compiling = (False, True) if asked.compiled is None else (asked.compiled,)
    compiling = (True,) if rounds else compiling
    unset = (False,) if untried(asked, plan) else (False, True)
    recording = unset if asked.recorded is None else (asked.recorded,)
    for compiled in compiling if may_compile(model.architecture, plan) else (False,):
        for recorded in recording if may_record(model, plan) else (False,):
            yield replace(
                plan,
                kernels="compiled" if compiled else "eager",
                base_products="fp8" if rounds and compiled else "bf16",
                graph_sizes=_sizes(asked) if recorded else 0,
            )


def _sizes(asked: Request) -> int:
    """Return the number of sizes to record: fewer in a short run."""
    if asked.rows is None:
        return GRAPHS
    steps = -(-asked.rows // asked.effective_batch) * asked.epochs
    return max(1, min(GRAPHS, steps // PASSES_EACH))
