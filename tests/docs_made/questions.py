"""The page of `run.toml`, made from the questions of the interview."""

from collections.abc import Iterator
from itertools import groupby

from planner.interview.exports import ROWS
from planner.interview.questions import QUESTIONS
from planner.questions.question import Between, Both, Either, Matches, Question, When

_INTRO = """\
# run.toml

`run.toml` holds your answers, and `tunelock plan` turns it into `run.lock`. The wizard and
`tunelock --plain` write the same file. A key that is missing has its default; an unknown key is
refused with its line number. Paths are relative to the folder of the file.

Editors complete and check the file with the JSON Schema in `planner/run.schema.json`. The folder
`examples` of the repository has working files."""

_KINDS = {
    "text": "text",
    "path": "path",
    "integer": "integer",
    "number": "number",
    "boolean": "`true` or `false`",
    "choice": "one of",
    "choices": "a list of",
    "names": "a list of names",
}


def page() -> str:
    """Return the page of all keys, table by table in the wizard's order."""
    parts = [_INTRO]
    for table, questions in groupby(QUESTIONS, lambda question: question.table):
        parts.append(f"## [{table}]")
        for question in questions:
            parts += [f"### {question.key}", f"{_title(question)} {question.help}"]
            parts.append("\n".join(f"- {line}" for line in _facts(question)))
    return "\n\n".join(parts)


def _title(question: Question) -> str:
    return question.title if question.title.endswith("?") else f"{question.title}."


def _facts(question: Question) -> Iterator[str]:
    """Yield what a value may be, what holds without one, and when the key applies."""
    yield f"Value: {_value(question)}"
    needed = "Required to train" if question.key == ROWS else "Required"
    if isinstance(question.optional, When):
        needed += f" unless {question.optional}"
    yield needed if question.required and question.default == "" else _default(question)
    rule = question.applies
    if isinstance(rule, (When, Either)):
        yield f"Only if {rule}"
    if isinstance(rule, Both):
        yield f"Only if {rule.first} and {rule.second}"


def _value(question: Question) -> str:
    words = _KINDS[question.kind]
    if question.choices:
        words += " " + ", ".join(f"`{choice}`" for choice in question.choices)
    rule = question.validate
    if isinstance(rule, Between):
        words += f" from {_number(rule.low)} to {_number(rule.high)}"
        words += f", or {rule.special} {rule.zero}" if rule.zero else ""
    if isinstance(rule, Matches):
        words = rule.wanted
    return words


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _default(question: Question) -> str:
    value = question.default
    if isinstance(value, bool):
        return f"Default: `{str(value).lower()}`"
    return f"Default: `{value}`" if value not in ("", ()) else "Default: empty"
