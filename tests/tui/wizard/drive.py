"""The keys that give some answers, and a real terminal in tmux to press them in."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from planner.questions.question import Question
from tui.session.draft import STEPS, fresh
from tui.session.lines import shown
from tui.session.steps import ALL, Step

ROOT = Path(__file__).parents[3]
SECONDS = 30.0
"""How long a screen may take to show what it must."""
_NUMBERS = itertools.count()
_TMUX_NAMES = {"enter": "Enter", "down": "Down", "up": "Up", "escape": "Escape"}


@dataclass(frozen=True)
class Stroke:
    """Some keys, and how the screen shows that they arrived."""

    keys: tuple[str, ...]
    """Names of keys as Textual has them; empty where text is typed."""
    seen: Callable[[str], bool]
    """Whether the screen's text shows their effect."""
    text: str = ""
    """Text to type."""


def strokes(
    answers: Mapping[str, object], start: Mapping[str, object] | None = None
) -> Iterator[Stroke]:
    """Yield the keys from the Goal step to the Review that turn `start` into `answers`.

    `start` holds the answers that are there already, by default none.
    """
    values = dict(fresh(start).values)
    for key in STEPS[:-1]:
        yield from _step(ALL[key], values, answers)
        following = STEPS.index(key) + 2
        yield Stroke(("n",), showing(f"{following} of 7 ·"))


def _step(step: Step, values: dict[str, object], answers: Mapping[str, object]) -> Iterator[Stroke]:
    place = 0
    for question in step.questions:
        wanted = answers.get(question.key, values[question.key])
        if not question.applies(values) or wanted == values[question.key]:
            continue
        index = step.applying(values).index(question)
        way = "down" if index > place else "up"
        if index != place:
            yield Stroke((way,) * abs(index - place), _cursor_on(question))
        place = index
        yield from _answer(question, values[question.key], wanted)
        values[question.key] = wanted


def _answer(question: Question, value: object, wanted: object) -> Iterator[Stroke]:
    done = _cursor_on(question, shown(question, wanted))
    if question.kind == "boolean":
        yield Stroke(("enter",), done)
    elif question.kind == "choice":
        choices = question.choices
        distance = (choices.index(str(wanted)) - choices.index(str(value))) % len(choices)
        yield Stroke(("enter",) * distance, done)
    else:
        text = ", ".join(wanted) if isinstance(wanted, tuple) else str(wanted)
        yield Stroke(("enter",), showing(f" {question.name} >"))
        yield Stroke((), showing(f"> {text}"), text)
        yield Stroke(("enter",), done)


def showing(text: str) -> Callable[[str], bool]:
    """Return whether a screen shows some text, as a function of the screen's text."""
    return lambda screen: text in screen


def _cursor_on(question: Question, value: str = "") -> Callable[[str], bool]:
    beginning = question.title[:24]

    def seen(screen: str) -> bool:
        rows = [line.strip("│ ▅▄▃▂▁▆▇█") for line in screen.splitlines() if "▸" in line]
        return any(beginning in row and row.endswith(value) for row in rows)

    return seen


class Tmux:
    """One tmux session of its own server, at 80x24."""

    def __init__(self, folder: Path, command: str, *, columns: int = 80, rows: int = 24) -> None:
        self._socket = str(folder / f".tmux-{next(_NUMBERS)}")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
        size = ("-x", str(columns), "-y", str(rows))
        self._run("-f", "/dev/null", "new-session", "-d", *size, "-c", str(folder),
                  command, environment=environment)  # fmt: skip

    def press(self, *keys: str) -> None:
        """Press keys, by the names that Textual has for them."""
        self._run("send-keys", *(_TMUX_NAMES.get(key, key) for key in keys))

    def type(self, text: str) -> None:
        """Type text as it is."""
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        """Return what is on the screen."""
        return self._run("capture-pane", "-p")

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def pid(self) -> int:
        """Return the process that runs in the pane."""
        return int(self._run("display-message", "-p", "#{pane_pid}"))

    def title(self) -> str:
        """Return the title that the terminal has."""
        return self._run("display-message", "-p", "#{pane_title}").strip()

    def wait(self, seen: Callable[[str], bool]) -> str:
        """Return the screen once it shows something."""
        end = time.monotonic() + SECONDS
        while not seen(screen := self.screen()):
            assert time.monotonic() < end, screen
            time.sleep(0.05)
        return screen

    def wait_for(self, text: str) -> str:
        """Return the screen once it shows a text."""
        return self.wait(lambda screen: text in screen)

    def close(self) -> None:
        """End the session and all in it."""
        self._run("kill-server", check=False)

    def _run(
        self, *words: str, environment: Mapping[str, str] | None = None, check: bool = True
    ) -> str:
        command = ["tmux", "-S", self._socket, *words]
        done = subprocess.run(command, env=environment, check=check, capture_output=True, text=True)
        return done.stdout


def wizard_command() -> str:
    """Return the shell command that runs the wizard and then shows how it ended."""
    return f"{sys.executable} -m tui.wizard; echo ENDED $?; exec cat"


def drive(
    session: Tmux, answers: Mapping[str, object], start: Mapping[str, object] | None = None
) -> None:
    """Answer the wizard's questions from the Goal step to the Review; see `strokes`."""
    for stroke in strokes(answers, start):
        if stroke.text:
            session.type(stroke.text)
        else:
            session.press(*stroke.keys)
        session.wait(stroke.seen)
