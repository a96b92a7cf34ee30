"""The tables of a lock, each with its own types and bounds.

`lockfiles.lock` also checks that they are consistent with each other (`lockfiles.sense`).
"""

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lockfiles.engines import ENGINES
from lockfiles.fields import FEW_KEYS, Name, Sentence, Sha256, Table, Version, keys
from lockfiles.forecast import Disk, Machine, Prediction, Rejected
from lockfiles.inputs import Data, Decision, Fix, Intent, Model, Template
from lockfiles.objectives.registry import OBJECTIVES, Objective
from lockfiles.stage_kinds.registry import KINDS
from lockfiles.stages import Stage, StageTable
from lockfiles.training import Exactness, Method, Parallel, Stream, Train

VERSION = 1
"""The version that is written and read; a newer one is refused."""
_OWN_REVISION = 8
REVISION = max(
    _OWN_REVISION,
    *(table.since for table in OBJECTIVES.values()),
    *(kind.since for kind in KINDS.values()),
    *(engine.since for engine in ENGINES.values()),
)
"""The revision that is written; every revision up to it is read, and a newer one is refused.

A revision only adds to a version, so locks of older revisions keep their meaning. Revision 1
closes the tables: `exactness.environment` and the settings of each stage have named keys only,
and every text, list and number has bounds. Revision 2 replaces the `name` of a stage by `id`,
`kind` and `inputs`, and adds several processes and offloading: `parallel.engine`,
`parallel.processes`, `parallel.offload`. Revision 3 spells `model.license` so, and gives the
objective a table of its own, which was `method.objective`. A lock of it may train nothing, and
then it lacks the tables of training. Revision 4 adds what was made of the rows: formats, columns
and roles that were mapped, and the limit on bad rows; and of a plan for a processor, what its
memory and its time were measured by. Revision 5 adds the facts of a model that only its family has:
`model.architecture.own`. Revision 6 adds padding-free passes: `train.pass_tokens`,
`train.most_passes`, `stream.passes_sha256`, and `varlen` in `train.attention`. Revision 7 adds how
layers are computed on a card, `train.kernels` and `train.graph_sizes`, and the ends of answers that
a template prints only with the next turn, `template.answer_end` and `template.call_end`. Revision 8
adds `parallel.bucket` and `parallel.prefetch`, passes of several processes, the packages of an
engine in `packages`, trainings on several machines, `parallel.nodes`, and products of the frozen
base in FP8, `train.base_products`.
`lockfiles.revisions` reads the earlier ones. An objective, a kind of stage or an engine that was
added later raises it by its own `since`.
"""
ORDER = (
    "version", "revision", "requires_runner", "intent", "decision", "model", "template", "data",
    "fix", "stream", "objective", "method", "train", "parallel", "exactness", "packages", "machine",
    "prediction", "why", "rejected", "stage", "integrity",
)  # fmt: skip
"""The order in which a lock is written."""


class Tables(Table):
    """All tables of a lock."""

    version: Annotated[int, Field(ge=1, le=VERSION)]
    revision: Annotated[int, Field(ge=0, le=REVISION)]
    requires_runner: str = Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,2}$")
    """The oldest version of Tunelock that can run the lock."""
    intent: Intent
    model: Model
    packages: Annotated[dict[Name, Version], FEW_KEYS]
    why: Annotated[dict[Name, Sentence], FEW_KEYS]
    """The reason of each value that the plan chose, by its dotted name."""
    rejected: list[Rejected] = Field(max_length=20, fail_fast=True)
    stage: list[Stage] = Field(min_length=1, max_length=20, fail_fast=True)
    integrity: Annotated[dict[Name, Sha256], FEW_KEYS]
    """By the id of each stage one digest, over its settings and its inputs' digests."""
    if TYPE_CHECKING:
        prediction: Prediction | Disk

    @property
    def splits(self) -> list[Data]:
        """The splits of the rows; none where nothing is trained."""
        return []

    def of_kind(self, kind: str) -> list[StageTable]:
        """Return the stages of a kind, in order."""
        return [stage for stage in self.stage if stage.kind == kind]

    def first(self, kind: str) -> str:
        """Return the id of the first stage of a kind; empty where there is none."""
        return next((stage.id for stage in self.of_kind(kind)), "")

    @property
    def samples(self) -> int:
        """The largest number of held-out rows that a stage shows with their answers."""
        return max(int(stage.settings.get("samples", 0)) for stage in self.stage)

    @property
    def made_from(self) -> str:
        """The digest of the stage that all results are made from: of `train`, or where nothing is
        trained of `prepare`, which is that of the base model."""
        return self.integrity[self.first("train") or self.first("prepare")]

    @model_serializer(mode="wrap")
    def _in_order(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return {name: found[name] for name in sorted(found, key=ORDER.index)}


class TrainingTables(Tables):
    """What a lock holds that trains."""

    decision: Decision
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
    machine: Machine
    prediction: Prediction

    @property
    def splits(self) -> list[Data]:
        """The splits of the rows."""
        return self.data


class ExportTables(Tables):
    """What a lock holds that trains nothing: it exports the base model."""

    prediction: Disk


@cache
def names_of(tables: type[Tables]) -> frozenset[str]:
    """Return the dotted names of all values of a kind of lock; list items have no index in them."""
    return frozenset(keys(tables))


def field_names() -> frozenset[str]:
    """Return the dotted names of all values of both kinds of lock, without list indices."""
    return names_of(TrainingTables) | names_of(ExportTables)
