"""Rows for the tests of checks: the shipped ones, varied to be many, and faults put into them."""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from planner.data.checks.finding import Check, Finding
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row

SAMPLES = Path(__file__).parents[2] / "data"
_NUMBER = re.compile(r"\d+")

MATHS = load_table(
    SAMPLES / "gsm8k.jsonl", columns={"prompt": "question", "completion": "answer"}
).rows
INTENTS = load_table(SAMPLES / "clinc150.messages.jsonl").rows
TASKS = load_table(SAMPLES / "self-instruct.alpaca.jsonl").rows
REAL = (*MATHS, *INTENTS, *TASKS)


def found(check: Check, rows: Iterable[Row]) -> list[Finding]:
    """Show all rows to a check."""
    for number, row in enumerate(rows):
        check.see(number, row)
    return list(check.findings())


def said(*turns: str) -> Row:
    """Make a row of turns such as `user: Hello`."""
    pairs = [turn.split(": ", 1) for turn in turns]
    return Row(tuple(Message(role, content) for role, content in pairs))


def varied(rows: Sequence[Row], count: int, seed: int = 7) -> list[Row]:
    """Repeat rows with other figures in their prompts and answers."""
    source = random.Random(seed)
    return [_with_other_figures(rows[number % len(rows)], source) for number in range(count)]


def _with_other_figures(row: Row, source: random.Random) -> Row:
    turns = [
        replace(turn, content=_NUMBER.sub(lambda _: str(source.randint(2, 9999)), turn.content))
        for turn in row.messages
    ]
    return replace(row, messages=tuple(turns))


def with_answers(rows: Sequence[Row], answers: Mapping[int, str]) -> list[Row]:
    """Put other last answers into the rows of these numbers."""
    return [with_answer(row, answers[n]) if n in answers else row for n, row in enumerate(rows)]


def with_answer(row: Row, answer: str) -> Row:
    """Put another last turn's content into a row."""
    last = replace(row.messages[-1], content=answer)
    return replace(row, messages=(*row.messages[:-1], last))


def with_prompt(row: Row, prompt: str) -> Row:
    """Put another content into the user's first turn of a row."""
    at = next(n for n, turn in enumerate(row.messages) if turn.role == "user")
    turns = list(row.messages)
    turns[at] = replace(turns[at], content=prompt)
    return replace(row, messages=tuple(turns))
