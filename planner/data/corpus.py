"""The rows of a run as it will see them: read, split, rendered, encoded, cut, and digested.

The plan builds a corpus to lock its digests; the runner's prepare stage builds it again from the
lock and compares. One way to make it, so the two cannot drift apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.encode import Encoded, encode_all, stream_sha256
from planner.data.formats import Table, load_table
from planner.data.rows import Row, rows_sha256
from planner.data.split import split_rows
from planner.data.template import ChatTemplate
from planner.data.trainable import check_trainable

SplitName = Literal["train", "validation", "test"]
_NAMED = 3


@dataclass(frozen=True)
class Recipe:
    """How rows become a corpus."""

    format: str
    """A format by name, or `auto` to recognise it."""
    columns: dict[str, str] | None
    """The `prompt` and `completion` columns where they are mapped by hand."""
    system: str
    """Put before each row without a system message; empty adds none."""
    fraction: float
    """Share of the training file split off where no validation file is given, 0 to 0.5."""
    seed: int
    """Chooses which rows are split off."""
    max_length: int
    """Tokens that a training row is cut to; 0 takes the longest row, at most the context."""
    context: int
    """Tokens that the model can see."""


@dataclass(frozen=True)
class Part:
    """One split: its rows, and the same rows as tokens."""

    split: SplitName
    source: SplitName
    """The file that they came from: `validation` may come from `train`."""
    format: str
    rows: tuple[Row, ...]
    encoded: tuple[Encoded, ...]
    """Cut to the length where training sees them; test rows are whole."""
    numbers: tuple[int, ...]
    """Of each row in its file, from 1."""

    @property
    def sha256(self) -> str:
        """Of the canonical rows."""
        return rows_sha256(self.rows)

    @property
    def tokens_sha256(self) -> str:
        """Of the token ids and loss masks."""
        return stream_sha256(self.encoded)


@dataclass(frozen=True)
class Corpus:
    """All splits of a run."""

    parts: tuple[Part, ...]
    """Train first; then validation and test where there are any."""
    max_length: int
    """Tokens that training rows are cut to."""
    cut_rows: int
    """Training rows that were longer."""

    def part(self, split: SplitName) -> Part | None:
        """Return one split, or None where the run has none of that name."""
        return next((part for part in self.parts if part.split == split), None)


def build(
    recipe: Recipe,
    files: dict[SplitName, Path],
    template: ChatTemplate,
    tokenizer: Tokenizer,
    told: Callable[[str, int], None] = lambda split, rows: None,
) -> Corpus:
    """Read and encode the files of a run.

    `told` is called with a file's name and its rows once it is encoded. Raises UsageProblem
    for files that are missing or not understood, DataRefused for rows that cannot be trained
    on: nothing to score, or nothing left to score after the cut.
    """
    read = {name: _read(name, path, recipe, template, tokenizer) for name, path in files.items()}
    for name, part in read.items():
        told(name, len(part.rows))
    parts = _split(read, recipe)
    longest = max(len(row.input_ids) for row in parts["train"].encoded)
    length = min(recipe.max_length or longest, recipe.context)
    cut_rows = sum(len(row.input_ids) > length for row in parts["train"].encoded)
    for name in ("train", "validation"):
        if name in parts:
            parts[name] = _cut(parts[name], length)
    if "test" in parts:
        _check_whole(parts["test"], recipe.context)
    return Corpus(tuple(parts.values()), length, cut_rows)


def _read(
    name: SplitName, path: Path, recipe: Recipe, template: ChatTemplate, tokenizer: Tokenizer
) -> Part:
    table = load_table(path, columns=recipe.columns, system=recipe.system)
    _check_format(table, recipe.format, path)
    check_trainable(table, path)
    try:
        encoded = tuple(encode_all(table.rows, template, tokenizer))
    except DataRefused as problem:
        raise type(problem)(f"`{path}`: {problem.message}", hint=problem.hint) from None
    numbers = tuple(range(1, len(encoded) + 1))
    part = Part(name, name, table.format, table.rows, encoded, numbers)
    _check_scored(part, f"`{path}` has no assistant's answer to learn from")
    return part


def _split(read: dict[SplitName, Part], recipe: Recipe) -> dict[SplitName, Part]:
    if "validation" in read or not recipe.fraction:
        return {name: read[name] for name in ("train", "validation", "test") if name in read}
    whole = read["train"]
    halves = split_rows(len(whole.rows), recipe.fraction, recipe.seed)
    parts: dict[SplitName, Part] = {
        "train": _some(whole, "train", halves.train),
        "validation": _some(whole, "validation", halves.validation),
    }
    return parts | {name: part for name, part in read.items() if name == "test"}


def _some(part: Part, name: SplitName, numbers: Sequence[int]) -> Part:
    rows = tuple(part.rows[number] for number in numbers)
    encoded = tuple(part.encoded[number] for number in numbers)
    places = tuple(part.numbers[number] for number in numbers)
    return Part(name, part.source, part.format, rows, encoded, places)


def _cut(part: Part, length: int) -> Part:
    encoded = tuple(Encoded(row.input_ids[:length], row.labels[:length]) for row in part.encoded)
    cut = replace(part, encoded=encoded)
    _check_scored(
        cut, f"Cut to {length} tokens, the {part.source} file has no answer left to score"
    )
    return cut


def _check_format(table: Table, wanted: str, path: Path) -> None:
    if wanted not in ("auto", table.format):
        raise UsageProblem(
            f"`{path}` has the format `{table.format}`, not `{wanted}`.",
            hint='write `format = "auto"` under `[data]` in `run.toml`',
        )


def _check_scored(part: Part, fault: str) -> None:
    rows = zip(part.numbers, part.encoded, strict=True)
    empty = [number for number, row in rows if row.scored == 0]
    if empty:
        raise DataRefused(
            f"{fault} in {len(empty)} of {len(part.rows)} rows (row {_named(empty)}).",
            hint="take those rows out, or raise `train.max_length` in `run.toml`",
        )


def _named(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:_NAMED])) + (" and others" if numbers[_NAMED:] else "")


def _check_whole(part: Part, context: int) -> None:
    rows = zip(part.numbers, part.encoded, strict=True)
    long = [number for number, row in rows if len(row.input_ids) > context]
    if long:
        raise DataRefused(
            f"{len(long)} of {len(part.rows)} test rows are longer than the {context} tokens that "
            f"the model can see (row {_named(long)}).",
            hint="take those rows out of the test file",
        )
