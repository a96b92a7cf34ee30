"""Where the model of an evaluation is: a copy in each process, or one over several cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from lockfiles.inputs import Architecture
from lockfiles.lock import TrainingLock
from planner.machines.probes import memory
from planner.machines.probes.host import Host
from runner.engines.ranks import Ranks
from runner.evaluation.score import (
    CARD_ROWS,
    CPU_ROWS,
    LOGITS_BYTES,
    Question,
    greatest_batch_tokens,
)

_GIB = 1 << 30


@dataclass(frozen=True)
class Needs:
    """What one copy of a model needs to be evaluated, in bytes."""

    weights: int
    working: int
    """Of the greatest batch: keys and values and the widest layer, or logits."""
    layer: int
    """Of the largest part that is not divided between cards: a layer, or the embedding."""

    @property
    def total(self) -> int:
        """Bytes of memory, of a card or of the machine."""
        return self.weights + self.working


@dataclass(frozen=True)
class Placement:
    """Where the model is evaluated."""

    holders: int
    """How many processes hold it: the first ones."""
    form: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of `from_pretrained` that place it; empty for main memory."""
    rows: int = CPU_ROWS
    """Rows of a batch, at most."""
    why: str = ""
    """Why only one process holds it, where several could; empty otherwise."""


def needs_of(lock: TrainingLock, questions: Sequence[Question], rows: int) -> Needs:
    """Return what a copy of a lock's model needs for batches of so many rows at most."""
    itemsize = getattr(torch, lock.train.dtype).itemsize
    shape = lock.model.architecture
    tokens = greatest_batch_tokens(questions, rows)
    longest = max(len(one.input_ids) for one in questions)
    weights = lock.model.parameters * itemsize
    return Needs(
        weights,
        _working_bytes(shape, tokens, longest, itemsize, eager=lock.train.attention == "eager"),
        max(weights // shape.layers, shape.vocabulary * shape.hidden * itemsize),
    )


def _working_bytes(
    shape: Architecture, tokens: int, longest: int, itemsize: int, *, eager: bool
) -> int:
    """Return what a batch needs besides weights: generating needs keys and values of all layers and
    the activations of one, scoring needs logits, twice in float32."""
    experts = shape.experts_per_token * shape.moe_intermediate + shape.shared_intermediate
    each = 2 * shape.layers * shape.kv_heads * shape.head_dim
    each += 6 * shape.hidden + 3 * max(shape.intermediate, experts)
    scores = shape.heads * longest * (itemsize + 4) if eager else 0
    logits = shape.vocabulary * itemsize
    scored = max(min(LOGITS_BYTES, tokens * logits), longest * logits)
    return max(tokens * (each * itemsize + scores), scored + 2 * min(LOGITS_BYTES, 2 * scored))


def placed(lock: TrainingLock, questions: Sequence[Question], ranks: Ranks) -> Placement:
    """Return where to evaluate a lock's model; the same number of holders in every process.

    A collective call, before any process loads the model.
    """
    on_card = torch.cuda.is_available()
    rows = CARD_ROWS if on_card else CPU_ROWS
    needs = needs_of(lock, questions, rows)
    own = _free_of_card(torch.cuda.current_device()) if on_card else _free_here(lock)
    room = min(free for (free,) in ranks.gathered([own]))
    if needs.total <= room:
        form = {"device_map": {"": torch.cuda.current_device()}} if on_card else {}
        return Placement(ranks.count, form, rows)
    if not on_card:
        return in_main_memory(needs, room, ranks.count)
    cards = range(torch.cuda.device_count()) if ranks.rank == 0 else ()
    found = over_cards(needs, room, [_free_of_card(number) for number in cards])
    rows = ranks.gathered([found.rows])[0][0]
    return found if ranks.rank == 0 else Placement(1, rows=rows)


def over_cards(needs: Needs, room: int, free: Sequence[int]) -> Placement:
    """Return the placement of a model that is too large for the `room` of one card: on all cards
    together, in order of their `free` memory, or else in main memory."""
    why = f"the model needs {needs.total / _GIB:.1f} GiB, but a card has {room / _GIB:.1f} GiB free"
    weights = [max(0, one - needs.working) for one in free]
    if needs.weights + len(free) * needs.layer > sum(weights):
        return Placement(1, why=f"{why}: one process evaluates it in main memory, which is slow")
    form = {"device_map": "auto", "max_memory": dict(enumerate(weights))}
    why = f"{why}: one process evaluates it on {len(free)} cards together"
    return Placement(1, form, CARD_ROWS, why)


def in_main_memory(needs: Needs, room: int, count: int) -> Placement:
    """Return the placement of a model of which `count` processes have no room for copies."""
    if count == 1:
        return Placement(1)
    why = (
        f"a copy of the model needs {needs.total / _GIB:.1f} GiB, but each process has only "
        f"{room / _GIB:.1f} GiB of main memory: one process evaluates it"
    )
    return Placement(1, why=why)


def _free_of_card(number: int) -> int:
    free, _ = torch.cuda.mem_get_info(number)
    return int(free)


def _free_here(lock: TrainingLock) -> int:
    """Return the main memory for each process of this machine."""
    _, free = memory.usable(Host())
    return free // lock.parallel.on_each
