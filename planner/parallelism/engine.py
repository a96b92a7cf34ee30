"""What a plan must know of an engine."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal

from planner.questions.question import Question

Collective = Literal["all-reduce", "all-gather", "reduce-scatter"]
"""An operation in which all processes exchange a tensor."""
Device = Literal["cpu", "cuda"]
"""Where training runs; `cuda` is torch's name for cards of AMD, too."""


@dataclass(frozen=True)
class PlannedEngine:
    """One way to spread a training over processes, as far as a plan depends on it."""

    title: str
    """Its name in a sentence."""
    zero_stage: Literal[0, 1, 2, 3] = 0
    """What cards share: the optimizer's states; from 2 on gradients too; from 3 on weights too."""
    shards: Literal["", "deepspeed", "fsdp2"] = ""
    """Whose way of sharing says what each card holds (`planner.memory.sharding`); empty where
    they share nothing."""
    collectives: tuple[Collective, ...] = ()
    """By which operations its processes exchange most of what they exchange."""
    outside_bytes: int = 0
    """What a process uses on a card outside torch's allocator, as measured on two cards; 0 for what
    a single process uses."""
    spare: float = 0.0
    """What its streams may fragment, as a share of the peak, where that is not modeled."""
    ends_apart: bool = False
    """Whether FSDP2 gathers embedding and head apart from each other."""
    live: int = 0
    """Elements of gathered weights from which none are gathered ahead
    (`stage3_max_live_parameters`)."""
    prefetched: int = 0
    """Elements that are gathered ahead for each module (`stage3_prefetch_bucket_size`)."""
    compiles: bool = True
    """Whether torch can compile layers under it: not where hooks gather the weights of a layer, at
    which a compiled one would break up."""
    group: int = 0
    """Elements that a card updates at once (`sub_group_size`); 0 for all of its part."""
    for_one: bool = False
    """Whether a plan may choose it for one process."""
    for_several: bool = False
    """Whether a plan may choose it for several processes."""
    runs: frozenset[Device] = frozenset()
    """Where this version runs it; a plan can be made for all devices."""
    questions: tuple[Question, ...] = ()
    """What it asks in the interview."""


@cache
def of_engine(name: str) -> PlannedEngine:
    """Return the record of an engine of the lock's closed table."""
    found: PlannedEngine = import_module(f"planner.parallelism.{name}").ENGINE
    return found
