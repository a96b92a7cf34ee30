"""What a plan says of the labels of a classification."""

from collections.abc import Iterator, Mapping

from planner.data.checks.file_notes import only_held_out
from planner.data.corpus.corpus import Corpus
from planner.data.reading.classification import MOST_LIST_TOKENS, Labelled
from planner.data.rows.splits import SPLITS

NUMBERED = "The labels are numbers without names, and the model learns the numbers."


def sentences(rows: Corpus) -> Mapping[str, str]:
    """Return sentences on a classification by the key of the lock that they are about; empty for
    other rows."""
    how = rows.labelled
    if not how:
        return {}
    said = {
        "data.format": how.sentence,
        "data.system": system_sentence(how),
    }
    if notes := " ".join(_notes(rows, how)):
        said["data.labels"] = notes
    return said


def system_sentence(how: Labelled) -> str:
    """Return what the system message of a classification is."""
    if how.own_system:
        return "Your system message is used as the instruction."
    if how.listed:
        return "The instruction (`data.system` in the lock) lists the labels."
    return (
        "The instruction (`data.system` in the lock) does not list the labels: they take more than "
        f"{MOST_LIST_TOKENS} tokens."
    )


def _notes(rows: Corpus, how: Labelled) -> Iterator[str]:
    if how.doubt:
        yield how.doubt
    if how.numbered:
        yield NUMBERED
    for name in SPLITS[1:]:
        part = rows.part(name)
        if part and (others := sorted({row.answer for row in part.rows}.difference(how.labels))):
            yield only_held_out(others, f"{name} rows")
