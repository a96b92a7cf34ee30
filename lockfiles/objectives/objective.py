"""What the settings of every objective have."""

from typing import ClassVar

from lockfiles.fields import Table


class ObjectiveTable(Table):
    """What the loss teaches."""

    sequences: ClassVar[int] = 1
    """Token sequences of an example, each of which has at most `stream.max_length_tokens`."""
    since: ClassVar[int] = 0
    """The first revision of locks that can hold it (`lockfiles.tables`)."""
    answers: ClassVar[tuple[str, ...]] = ()
    """The keys of the questions that it asks in the interview (`planner.objectives`)."""

    name: str
    """Names the objective; what else the table holds depends on it."""
