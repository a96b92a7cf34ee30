"""A draft of the wizard, as its file has it. pydantic is imported only where there is one."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Kept(BaseModel):
    """The draft's state; a key that is not named here is nobody's."""

    model_config = ConfigDict(strict=True, frozen=True)

    version: Literal[1]
    current: str
    """The key of the step that is shown."""
    passed: list[str] = Field(max_length=100)
    stale: list[str] = Field(max_length=100)
    values: dict[str, Any]
    """The answers that differ from their defaults, as the questions' own reading takes them."""
