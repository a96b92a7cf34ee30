"""Recognizes the columns of a classification file, by their names and by what they hold."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Answer, Answers, Change
from planner.data.reading.column_values import Column, columns_of, label_of
from planner.data.reading.names import plain
from planner.data.reading.read import every_raw

_LOOKED_AT = 5000
"""Rows by which the columns are recognized."""
_DOCUMENT_CHARS = 1000
"""Average characters of documents, whose columns of few values are about the document."""
_NAMED = 4
"""Columns that an error names."""
_TEXTS = frozenset(
    ["text", "sentence", "question", "utterance", "query", "content", "message", "review",
     "comment", "tweet", "post", "body", "headline", "title", "description", "input", "prompt",
     "instruction", "request", "email", "mail", "sms", "statement", "claim", "passage",
     "paragraph", "phrase", "abstract", "document", "article", "complaint", "ticket",
     "transcript", "premise", "hypothesis", "sample", "subject"]
)  # fmt: skip
"""Last words of the names of columns of texts."""
_NAMES = frozenset(["subject", "title"])
"""Of these, the words that may also name a column of names."""
_LABELS = frozenset(
    ["label", "category", "class", "intent", "sentiment", "topic", "target", "tag", "emotion",
     "genre", "polarity", "stance", "department", "rating", "star", "spam", "ham", "toxic",
     "classification", "type"]
)  # fmt: skip
"""Words in the names of columns of labels."""
_PROPERTIES = frozenset(["spam", "ham", "toxic", "tag", "type", "star", "rating", "department"])
"""Of these, the words that may name one of several properties."""
_SURE = _LABELS - _PROPERTIES - {"target"}
"""Of these, the words that hardly name anything else."""
_ABOUT = frozenset(
    ["id", "idx", "index", "uuid", "guid", "source", "split", "dataset", "lang", "language",
     "url", "date", "time", "timestamp", "author", "user", "username", "name", "version",
     "license", "meta", "metadata", "file", "filename", "path", "country", "locale", "year",
     "month", "hash", "key", "no", "number", "row", "length", "count", "config", "subset",
     "model", "annotator", "role", "speaker", "sender", "from", "turn", "level", "difficulty"]
)  # fmt: skip
"""Last words of the names of columns about a row."""
_CHOICES = frozenset(["choice", "option", "candidate", "ending", "distractor"])
"""Words in the names of columns with the answers of a multiple-choice question."""

_JOINED = (Advice("join them in one column if a label is about all of them"),)


class Columns(NamedTuple):
    """The columns of a classification."""

    texts: str
    labels: str
    others: tuple[str, ...]
    """Further columns that could be the one of labels by what they hold."""


def columns_in(path: Path, prompt: str, completion: str, *, wanted: bool) -> Columns | None:
    """Return the columns of texts and of labels of a file; None if it is not a classification.

    Raises as `planner.data.reading.classification.find` does.
    """
    columns, rows = columns_of(islice(every_raw(path), _LOOKED_AT))
    for name in filter(None, (prompt, completion)):
        if name not in columns:
            raise refused(path, f"has no column `{name:.40}`")
    labels = [completion] if completion else _labels(columns, rows, but=prompt)
    named, labels = labels, _with_names(path, labels)
    texts = [prompt] if prompt else _texts(columns, but=completion)
    texts = [name for name in texts if name not in labels] or _short_texts(columns, labels)
    if not (texts and labels):
        if wanted:
            what = "labels" if texts else "texts"
            raise refused(path, f"has no column that is clearly one of {what}")
        return None
    if not wanted and any(not _CHOICES.isdisjoint(_words(name)) for name in columns):
        return None
    if not wanted and not any(_is_named(name, columns[name]) for name in labels):
        documents = any(columns[name].long > _DOCUMENT_CHARS * rows for name in texts)
        if documents or (len(texts) > 1 and _words(texts[0])[-1] not in _TEXTS):
            return None
    _check_one(path, texts, "texts", "data.prompt_column")
    _check_one(path, labels, "labels", "data.completion_column")
    others = [] if completion else _unnamed(columns, rows, but=(texts[0], *named))
    return Columns(texts[0], labels[0], tuple(_unlike(path, labels[0], others)))


def refused(path: Path, what: str) -> UsageProblem:
    """Return the error for a file that was to be a classification; `what` is a clause."""
    return UsageProblem(
        f"`{path}` {what}.",
        fix=MAP_LABELS,
    )


def _check_one(path: Path, names: Sequence[str], what: str, key: str) -> None:
    if len(names) > 1:
        several = ", ".join(f"`{name:.40}`" for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
        raise UsageProblem(
            f"`{path}` has several columns that may be its {what}: {several}{more}.",
            fix=(map_labels(Change(key, "one of them")), *(_JOINED if what == "texts" else ())),
        )


def map_labels(*changes: Change) -> Answers:
    """Return the answers that make a file a classification, with columns to be named."""
    options = [f"--{change.key.partition('.')[2].replace('_', '-')}" for change in changes]
    return Answers(
        (Answer("data.format", "classification"), *changes),
        command="tunelock data",
        options=("--format classification", *options),
    )


def _labels(columns: Mapping[str, Column], rows: int, but: str) -> list[str]:
    """Return the columns that may be the one of labels.

    A name of one property of a text, such as `toxic`, decides nothing if others may be labels too.
    """
    named = [
        name
        for name, column in columns.items()
        if name != but
        and _is_named(name, column)
        and column.is_label(rows, named=True, sure=not _SURE.isdisjoint(_words(name)))
    ]
    if any(columns[name].names or _PROPERTIES.isdisjoint(_words(name)) for name in named):
        return named
    return named + _unnamed(columns, rows, (but, *named))


def _unnamed(columns: Mapping[str, Column], rows: int, but: Collection[str]) -> list[str]:
    """Return the columns that may be the one of labels by what they hold."""
    return [
        name
        for name, column in columns.items()
        if name not in but
        and _words(name)[-1] not in _TEXTS | _ABOUT
        and column.is_label(rows, named=False)
    ]


def _texts(columns: Mapping[str, Column], but: str) -> list[str]:
    """Return the columns that may be the one of texts."""
    named = [
        name
        for name, column in columns.items()
        if name != but
        and _words(name)[-1] in _TEXTS
        and column.is_text(named=_words(name)[-1] not in _NAMES)
    ]
    return named or [
        name
        for name, column in columns.items()
        if name != but and _words(name)[-1] not in _LABELS | _ABOUT and column.is_text(named=False)
    ]


def _short_texts(columns: Mapping[str, Column], labels: Sequence[str]) -> list[str]:
    """Return the only other column of varied values, such as names of products, next to labels that
    are named so; empty if there are several."""
    found = [
        name
        for name, column in columns.items()
        if name not in labels
        and _words(name)[-1] not in _LABELS | _ABOUT
        and column.is_text(named=False, words=0)
    ]
    named = all(_is_named(name, columns[name]) for name in labels)
    return found if labels and named and len(found) == 1 else []


def _is_named(name: str, column: Column) -> bool:
    """Return whether a column is named like one of labels, or names its labels."""
    return bool(column.names) or is_named_like_labels(name)


def is_named_like_labels(name: str) -> bool:
    """Return whether a name is one of columns of labels."""
    return not _LABELS.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    """Return the words of a name, in lower case, without numbers at their end and plurals."""
    return [_singular(word.rstrip("0123456789")) for word in plain(name).split("_")]


def _singular(word: str) -> str:
    ways = (word, word[:-1], word[:-2], f"{word[:-3]}y")
    return next((one for one in ways if one in _KNOWN), word)


_KNOWN = _TEXTS | _LABELS | _ABOUT | _CHOICES


def _with_names(path: Path, labels: Sequence[str]) -> list[str]:
    """Return columns without numbers whose names are in another one of them."""
    if len(labels) < 2:
        return list(labels)
    pairs = _pairs(path, labels[0], labels)
    same = [name for name in labels if _is_one_to_one(pairs[name])]
    if len(same) < len(labels):
        return list(labels)
    text = [name for name in labels if not all(map(_is_number, _values(pairs[name])))]
    return (text or list(labels))[:1]


def _unlike(path: Path, label: str, others: Sequence[str]) -> list[str]:
    """Return the columns that hold something else than the labels or their numbers."""
    if not others:
        return []
    pairs = _pairs(path, label, (label, *others))
    numbers = all(map(_is_number, _values(pairs[label])))
    return [
        name
        for name in others
        if not _is_one_to_one(pairs[name])
        or (numbers and not all(map(_is_number, _values(pairs[name]))))
    ]


def _pairs(
    path: Path, label: str, names: Sequence[str]
) -> Mapping[str, set[tuple[str | None, ...]]]:
    """Return by column each label together with the column's value."""
    pairs = {name: set[tuple[str | None, ...]]() for name in names}
    for raw in islice(every_raw(path), _LOOKED_AT):
        for name in () if raw.problem else names:
            pairs[name].add(tuple(label_of(raw, one) for one in (label, name)))
    return pairs


def _is_one_to_one(pairs: set[tuple[str | None, ...]]) -> bool:
    return len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


def _values(pairs: set[tuple[str | None, ...]]) -> Iterator[str]:
    yield from (other or "" for _, other in pairs)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removeprefix("-").isdecimal()


MAP_LABELS = map_labels(Change("data.prompt_column"), Change("data.completion_column"))
"""The answers that make a file a classification, both of whose columns are to be named."""
