"""The tables of a lock, each held to its own types and bounds.

What they say together is looked at by `lockfiles.sense`, and `lockfiles.lock` asks it.
"""

from functools import cache
from typing import Annotated

from pydantic import Field

from lockfiles.fields import FEW_KEYS, Name, Sentence, Sha256, Table, Version, keys
from lockfiles.forecast import Machine, Prediction, Rejected
from lockfiles.inputs import Data, Decision, Fix, Intent, Model, Template
from lockfiles.objectives.registry import Objective
from lockfiles.stages import Stage, StageTable
from lockfiles.training import Exactness, Method, Parallel, Stream, Train

VERSION = 1
"""The version that this program writes and reads; a newer one is refused."""
REVISION = 3
"""The revision that this program writes; it reads every one up to it.

A revision adds to a version and takes nothing away: a lock of an older one means what it meant.
One of a newer revision may hold what this program does not know, and is refused. Revision 1
closes the tables: `exactness.environment` and the settings of each stage hold named keys alone,
and every text, list and number has bounds. Revision 2 gives each stage an `id`, a `kind` and its
`inputs` (before, a stage had a `name` that said all three), and spreads training over several
processes and offloads it: `parallel.engine`, `parallel.processes`, `parallel.offload`. Revision 3
spells `model.license` so, and gives the objective a table of its own (before, it was
`method.objective`); `lockfiles.revisions` reads the earlier ones.
"""


class Tables(Table):
    """A whole run, in words."""

    version: Annotated[int, Field(ge=1, le=VERSION)]
    revision: Annotated[int, Field(ge=0, le=REVISION)]
    requires_runner: str = Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,2}$")
    """The oldest Tunelock that carries it out."""
    intent: Intent
    decision: Decision
    model: Model
    template: Template
    data: list[Data] = Field(min_length=1, max_length=4, fail_fast=True)
    fix: list[Fix] = Field(default_factory=list, max_length=100, fail_fast=True)
    """In the order in which it is done; locks from before it was asked mend nothing."""
    stream: Stream
    objective: Objective
    method: Method
    train: Train
    parallel: Parallel
    exactness: Exactness
    packages: Annotated[dict[Name, Version], FEW_KEYS]
    machine: Machine
    prediction: Prediction
    why: Annotated[dict[Name, Sentence], FEW_KEYS]
    """The reason of each value that the plan chose, by its dotted name."""
    rejected: list[Rejected] = Field(max_length=20, fail_fast=True)
    stage: list[Stage] = Field(min_length=1, max_length=20, fail_fast=True)
    integrity: Annotated[dict[Name, Sha256], FEW_KEYS]
    """By the id of each stage one digest, over its settings and its inputs' digests."""

    def of_kind(self, kind: str) -> list[StageTable]:
        """Return the stages of a kind, in order."""
        return [stage for stage in self.stage if stage.kind == kind]

    def first(self, kind: str) -> str:
        """Return the id of the first stage of a kind; empty where there is none."""
        return next((stage.id for stage in self.of_kind(kind)), "")


@cache
def field_names() -> frozenset[str]:
    """Return the dotted names of all values of a lock; list items have no index in them."""
    return frozenset(keys(Tables))
