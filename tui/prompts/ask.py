"""The interview as questionary prompts, for terminals that the wizard does not suit."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import questionary

from lockfiles.errors import Interrupted, UsageProblem
from lockfiles.fixes import Advice, Command, Steps
from lockfiles.harmless import is_harmless, joined, one_line
from planner.hub.datasets.reference import is_reference
from planner.questions.question import Question, from_text, normal
from tui.terminal.wrap import folded

_KEPT_CHARS = 200
"""What is shown at most of an answer that cannot be edited."""


def ask(
    questions: Sequence[Question],
    initial: Mapping[str, object] | None = None,
    *,
    folder: Path | None = None,
) -> dict[str, object]:
    """Ask every question that applies, one prompt each, and return `initial` with the answers.

    `initial` holds answers to start from; Enter keeps what is shown. A path must exist, from
    `folder` (by default the current one). Raises UsageProblem where nobody can answer, and
    Interrupted at Ctrl-C.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageProblem(
            "These questions need a terminal, and nobody can answer here.",
            fix=Steps(
                (Advice("write the answers in `run.toml`"), Command("tunelock plan run.toml"))
            ),
        )
    values = {question.key: question.default for question in questions} | dict(initial or {})
    try:
        for question in questions:
            if question.applies(values):
                values[question.key] = _ask_one(question, values[question.key], folder or Path())
    except (KeyboardInterrupt, EOFError):
        raise Interrupted(
            "The questions were interrupted.", fix=Command("tunelock --plain")
        ) from None
    return values


def _ask_one(question: Question, value: object, folder: Path) -> object:
    questionary.print(joined(["", *folded(question.help)]))
    answer: object = _prompt(question, value, folder).unsafe_ask()
    if answer == "" and not is_harmless(_in_words(value)):
        return value
    if isinstance(answer, str):
        return from_text(question, answer)
    return normal(question, answer)


def _in_words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return repr(value) if isinstance(value, float) else str(value)


def _prompt(question: Question, value: object, folder: Path) -> questionary.Question:
    title = question.title
    if question.kind == "boolean":
        return questionary.confirm(title, default=bool(value), auto_enter=False)
    if question.kind == "choice":
        return questionary.select(title, list(question.choices), default=str(value))
    if question.kind == "choices":
        picked = value if isinstance(value, (list, tuple)) else ()
        boxes = [questionary.Choice(item, checked=item in picked) for item in question.choices]
        return questionary.checkbox(title, boxes)
    shown = _in_words(value)
    validate = _validator(question, folder, empty_keeps=not is_harmless(shown))
    if not is_harmless(shown):  # a line to edit would give it to the terminal as it is
        title, shown = f"{title} (Enter keeps `{one_line(shown, most=_KEPT_CHARS)}`)", ""
    if question.kind == "path":
        return questionary.path(title, default=shown, validate=validate, file_filter=is_harmless)
    return questionary.text(title, default=shown, validate=validate)


def _validator(
    question: Question, folder: Path, *, empty_keeps: bool
) -> Callable[[str], bool | str]:
    def validate(text: str) -> bool | str:
        if empty_keeps and not text:
            return True
        try:
            value = from_text(question, text)
        except ValueError as problem:
            return one_line(f"It {problem}.")
        named = question.kind == "path" and value and not is_reference(str(value))
        if named and not (folder / str(value)).exists():
            return one_line(f"`{value}` does not exist.")
        return True

    return validate
