"""The `[objective]` of a lock: each objective has the settings that it knows, and no others."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from lockfiles.objectives import NAMES
from lockfiles.objectives.objective import ObjectiveTable

OBJECTIVES: dict[str, type[ObjectiveTable]] = {
    name: import_module(f"lockfiles.objectives.{name}").Table for name in NAMES
}
"""The table of each objective, by its name."""

if TYPE_CHECKING:
    Objective = ObjectiveTable
elif len(OBJECTIVES) == 1:  # pydantic discriminates between several alone
    (Objective,) = OBJECTIVES.values()
else:
    Objective = Annotated[Union[tuple(OBJECTIVES.values())], Field(discriminator="name")]  # noqa: UP007
