"""Answers without training rows: exports of the base model, where nothing of training is asked for.

Such a `run.toml` names a model and an export, such as GGUF levels, and perhaps where to push it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Answer, Change, Fix, Key, Steps
from lockfiles.stage_kinds import NAMES
from planner.interview.questions import QUESTIONS
from planner.pipeline.kind import of_kind

ROWS = "data.train"
"""The key whose answer makes a run train."""
_KINDS = tuple(of_kind(name) for name in NAMES)
EXPORTS: tuple[Answer, ...] = tuple(kind.export for kind in _KINDS if kind.export)
"""For each kind of export that is possible without training, an answer that asks for it."""
_EXPORTED = frozenset(key for kind in _KINDS for key in kind.untrained_keys)
RESULTS_OF_TRAINING = tuple(
    question.key
    for question in QUESTIONS
    if question.table == "results" and question.key not in _EXPORTED
)
"""Keys of results that only a run that trains has."""
_MOST_SHOWN = 3
_KEYS = frozenset(question.key for question in QUESTIONS)
_OF_TRAINING = frozenset(
    key for key in _KEYS if key.startswith(("goal.", "data.", "method.", "train."))
) - {"goal.name"} | {"model.template"}
"""Keys that ask for training where they are given."""
_UNUSED = _OF_TRAINING.union(
    RESULTS_OF_TRAINING, (key for key in _KEYS if key.startswith("machine."))
)


def matters(key: str) -> bool:
    """Return whether an answer can change a run that trains nothing."""
    return key not in _UNUSED


def check_has_rows(
    answers: Mapping[str, object], lines: Mapping[str, int], *, name: str = "run.toml"
) -> None:
    """Raise UsageProblem where a run has no training rows, and needs some.

    `lines` holds the 1-based line in the file `name` of each key that came from it. It needs
    some where anything of training is asked for, or nothing that a base model can be exported to.
    """
    if answers[ROWS]:
        return
    named = [
        question.key
        for question in QUESTIONS
        if question.key in lines or answers[question.key] != question.default
    ]
    asked = [key for key in named if key in _OF_TRAINING]
    exports = any(answers[one.key] for one in EXPORTS)
    if asked or not exports:
        results = [key for key in named if key in RESULTS_OF_TRAINING and answers[key]]
        other = _without_training([*asked, *results], name, exports=exports)
        raise no_rows(other if lines else None, name=name)
    for key in named:
        if key in RESULTS_OF_TRAINING and answers[key]:
            line = f" on line {lines[key]} of `{name}`" if key in lines else ""
            raise UsageProblem(
                Key(key),
                f"{line} needs training, and without ",
                Key(ROWS),
                " nothing is trained.",
                fix=(Advice(f"take that line out of `{name}`"), _rows(name)),
            )


def no_rows(other: Fix | None = None, *, name: str = "run.toml") -> UsageProblem:
    """Return the error of a run that is to train, and has no rows; `other` would help as well."""
    fix = [_rows(name), *([other] if other else [])]
    return UsageProblem(Key(ROWS), " is required but has no answer: training needs rows.", fix=fix)


def _without_training(asked: Collection[str], name: str, *, exports: bool) -> Fix:
    """Return what makes a file ask for exports alone; `asked` are its keys of training, and
    `exports` says whether it asks for any export.

    No other face asks for those: the wizard and the prompts set up training.
    """
    to = "export the base model without training"
    if not asked:
        return replace(EXPORTS[0], to=to, file=name)
    remove = Advice(f"take {_few(asked)} out of `{name}` to {to}")
    return remove if exports else Steps((remove, replace(EXPORTS[0], file=name)))


def _few(keys: Collection[str]) -> str:
    first = [f"`{key}`" for key in keys][:_MOST_SHOWN]
    more = len(keys) - len(first)
    return f"{', '.join(first)}{f' and {more} more' if more else ''}"


def _rows(name: str) -> Change:
    return Change(ROWS, "a file of rows", file=name)
