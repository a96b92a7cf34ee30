"""Faults of a file as a whole: too few rows, labels out of balance, prompts of few patterns."""

from random import Random

from tests.planner.data.check_rows import with_answer, with_prompt
from tests.planner.data.planted.file import WHOLE_FILE, File, Plant, Planted

_ROWS_EACH = 25
"""Rows of a label, on average."""
_ROWS_OF_PATTERN = 20
"""At least, on average."""


def too_few(file: File, source: Random) -> Planted | None:
    """Fewer rows than a fine-tune wants."""
    if len(file.rows) < 1000:
        return None
    few = file.rows[: source.randrange(1, 1000)]
    return Planted(file, File(few), WHOLE_FILE)


def imbalance(file: File, source: Random) -> Planted | None:
    """Labels for answers, of which one is rare."""
    labels_of_file = min(20, len(file.rows) // _ROWS_EACH)
    labels = [source.randrange(labels_of_file) for _ in file.rows]
    rare = [number for number, label in enumerate(labels) if not label]
    kept = frozenset(source.sample(rare, max(len(rare) // 20, 1)))
    others = [
        label if label or number in kept else source.randrange(1, labels_of_file)
        for number, label in enumerate(labels)
    ]
    balanced, unbalanced = (
        [with_answer(row, f"label_{label}") for row, label in zip(file.rows, each, strict=True)]
        for each in (labels, others)
    )
    return Planted(File(balanced), File(unbalanced), kept)


def diversity(file: File, source: Random) -> Planted | None:
    """Prompts of a few patterns, each with a figure somewhere, which is another in each row."""
    most = min(50, len(file.rows) // _ROWS_OF_PATTERN)
    patterns = [
        _pattern(row.prompt, source) for row in source.sample(file.rows, source.randint(1, most))
    ]
    asked = (source.choice(patterns).format(source.randint(1, 20)) for _ in file.rows)
    rows = [with_prompt(row, prompt) for row, prompt in zip(file.rows, asked, strict=True)]
    return Planted(file, File(rows), WHOLE_FILE)


def _pattern(prompt: str, source: Random) -> str:
    words = prompt.replace("{", "(").replace("}", ")").split(" ")
    words.insert(source.randrange(len(words)), "{}")
    return " ".join(words)


PLANTS: dict[str, Plant] = {
    "too-few": too_few,
    "imbalance": imbalance,
    "diversity": diversity,
}
