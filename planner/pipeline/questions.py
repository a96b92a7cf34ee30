"""The questions of the kinds of stages."""

from collections.abc import Iterator

from lockfiles.stage_kinds import NAMES
from planner.pipeline.kind import of_kind
from planner.questions.question import Question


def questions() -> Iterator[Question]:
    """Yield the questions of each kind of stage, in the order of a lock's stages."""
    for name in NAMES:
        yield from of_kind(name).questions
