"""The one table of keys, which footer, help, commands and bindings are made from."""

from dataclasses import dataclass

from planner.questions.question import Question


@dataclass(frozen=True)
class Key:
    """One thing that a person can do."""

    id: str
    """Its name: typed after `:`, and by which it can be bound to another key."""
    keys: str
    """The keys, as Textual names them, with commas."""
    shown: str
    """The keys as the footer and the help show them."""
    label: str
    """What the footer says; empty leaves it out."""
    tooltip: str
    """One sentence for the help."""
    action: str
    """The application's action."""


KEYS = (
    Key("up", "up", "↑", "", "Move to the line above.", "move(-1)"),
    Key("down", "down", "↓", "move", "Move to the line below.", "move(1)"),
    Key("choose", "enter", "Enter", "choose", "Change the answer, or do what the line says.",
        "choose"),
    Key("right", "right", "→", "", "Take the next of the possible answers, or the next row.",
        "cycle(1)"),
    Key("left", "left", "←", "", "Take the one before of the possible answers, or of the rows.",
        "cycle(-1)"),
    Key("next", "n", "n", "next", "Check this step and go on.", "forward"),
    Key("back", "b", "b", "back", "Go one step back; nothing is checked.", "back"),
    Key("facts", "f", "f", "", "Read the facts above in full, and come back.", "facts"),
    Key("mend", "f", "f", "", "On a finding: mend it by an answer, or take that back.", "mend"),
    Key("x_ray", "x", "x", "", "See a row as training sees it: its text, and what is scored.",
        "x_ray"),
    Key("row", "g", "g", "", "Go to a row by its number, where one is seen so.", "row"),
    Key("help", "question_mark,h", "?", "help", "Explain this question and the keys.", "help"),
    Key("commands", "colon", ":", "commands", "Type the name of a command.", "commands"),
    Key("leave", "q", "q", "leave (kept)", "Leave; the answers are kept.", "leave"),
    Key("close", "escape", "Esc", "", "Close what is open.", "close"),
    Key("goal", "1", "1", "", "Go to Goal.", "goto('goal')"),
    Key("data", "2", "2", "", "Go to Data.", "goto('data')"),
    Key("model", "3", "3", "", "Go to Model.", "goto('model')"),
    Key("machine", "4", "4", "", "Go to Machine.", "goto('machine')"),
    Key("method", "5", "5", "", "Go to Method.", "goto('method')"),
    Key("results", "6", "6", "", "Go to Results.", "goto('results')"),
    Key("review", "7", "7", "", "Go to Review.", "goto('review')"),
)  # fmt: skip
"""Every key. No chords: tmux, editors and terminals take those."""


TYPING = " Enter takes what is typed  Esc leaves it as it was"
"""The bottom line while an answer or a command is typed."""


def footer() -> str:
    """Return the bottom line."""
    named = {"down": "↑↓"}
    parts = (f"{named.get(key.id, key.shown)} {key.label}" for key in KEYS if key.label)
    return " " + "  ".join(parts)


def help_lines() -> list[str]:
    """Return the keys with what they do, a line each."""
    return [f"{key.shown:<6}{key.tooltip}" for key in KEYS]


def question_lines(question: Question) -> list[str]:
    """Return one question in full, and where its answer stands in `run.toml`."""
    lines = [question.title, question.help, f"In run.toml: {question.key}"]
    if question.choices:
        lines.append(f"One of: {', '.join(question.choices)}")
    return [*lines, ""]


def find(typed: str) -> Key | None:
    """Return the one command that begins with what was typed, or None."""
    name = typed.strip().lower()
    exact = [key for key in KEYS if key.id == name]
    like = exact or [key for key in KEYS if name and key.id.startswith(name)]
    return like[0] if len(like) == 1 else None
