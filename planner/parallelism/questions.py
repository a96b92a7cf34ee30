"""The questions of the engines."""

from collections.abc import Iterator

from lockfiles.engines import NAMES
from planner.parallelism.engine import of_engine
from planner.questions.question import Question


def questions() -> Iterator[Question]:
    """Yield the questions of each engine, in the order of preference."""
    for name in NAMES:
        yield from of_engine(name).questions
