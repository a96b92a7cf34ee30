"""The part of a stage kind that locks need, and the types that kinds share."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from lockfiles import limits
from lockfiles.fields import Table


class Settings(Table):
    """The settings of one kind of stage; can be read by name, whatever the kind."""

    def __getitem__(self, name: str) -> Any:
        """Return a setting. Raises KeyError where this kind of stage has none of that name."""
        if name not in type(self).model_fields:
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or `default` where this kind of stage has none of that name."""
        return getattr(self, name) if name in type(self).model_fields else default


@dataclass(frozen=True)
class StageKind:
    """One kind of stage, as it appears in locks."""

    name: str
    """The value of `kind` in a lock."""
    settings: type[Settings] = Settings
    reads: frozenset[str] = field(default_factory=frozenset)
    """The kinds whose results it may read."""
    needs: tuple[frozenset[str], ...] = ()
    """Sets of kinds; its inputs must include at least one kind of each set."""
    untrained: tuple[frozenset[str], ...] | None = None
    """The same in a lock that trains nothing; None if such a lock cannot have this kind."""
    model: Literal["", "adapter", "whole"] = ""
    """The model that it needs: a trained adapter, or a model without an adapter."""
    sent: bool = False
    """Whether a stage that `sends` may read it."""
    sends: bool = False
    """Whether it reads all kinds that are `sent`; without training it needs one of them."""
    reads_all: bool = False
    """Whether every earlier stage must be among its inputs."""
    repeats: bool = False
    """Whether a lock may have several stages of this kind."""
    spreads: Literal["", "engine", "copies"] = ""
    """How the processes of the lock's `parallel` run it: with its engine, or each with a copy of
    the model; empty where one process runs it."""
    distinct: str = ""
    """The list among its settings whose items differ in all stages of this kind; empty for none."""
    answers: tuple[str, ...] = ()
    """The keys of the questions that it asks in the interview (`planner.pipeline`)."""
    packages: tuple[str, ...] = ()
    """The packages that can change its results, besides those that every lock names."""
    since: int = 0
    """The first revision of locks that can hold it (`lockfiles.tables`)."""

    def may_read(self, kind: str) -> bool:
        """Return whether a stage of `kind` may be among its inputs."""
        return self.reads_all or kind in self.reads


def kinds(*names: str) -> frozenset[str]:
    """Return a set of kinds by name."""
    return frozenset(names)


def _held_out(split: object) -> object:
    if split in ("train", "general"):
        raise PydanticCustomError("held_out", "must be held-out rows: `test` or `validation`")
    return split


HELD_OUT = BeforeValidator(_held_out)
"""Refuses the splits that training uses."""
Samples = Annotated[int, Field(ge=0, le=limits.MOST_SAMPLES)]
"""The number of rows whose answers are shown."""
