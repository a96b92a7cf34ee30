"""The seven steps as data: their questions, checks and summaries."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lockfiles.errors import TunelockError
from lockfiles.fixes import Answer, Change
from planner.interview.decision import ENOUGH_EXAMPLES, Decision, decide
from planner.interview.questions import BY_KEY, QUESTIONS
from planner.questions.question import Question
from tui.session.facts import Facts
from tui.session.lines import shown
from tui.session.wording import said

Values = Mapping[str, object]

LABELLED = "classification"
"""The format that a person confirms."""
_FIRST_RESULT = next(question.key for question in QUESTIONS if question.step == "results")


@dataclass(frozen=True)
class Problem:
    """Something that blocks a step, and what to do about it."""

    sentence: str
    """One or two sentences for the user."""
    key: str = ""
    """The question to answer; empty if it belongs to another step."""


@dataclass(frozen=True)
class Step:
    """One step of the wizard."""

    key: str
    """Its key in the questions."""
    title: str
    """Its name on the screen."""
    questions: tuple[Question, ...]
    """Its questions, in order."""
    validate: Callable[[Values, Facts], tuple[Problem, ...]]
    """Returns the problems that block the step; slow, since it may read files."""

    def applying(self, values: Values) -> tuple[Question, ...]:
        """Return the questions that apply, given the other answers."""
        return tuple(question for question in self.questions if question.applies(values))

    def summarise(self, values: Values) -> tuple[str, ...]:
        """Return the given answers, one line each."""
        return tuple(
            f"{question.key} = {shown(question, values[question.key])}"
            for question in self.applying(values)
            if values[question.key] != question.default
        )


def verdict(values: Values, facts: Facts, *, read: bool = True) -> tuple[Decision, bool]:
    """Return the checklist's verdict, and whether the examples were counted for it.

    With `read` the rows of the training file are counted if possible. Until then, the number of
    examples that fine-tuning needs is assumed.
    """
    if read and values["data.train"]:
        _tried(lambda: facts.part(values, "train"), "")
    counted = facts.examples(values)
    return decide(values, ENOUGH_EXAMPLES if counted is None else counted), counted is not None


def missing(step: Step, values: Values) -> tuple[Problem, ...]:
    """Return a problem for each question of the step that needs an answer and has none."""
    return tuple(
        Problem(f"`{question.title}` needs an answer: press Enter on it.", question.key)
        for question in step.applying(values)
        if question.lacks(values)
    )


def problems(step: Step, values: Values, facts: Facts) -> tuple[Problem, ...]:
    """Return all problems that block the step."""
    return missing(step, values) or step.validate(values, facts)


def _goal(values: Values, facts: Facts) -> tuple[Problem, ...]:
    decision, _ = verdict(values, facts)
    if decision.tunes or values["goal.override"]:
        return ()
    return (
        Problem(
            f"The verdict is `{decision.verdict}`. To fine-tune anyway, enter a reason here. To "
            "leave, press q; the advice is saved in `advice.md`.",
            "goal.override",
        ),
    )


def _data(values: Values, facts: Facts) -> tuple[Problem, ...]:
    found: list[Problem] = []
    for split in ("train", "validation", "test"):
        if values[f"data.{split}"]:
            found += _part(values, facts, split)
    if found or not _goal(values, facts):
        return tuple(found)
    decision, _ = verdict(values, facts)
    why = " ".join(decision.reasons)
    return (
        Problem(
            f"With these rows the verdict is `{decision.verdict}`: {why} "
            "To continue anyway, press 1 and enter a reason."
        ),
    )


def _part(values: Values, facts: Facts, split: str) -> tuple[Problem, ...]:
    if problem := _tried(lambda: facts.part(values, split), f"data.{split}"):
        return problem
    wanted, found = values["data.format"], facts.part(values, split).format
    if split == "train" and (question := to_confirm(values, facts)):
        return (Problem(f"{question} To accept that, choose `{LABELLED}`.", "data.format"),)
    if wanted in ("auto", found):
        return ()
    return (
        Problem(f"The rows are of format `{found}`, not `{wanted}`: choose `auto`.", "data.format"),
    )


def to_confirm(values: Values, facts: Facts) -> str:
    """Return what to confirm before rows are read as a classification; empty if nothing."""
    if values["data.format"] != "auto" or facts.part(values, "train").format != LABELLED:
        return ""
    found = facts.labelled(values)
    return found.sentence if found else ""


def _model(values: Values, facts: Facts) -> tuple[Problem, ...]:
    return _tried(lambda: facts.model(values), "model.source")


def _machine(values: Values, facts: Facts) -> tuple[Problem, ...]:
    if problem := _tried(lambda: facts.machine(values), "machine.facts"):
        return problem
    if values["machine.device"] == "cuda" and not facts.machine(values).gpus:
        return (
            Problem("This machine has no NVIDIA GPU: choose `auto` or `cpu`.", "machine.device"),
        )
    return ()


def _method(values: Values, facts: Facts) -> tuple[Problem, ...]:
    return _tried(lambda: facts.choice(values), "method.kind")


def _results(values: Values, facts: Facts) -> tuple[Problem, ...]:
    return _goal(values, facts) or _tried(lambda: facts.lock(values), _FIRST_RESULT)


def _tried(read: Callable[[], object], key: str) -> tuple[Problem, ...]:
    try:
        read()
    except TunelockError as problem:
        return (Problem(said(problem), _mended(problem, key)),)
    return ()


def _mended(problem: TunelockError, key: str) -> str:
    """Return the question of the same step that a fix answers; `key` where there is none."""
    step = BY_KEY[key].step if key else ""
    keys = [one.key for one in problem.fix if isinstance(one, Answer | Change)]
    return next((one for one in keys if BY_KEY[one].step == step), key)


def _step(key: str, validate: Callable[[Values, Facts], tuple[Problem, ...]]) -> Step:
    questions = tuple(question for question in QUESTIONS if question.step == key)
    return Step(key, key.capitalize(), questions, validate)


def _all() -> Iterable[Step]:
    yield _step("goal", _goal)
    yield _step("data", _data)
    yield _step("model", _model)
    yield _step("machine", _machine)
    yield _step("method", _method)
    yield _step("results", _results)
    yield _step("review", _results)


ALL: Mapping[str, Step] = {step.key: step for step in _all()}
"""Every step by its key, in order."""
