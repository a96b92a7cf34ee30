"""The one list of questions, in the order in which they are asked.

The wizard, the prompts, the flags and `run.toml` are renderings of it. The help texts state the
usual values and ranges of the fine-tuning guide that this program follows.
"""

from collections.abc import Iterable, Mapping

from lockfiles.intent import TABLES
from planner.objectives.registry import questions as of_objectives
from planner.parallelism.questions import questions as of_engines
from planner.pipeline.questions import questions as of_stage_kinds
from planner.questions import data, goal, machine, method, model, train
from planner.questions.question import Question

FIXED: tuple[Question, ...] = (
    *goal.QUESTIONS,
    *data.QUESTIONS,
    *model.QUESTIONS,
    *machine.QUESTIONS,
    *method.QUESTIONS,
    *train.QUESTIONS,
)
"""The questions of every run."""


def gathered(*groups: Iterable[Question]) -> tuple[Question, ...]:
    """Return the questions of all groups, table by table as `run.toml` has them.

    Within a table a group's questions follow those of the groups before it.
    """
    every = [question for group in groups for question in group]
    return tuple(sorted(every, key=lambda question: TABLES.index(question.table)))


QUESTIONS: tuple[Question, ...] = gathered(FIXED, of_objectives(), of_stage_kinds(), of_engines())
"""Every question, in order; a registry with questions of its own is one more group."""

BY_KEY: Mapping[str, Question] = {question.key: question for question in QUESTIONS}
"""Every question by its key."""
