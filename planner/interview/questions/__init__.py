"""The one list of questions, in the order in which they are asked.

The wizard, the prompts, the flags and `run.toml` are renderings of it. The help texts state the
usual values and ranges of the fine-tuning guide that this program follows.
"""

from collections.abc import Mapping

from planner.interview.questions import data, goal, machine, method, model, results, train
from planner.interview.questions.question import Question

QUESTIONS: tuple[Question, ...] = (
    *goal.QUESTIONS,
    *data.QUESTIONS,
    *model.QUESTIONS,
    *machine.QUESTIONS,
    *method.QUESTIONS,
    *train.QUESTIONS,
    *results.QUESTIONS,
)
"""Every question, in order."""

BY_KEY: Mapping[str, Question] = {question.key: question for question in QUESTIONS}
"""Every question by its key."""
