"""Rows that say what others say: copies, nearly copies, other answers, held-out rows."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from planner.data.rows.rows import Row
from tests.planner.data.check_rows import with_answer
from tests.planner.data.faults import EDITS
from tests.planner.data.planted.file import File, Plant, Planted, changed, places

_LONG = 50
"""Words of a prompt in which one other word leaves nearly the same, whatever the answer is."""
_SPACED = (lambda text: f" {text}\n", lambda text: text.replace(" ", "  "), lambda text: text)


def exact_duplicates(file: File, source: Random) -> Planted | None:
    """Copies of earlier rows, some with other white space."""
    pairs = _pairs(file.rows, source)
    copies = {
        late: _asking(file.rows[early], source.choice(_SPACED)(file.rows[early].prompt))
        for early, late in pairs
    }
    return Planted(file, changed(file, copies), frozenset(copies))


def near_duplicates(file: File, source: Random) -> Planted | None:
    """Copies of earlier rows with other case and punctuation, long ones with some other words."""
    pairs = _pairs(file.rows, source)
    copies = {late: _nearly(file.rows[early], source) for early, late in pairs}
    return Planted(file, changed(file, copies), frozenset(copies))


def conflicting_answers(file: File, source: Random) -> Planted | None:
    """Prompts of earlier rows with answers of others."""
    pairs = _pairs(file.rows, source)
    answers = [*sorted({row.answer for row in file.rows}), "transfer"]
    others = {}
    for early, late in pairs:
        row = file.rows[early]
        answer = source.choice([one for one in answers if one.split() != row.answer.split()])
        others[late] = with_answer(row, answer)
    return Planted(file, changed(file, others), frozenset(sum(pairs, ())))


def leak(file: File, source: Random) -> Planted | None:
    """Training rows, and nearly the same, among rows that are held out."""
    half = len(file.rows) * 4 // 5
    clean = File(file.rows[:half], file.rows[half:])
    at = places(clean.held_out, source, lambda row: True)
    held_out = list(clean.held_out)
    for number in at:
        row = source.choice(clean.rows)
        row = _nearly(row, source) if source.random() < 0.5 else row
        held_out[number] = with_answer(row, "72") if source.random() < 0.5 else row
    return Planted(clean, File(clean.rows, held_out), frozenset(at))


def _pairs(rows: Sequence[Row], source: Random) -> list[tuple[int, int]]:
    """Choose earlier and later rows, none twice, of those whose prompt no other row has."""
    asked = Counter(_folded(row) for row in rows)
    chosen = places(rows, source, lambda row: asked[_folded(row)] == 1, of_each=2)
    source.shuffle(chosen)
    pairs = zip(chosen[::2], chosen[1::2], strict=True)
    return [(min(pair), max(pair)) for pair in pairs]


def _folded(row: Row) -> str:
    return " ".join(row.prompt.lower().split())


def _nearly(row: Row, source: Random) -> Row:
    prompt = row.messages[-2].content
    if len(prompt.split()) >= _LONG:
        return _asking(row, source.choice([*EDITS.values(), _other_word(source)])(prompt))
    return _asking(row, source.choice([prompt.upper(), f"{prompt}!!", f"({prompt})"]))


def _other_word(source: Random) -> Callable[[str], str]:
    """Return an edit that puts another word anywhere."""

    def edit(text: str) -> str:
        words = text.split(" ")
        words[source.randrange(len(words))] = "perhaps"
        return " ".join(words)

    return edit


def _asking(row: Row, prompt: str) -> Row:
    asked = replace(row.messages[-2], content=prompt)
    return replace(row, messages=(*row.messages[:-2], asked, row.messages[-1]))


PLANTS: dict[str, Plant] = {
    "exact-duplicates": exact_duplicates,
    "near-duplicates": near_duplicates,
    "conflicting-answers": conflicting_answers,
    "leak": leak,
}
