"""Evaluate: where `results.evaluate` asks for it."""

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer, Change
from planner.pipeline.kind import PlannedKind, Settings, Wanted
from planner.questions.question import Question

QUESTIONS = (
    Question(
        "results.evaluate",
        "results",
        "boolean",
        "Compare base and tuned model?",
        "Measures loss and accuracy on held-out examples, before and after training.",
        True,
    ),
)
_SKIP = Answer("results.evaluate", False)


def _settings(wanted: Wanted) -> list[Settings]:
    if not wanted.answers.flag("results.evaluate"):
        return []
    if not wanted.held:
        raise UsageProblem(
            "Comparing the base and the tuned model needs held-out rows, but there are none.",
            fix=(
                Change("data.test", "a file of rows"),
                Change("data.validation", "a file of rows"),
                _SKIP,
            ),
        )
    return [{"rows": wanted.held, "samples": wanted.answers.integer("results.samples")}]


KIND = PlannedKind(
    "loss and accuracy of the base and the tuned model",
    questions=QUESTIONS,
    skip=_SKIP,
    settings=_settings,
)
