"""What the runner must know of an objective: its trainer in TRL, and what that reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.data.tokens.example import Example
from runner.training.job import Job

Columns = Mapping[str, list[list[int]]]
"""Tokenized rows by column."""


def _no_options(job: Job) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class TrainerKind:
    """One objective; `runner/training/NAME.py` holds one as `KIND`."""

    trainer: type[Any]
    """`Ordered` before TRL's trainer."""
    settings: type[Any]
    """TRL's settings of that trainer."""
    columns: Callable[[Sequence[Example]], Columns]
    """From examples to the columns that the trainer's collator reads."""
    fixed: Mapping[str, Any]
    """Settings that no lock changes."""
    options: Callable[[Job], dict[str, Any]] = _no_options
    """From a job to the settings that follow from its `objective`."""
    scored_by: tuple[str, ...] = ()
    """The tensors by which the collator says what is scored."""
    traced: Mapping[str, Any] = field(default_factory=dict)
    """The attributes of the trainer that its loss reads, as the settings have them by default: a
    trace calls no constructor."""
    head_outputs: tuple[str, ...] = ()
    """What TRL's fused head computes of the scored tokens; empty where the model has one output."""
