"""The file format of a saved draft. Imports pydantic, so it is imported only if there is one."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class SavedDraft(BaseModel):
    """The draft's state; unknown keys are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    version: Literal[1]
    current: str
    """The key of the step that is shown."""
    passed: list[str] = Field(max_length=100)
    stale: list[str] = Field(max_length=100)
    values: dict[str, Any]
    """The answers that differ from their defaults, in the form that the questions parse."""
