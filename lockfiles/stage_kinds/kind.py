"""What a lock must know of a kind of stage, and the types that the kinds share."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from lockfiles import limits
from lockfiles.fields import Table


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


@dataclass(frozen=True)
class StageKind:
    """One kind of stage, as far as a lock holds it."""

    name: str
    """As a lock writes it."""
    settings: type[Settings] = Settings
    reads: frozenset[str] = field(default_factory=frozenset)
    """The kinds of stages whose results it may read."""
    needs: tuple[frozenset[str], ...] = ()
    """Of each of these sets at least one kind must be among its inputs."""
    untrained: tuple[frozenset[str], ...] | None = None
    """The same in a lock that trains nothing; None where such a lock can have no such stage."""
    model: Literal["", "adapter", "whole"] = ""
    """What it works on: a trained adapter, or a model that stands on its own."""
    reads_all: bool = False
    """Whether it reads every kind, and every earlier stage must be among its inputs."""
    repeats: bool = False
    """Whether a lock may hold several stages of this kind."""
    spreads: bool = False
    """Whether the lock's `parallel` says how it runs; other stages are one process."""
    distinct: str = ""
    """The list among its settings whose items differ in all stages of this kind; empty for none."""
    answers: tuple[str, ...] = ()
    """The keys of the questions that it asks in the interview (`planner.pipeline`)."""
    packages: tuple[str, ...] = ()
    """The packages that can change its results, besides those that every lock names."""

    def may_read(self, kind: str) -> bool:
        """Return whether the results of a stage of `kind` can be among its inputs."""
        return self.reads_all or kind in self.reads


def kinds(*names: str) -> frozenset[str]:
    """Return a set of kinds by name."""
    return frozenset(names)


def _held_out(split: object) -> object:
    if split in ("train", "general"):
        raise PydanticCustomError(
            "held_out", "must be held-out rows, `test` or `validation`: training reads the others"
        )
    return split


HELD_OUT = BeforeValidator(_held_out)
"""Refuses the splits that training reads: no other one is measured or shown."""
Samples = Annotated[int, Field(ge=0, le=limits.MOST_SAMPLES)]
"""Rows whose answers are shown."""
