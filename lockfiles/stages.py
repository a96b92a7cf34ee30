"""The stages of a lock; each kind has settings of its own."""

from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import Field, create_model

from lockfiles.fields import Table
from lockfiles.stage_kinds.kind import Settings
from lockfiles.stage_kinds.registry import KINDS

ORDER = tuple(KINDS)
"""The one order of kinds; a `prepare` and a `report` are in every lock, and a `train` in
each one that trains."""
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
