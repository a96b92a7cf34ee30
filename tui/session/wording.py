"""Problems and their fixes, in terms of the questions on the screen."""

from collections.abc import Sequence

from lockfiles import fixes
from lockfiles.errors import TunelockError
from lockfiles.fixes import Advice, Answer, Answers, Change, Fix, Key, Option, Steps
from planner.interview.questions import BY_KEY


def said(problem: TunelockError) -> str:
    """Return an error's sentence and its fix as one text."""
    message = "".join(_named(part) if isinstance(part, Key) else part for part in problem.said)
    sentence = "; ".join((message, *problem.details))
    way = fix(problem.fix)
    return f"{sentence} Hint: {way}." if way else sentence


def fix(offered: Sequence[Fix]) -> str:
    """Return a fix as text, with keys of `run.toml` by their question's title; empty for none.

    Command-line options are left out if another fix exists.
    """
    here = [one for one in offered if not isinstance(one, Option)]
    if any(isinstance(one, Answer | Change | Answers | Steps) for one in here) or len(here) > 1:
        return ", or ".join(_shown(one) for one in here)
    return fixes.text(here or offered)


def _shown(one: Fix) -> str:
    match one:
        case Answer():
            line = _answer(one)
            line = f"{one.to}: {line}" if one.to else line
            return f"{line}; {one.note}" if one.note else line
        case Change():
            return _answer(one)
        case Answers():
            return ", ".join(_answer(part) for part in one.parts)
        case Steps():
            return ", then ".join(_shown(part) for part in one.parts)
        case Advice():
            return one.text
        case _:
            return fixes.shown(one)


def _answer(part: Answer | Change) -> str:
    question = BY_KEY[part.key]
    value = _value(part)
    return f"answer `{question.title}`{value} (step {question.step.capitalize()})"


def _value(part: Answer | Change) -> str:
    if isinstance(part, Change):
        return f" with {part.value}" if part.value else ""
    value = part.value
    if value in ("", ()):
        return " with nothing"
    if isinstance(value, bool):
        return " with `yes`" if value else " with `no`"
    shown = ", ".join(value) if isinstance(value, tuple) else value
    return f" with `{shown}`"


def _named(key: Key) -> str:
    question = BY_KEY.get(key.name)
    return f"`{question.title}` (step {question.step.capitalize()})" if question else str(key)
