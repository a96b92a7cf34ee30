"""The stages of a lock: each kind has the settings that it knows, and no others."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from lockfiles import limits
from lockfiles.fields import HubName, Table

ORDER = ("prepare", "train", "evaluate", "merge", "gguf", "push", "report")
"""The one order of stages; `prepare`, `train` and `report` are in every lock."""
Level = Literal["f16", "q8_0", "q4_k_m"]


def _held_out(split: object) -> object:
    if split in ("train", "general"):
        raise PydanticCustomError(
            "held_out", "must be held-out rows, `test` or `validation`: training reads the others"
        )
    return split


HeldOut = Annotated[Literal["test", "validation"], BeforeValidator(_held_out)]
"""The splits that training never reads: no other one is measured or shown."""
_Samples = Annotated[int, Field(ge=0, le=limits.MOST_SAMPLES)]


class Settings(Table):
    """The settings of one kind of stage; read by name where the kind does not matter."""

    def __getitem__(self, name: str) -> Any:
        """Return a setting. Raises KeyError for one that this kind of stage does not have."""
        if name not in type(self).model_fields:
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or `default` where this kind of stage does not have it."""
        return getattr(self, name) if name in type(self).model_fields else default


class EvaluateSettings(Settings):
    """Which held-out rows both models answer."""

    rows: HeldOut
    samples: _Samples
    """Rows whose answers are shown."""


class GgufSettings(Settings):
    """Which GGUF files are made."""

    levels: list[Level] = Field(min_length=1, max_length=3)
    rows: Annotated[Literal["", "test", "validation"], BeforeValidator(_held_out)]
    """Held-out rows that the last file answers; empty without any."""
    samples: _Samples


class PushSettings(Settings):
    """Where the results are sent, with the consent of the person who runs the lock."""

    to: HubName
    private: bool


class PlainStage(Table):
    """A stage that follows from the lock's other tables alone."""

    name: Literal["prepare", "train", "merge", "report"]
    settings: Settings


class EvaluateStage(Table):
    """The base model against the tuned one."""

    name: Literal["evaluate"]
    settings: EvaluateSettings


class GgufStage(Table):
    """Files for llama.cpp."""

    name: Literal["gguf"]
    settings: GgufSettings


class PushStage(Table):
    """Results that leave the machine."""

    name: Literal["push"]
    settings: PushSettings


Stage = Annotated[PlainStage | EvaluateStage | GgufStage | PushStage, Field(discriminator="name")]
"""One step of the run with its settings."""
