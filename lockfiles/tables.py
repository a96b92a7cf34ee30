"""The tables of a lock, each with its own types and bounds.

`lockfiles.lock` also checks that they are consistent with each other (`lockfiles.sense`).
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
"""The version that is written and read; a newer one is refused."""
REVISION = 3
"""The revision that is written; every revision up to it is read, and a newer one is refused.

A revision only adds to a version, so locks of older revisions keep their meaning. Revision 1
closes the tables: `exactness.environment` and the settings of each stage have named keys only,
and every text, list and number has bounds. Revision 2 replaces the `name` of a stage by `id`,
`kind` and `inputs`, and adds several processes and offloading: `parallel.engine`,
`parallel.processes`, `parallel.offload`. Revision 3 spells `model.license` so, and gives the
objective a table of its own, which was `method.objective`. `lockfiles.revisions` reads the
earlier ones.
"""


class Tables(Table):
    """All tables of a lock."""

    version: Annotated[int, Field(ge=1, le=VERSION)]
    revision: Annotated[int, Field(ge=0, le=REVISION)]
    requires_runner: str = Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,2}$")
    """The oldest version of Tunelock that can run the lock."""
    intent: Intent
    decision: Decision
    model: Model
    template: Template
    data: list[Data] = Field(min_length=1, max_length=4, fail_fast=True)
    fix: list[Fix] = Field(default_factory=list, max_length=100, fail_fast=True)
    """The cleaning steps, in order."""
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
    """The reason for each value that the plan chose, by its dotted name."""
    rejected: list[Rejected] = Field(max_length=20, fail_fast=True)
    stage: list[Stage] = Field(min_length=1, max_length=20, fail_fast=True)
    integrity: Annotated[dict[Name, Sha256], FEW_KEYS]
    """The digest of each stage, by its id, over its settings and the digests of its inputs."""

    def of_kind(self, kind: str) -> list[StageTable]:
        """Return the stages of a kind, in order."""
        return [stage for stage in self.stage if stage.kind == kind]

    def first(self, kind: str) -> str:
        """Return the id of the first stage of a kind; empty where there is none."""
        return next((stage.id for stage in self.of_kind(kind)), "")


@cache
def field_names() -> frozenset[str]:
    """Return the dotted names of all values of a lock, without the indices of list items."""
    return frozenset(keys(Tables))
