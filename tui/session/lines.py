"""The screen's fixed parts as plain text for a width in cells: header, steps, rows."""

from collections.abc import Mapping, Sequence

from lockfiles.harmless import one_line
from planner.questions.question import Question
from tui.session.draft import STEPS, Draft

WIDTH, HEIGHT = 80, 24
"""The size that the screen is designed for."""
LEAST_WIDTH, LEAST_HEIGHT = 60, 16
"""Below either, a message is shown instead of the wizard."""
TOO_SMALL = (
    f"The wizard needs {LEAST_WIDTH} columns and {LEAST_HEIGHT} lines. "
    "Enlarge the window, or press q to leave; your answers are saved."
)


def header(draft: Draft, width: int, *, ssh: bool) -> str:
    """Return the top line: the program, the run's name, the step and the connection."""
    number = STEPS.index(draft.current) + 1
    right = f"{number} of {len(STEPS)} · {draft.current.capitalize()}{'  ssh' if ssh else ''} "
    left = clip(f" tunelock · {draft.values['goal.name']}", width - len(right) - 1)
    return f"{left:<{max(0, width - len(right))}}{right}"


def steps(draft: Draft) -> list[str]:
    """Return the list of steps with their marks: ▸ current, ✓ passed, or `stale`."""
    return [_step(draft, step) for step in STEPS]


def _step(draft: Draft, step: str) -> str:
    mark = "▸" if step == draft.current else "✓" if step in draft.passed else " "
    name = step.capitalize()
    if step in draft.stale:
        return f" {'▸' if mark == '▸' else '!'} {name:<7} stale"
    return f" {mark} {name}"


_LEFT_OPEN = (0, -1)
"""Defaults of numbers that leave the value to the plan."""


def shown(question: Question, value: object) -> str:
    """Return an answer as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if value == "":
        return "needed" if question.required else "empty"
    if value == question.default and value in _LEFT_OPEN:
        return "automatic"
    return repr(value) if isinstance(value, float) else str(value)


def row(question: Question, values: Mapping[str, object], width: int, *, here: bool) -> str:
    """Return one question's line: ▸ at the cursor, • if an answer was given."""
    value = values[question.key]
    mark = " " if value == question.default else "•"
    text = clip_left(shown(question, value), max(10, width * 2 // 5))
    room = width - len(text) - 6
    return f"{'▸' if here else ' '} {mark} {clip(question.title, room):<{max(0, room)}}  {text}"


def bar(parts: Sequence[int], total: int, cells: int) -> str:
    """Return a bar of `cells` cells: parts alternate between █ and ▓, the free rest is ░."""
    filled = ""
    done = 0
    for index, part in enumerate(parts):
        done += part
        upto = min(cells, max(1, round(cells * done / total))) if part and total else 0
        filled += "█▓"[index % 2] * max(0, upto - len(filled))
    return filled.ljust(cells, "░")


def clip(text: str, width: int) -> str:
    """Return text truncated at its end to a width."""
    text = one_line(text)
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"[: max(0, width)]


def clip_left(text: str, width: int) -> str:
    """Return text truncated at its beginning to a width, for paths."""
    text = one_line(text)
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]
