"""The stages of a lock; each kind has settings of its own."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field, create_model

from lockfiles.fields import Table
from lockfiles.stage_kinds import KINDS, Settings

ORDER = tuple(KINDS)
"""The one order of kinds; a `prepare`, a `train` and a `report` are in every lock."""
StageId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""Identifies a stage in its lock, in the run folder and in events."""


class StageTable(Table):
    """One step of the run with its settings."""

    id: StageId
    kind: str
    inputs: Annotated[list[StageId], Field(max_length=40, fail_fast=True)]
    """The ids of the earlier stages whose results this stage reads."""
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
    """Return the tables of a lock of revision 0 or 1, with its stages in the current form.

    In those revisions, a stage had only a name, from which its kind and its inputs followed. The
    lock's digests stay the same.
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
