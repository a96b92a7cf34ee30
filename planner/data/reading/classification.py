"""Reads classification files: a column of texts, and a column of labels from a short list."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockfiles.limits import MOST_LABELS
from planner.data.files.raw import BadRow, RawRow, fault, named
from planner.data.reading.column_values import FEW_ROWS, label_of, names_in
from planner.data.reading.label_columns import columns_in, refused
from planner.data.reading.read import every_raw
from planner.data.rows.rows import Message, Row

MOST_LIST_TOKENS = 200
"""A longer list of labels is not part of the instruction."""
_CHARS_PER_TOKEN = 4
_SHOWN_CHARS = 40
_NAMED = 4
_FREE = 0.6
"""With a larger share of different values, a column that a person named has free text."""
_LISTED = "Classify the text. Reply with one of these labels and nothing else:"
_UNLISTED = "Classify the text. Reply with its label and nothing else."


@dataclass(frozen=True)
class Labelled:
    """How the rows of a classification are read."""

    prompt: str
    """The column of texts."""
    completion: str
    """The column of labels."""
    labels: tuple[str, ...]
    """The labels of the training file, sorted; at least two."""
    numbered: bool = False
    """Whether the labels are numbers without names."""
    system: str = ""
    """The system message of every row; empty for none."""
    own_system: bool = False
    """Whether the system message is a person's, and not the instruction."""
    listed: bool = True
    """Whether the instruction lists the labels."""
    others: tuple[str, ...] = field(default=(), compare=False)
    """Columns that could be the one of labels too; empty where a person named the column."""

    @property
    def sentence(self) -> str:
        """What the rows are."""
        return (
            f"A classification: the texts are in `{self.prompt:.{_SHOWN_CHARS}}`, and "
            f"`{self.completion:.{_SHOWN_CHARS}}` has {len(self.labels):,} different labels."
        )

    @property
    def doubt(self) -> str:
        """A sentence on other columns that could be the one of labels; empty without any."""
        if not self.others:
            return ""
        several = ", ".join(f"`{name:.{_SHOWN_CHARS}}`" for name in self.others[:_NAMED])
        more = f" and {len(self.others) - _NAMED:,} more" if self.others[_NAMED:] else ""
        return (
            f"`{self.completion:.{_SHOWN_CHARS}}` is taken as the labels, but {several}{more} "
            "could be the labels too."
        )


def find(
    path: Path, *, prompt: str = "", completion: str = "", wanted: bool = False
) -> Labelled | None:
    """Return how to read a file or folder as a classification, without a system message.

    `prompt` and `completion` name its columns; others are recognized by their names and by what
    they hold. Returns None if the rows are something else. Raises UsageProblem if several columns
    may be the one of texts or of labels, and with `wanted` if the rows are not a classification.
    """
    found = columns_in(path, prompt, completion, wanted=wanted)
    if not found:
        return None
    texts, column, others = found
    labels, rows, has_names = set[str](), 0, False
    for raw in every_raw(path):
        label = None if raw.problem else label_of(raw, column)
        if label is not None:
            rows += 1
            labels.add(label)
            has_names = has_names or bool(names_in(raw, column))
        if len(labels) > MOST_LABELS:
            break
    free = completion and not has_names and rows >= FEW_ROWS and len(labels) > _FREE * rows
    if 2 <= len(labels) <= MOST_LABELS and not free:
        numbered = not has_names and all(map(_is_number, labels))
        return Labelled(texts, column, tuple(sorted(labels)), numbered, others=others)
    if wanted:
        what = "too many for labels" if len(labels) > 1 else "too few for labels"
        raise refused(path, f"has {len(labels):,} different values in `{column:.40}`, {what}")
    return None


def row_of(raw: RawRow, how: Labelled) -> Row:
    """Return the row of a text and its label, without the system message. Raises BadRow."""
    for column in (how.prompt, how.completion):
        if column not in raw.values:
            raise fault(raw, f"has no column `{column}`; it has {named(raw.values)}")
    value = raw.values.get(how.prompt)
    if not isinstance(value, str):
        raise fault(raw, f"has no text in `{how.prompt}`")
    label = label_of(raw, how.completion)
    if label is None:
        raise _no_label(raw, how.completion)
    return Row((Message("user", value), Message("assistant", label)))


def estimated(text: str) -> int:
    """Return about how many tokens a text has."""
    return len(text) // _CHARS_PER_TOKEN


def instructed(
    how: Labelled, system: str = "", tokens: Callable[[str], int] = estimated
) -> Labelled:
    """Return a classification with its system message: `system`, or an instruction without one.

    The instruction lists the labels if they have at most 200 `tokens`.
    """
    if system:
        return replace(how, system=system, own_system=True)
    separator = "\n" if any("," in label for label in how.labels) else ", "
    listed = separator.join(how.labels)
    if tokens(listed) > MOST_LIST_TOKENS:
        return replace(how, system=_UNLISTED, listed=False)
    space = "\n" if separator == "\n" else " "
    return replace(how, system=f"{_LISTED}{space}{listed}")


def _no_label(raw: RawRow, column: str) -> BadRow:
    value = raw.values.get(column)
    if value in (None, ""):
        return fault(raw, f"has no label in `{column}`")
    if names_in(raw, column) and isinstance(value, int):
        return fault(raw, f"has the label `{value}` in `{column}`, which has no name")
    return fault(raw, f"has no short text as the label in `{column}`")


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
