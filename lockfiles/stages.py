"""The stages of a lock: each kind has the settings that it knows, and no others."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field, create_model

from lockfiles.fields import Table
from lockfiles.stage_kinds.kind import Settings
from lockfiles.stage_kinds.registry import KINDS

ORDER = tuple(KINDS)
"""The one order of kinds; a `prepare`, a `train` and a `report` are in every lock."""
StageId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""Names a stage in its lock, in the run's folder and in the events."""


class StageTable(Table):
    """One step of the run with its settings."""

    id: StageId
    kind: str
    inputs: Annotated[list[StageId], Field(max_length=40, fail_fast=True)]
    """The ids of the earlier stages whose results it reads."""
    settings: Settings


if TYPE_CHECKING:
    Stage = StageTable
else:
    _TABLES = tuple(
        create_model(
            f"{name.title()}Stage",
            __base__=StageTable,
            __doc__=StageTable.__doc__,
            kind=(Literal[name], ...),
            settings=(kind.settings, ...),
        )
        for name, kind in KINDS.items()
    )
    Stage = Annotated[Union[_TABLES], Field(discriminator="kind")]  # noqa: UP007


def from_names(tables: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of a lock of revision 0 or 1 with its stages as later ones write them.

    There a stage was named by its kind, and its inputs followed from its name. The digests of
    such a lock stay what they are.
    """
    stages = tables.get("stage")
    if not isinstance(stages, list) or not all(isinstance(one, dict) for one in stages):
        return tables
    before: list[str] = []
    made = []
    for one in stages:
        name = one.get("name")
        if not isinstance(name, str) or "kind" in one or "id" in one:
            return tables
        rest = {key: value for key, value in one.items() if key != "name"}
        inputs = [one for one in before if name in KINDS and KINDS[name].may_read(one)]
        made.append({"id": name, "kind": name, "inputs": inputs, **rest})
        before.append(name)
    return {**tables, "stage": made}
