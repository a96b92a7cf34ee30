"""Faults of a row's turns: their number, their order, the system's, and what says nothing."""

from dataclasses import replace
from random import Random

from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import with_answer, with_prompt
from tests.planner.data.planted.file import File, Plant, Planted, in_some

_BLANKS = ("", " ", "\n\t", "\u00a0", "\u200b", "\u3000\n", "\ufeff")


def shape(file: File, source: Random) -> Planted | None:
    """More turns than the other rows have."""

    def longer(row: Row) -> Row:
        other = source.choice(file.rows)
        return replace(row, messages=row.messages + other.messages[-2:])

    return in_some(file, source, longer)


def role_order(file: File, source: Random) -> Planted | None:
    """No answer at the end, a turn twice, or turns in another order."""

    def disordered(row: Row) -> Row:
        system = row.messages[:-2]
        asked, answered = row.messages[-2:]
        turns = source.choice(
            [
                (*system, asked),
                (*system, answered),
                (*system, answered, asked),
                (*system, asked, asked, answered),
                (*system, asked, answered, answered),
                (asked, Message("system", "Be brief."), answered),
                (*system, asked, Message("tool", "12"), answered),
            ]
        )
        return replace(row, messages=turns)

    return in_some(file, source, disordered)


def system_prompts(file: File, source: Random) -> Planted | None:
    """Another system turn than the other rows have, or none."""

    def other(row: Row) -> Row:
        said = row.messages[1:] if row.system else row.messages
        prompt = source.choice(["", "Be brief.", "You are a helpful assistant.", "Be kind."])
        if prompt or not row.system:
            said = (Message("system", prompt or "Answer."), *said)
        return replace(row, messages=said)

    return in_some(file, source, other)


def empty(file: File, source: Random) -> Planted | None:
    """A prompt or an answer that says nothing."""
    place = (with_answer, with_prompt)
    return in_some(file, source, lambda row: source.choice(place)(row, source.choice(_BLANKS)))


def one_word(file: File, source: Random) -> Planted | None:
    """One word of the answer in its place."""
    return in_some(
        file,
        source,
        lambda row: with_answer(row, source.choice(row.answer.split())[:40]),
        lambda row: len(row.answer.split()) > 4,
    )


PLANTS: dict[str, Plant] = {
    "shape": shape,
    "role-order": role_order,
    "system-prompts": system_prompts,
    "empty": empty,
    "one-word": one_word,
}
