"""The table of keys, from which footer, help, commands and bindings are made."""

from dataclasses import dataclass

from planner.questions.question import Question


@dataclass(frozen=True)
class Key:
    """One action of the user."""

    id: str
    """Its name, to type after `:` and to bind it to another key."""
    keys: str
    """The keys by their Textual names, separated by commas."""
    shown: str
    """The keys as shown in the footer and the help."""
    label: str
    """Its label in the footer; empty to leave it out."""
    tooltip: str
    """One sentence for the help."""
    action: str
    """The application's action."""


KEYS = (
    Key("up", "up", "↑", "", "Move to the line above.", "move(-1)"),
    Key("down", "down", "↓", "move", "Move to the line below.", "move(1)"),
    Key("choose", "enter", "Enter", "choose", "Change the answer, or run the line's action.",
        "choose"),
    Key("right", "right", "→", "", "Switch to the next choice, or the next row.",
        "cycle(1)"),
    Key("left", "left", "←", "", "Switch to the previous choice, or the previous row.",
        "cycle(-1)"),
    Key("next", "n", "n", "next", "Check this step and go to the next.", "forward"),
    Key("back", "b", "b", "back", "Go to the previous step without checks.", "back"),
    Key("facts", "f", "f", "", "Show the facts above in full, or close them.", "facts"),
    Key("fix", "f", "f", "", "On a finding: fix it with a setting, or undo that.", "mend"),
    Key("x_ray", "x", "x", "", "Show a row as training sees it: its text, and what is scored.",
        "x_ray"),
    Key("row", "g", "g", "", "Go to a row by its number, while one is shown.", "row"),
    Key("help", "question_mark,h", "?", "help", "Explain this question and the keys.", "help"),
    Key("commands", "colon", ":", "commands", "Type the name of a command.", "commands"),
    Key("leave", "q", "q", "save and leave", "Leave; your answers are saved.", "leave"),
    Key("close", "escape", "Esc", "", "Close what is open.", "close"),
    Key("goal", "1", "1", "", "Go to Goal.", "goto('goal')"),
    Key("data", "2", "2", "", "Go to Data.", "goto('data')"),
    Key("model", "3", "3", "", "Go to Model.", "goto('model')"),
    Key("machine", "4", "4", "", "Go to Machine.", "goto('machine')"),
    Key("method", "5", "5", "", "Go to Method.", "goto('method')"),
    Key("results", "6", "6", "", "Go to Results.", "goto('results')"),
    Key("review", "7", "7", "", "Go to Review.", "goto('review')"),
)  # fmt: skip
"""All keys. No key combinations: tmux, editors and terminals use those."""


TYPING = " Enter accept  Esc cancel"
"""The bottom line while an answer or a command is typed."""


def footer() -> str:
    """Return the bottom line."""
    named = {"down": "↑↓"}
    parts = (f"{named.get(key.id, key.shown)} {key.label}" for key in KEYS if key.label)
    return " " + "  ".join(parts)


def help_lines() -> list[str]:
    """Return the keys and what they do, one line each."""
    return [f"{key.shown:<6}{key.tooltip}" for key in KEYS]


def question_lines(question: Question) -> list[str]:
    """Return one question in full, and its key in `run.toml`."""
    lines = [question.title, question.help, f"In run.toml: {question.key}"]
    if question.choices:
        lines.append(f"One of: {', '.join(question.choices)}")
    return [*lines, ""]


def find(typed: str) -> Key | None:
    """Return the only command that starts with the typed text, or None."""
    name = typed.strip().lower()
    exact = [key for key in KEYS if key.id == name]
    like = exact or [key for key in KEYS if name and key.id.startswith(name)]
    return like[0] if len(like) == 1 else None
