"""The rows of a run: read, cleaned, split, encoded, truncated and digested.

The plan builds a corpus to lock its digests; the runner's prepare stage rebuilds it from the lock
and compares the digests. Both use this module, so they cannot diverge.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from planner.data.checks import unused_keys
from planner.data.corpus.builder import Maker
from planner.data.corpus.part import Part, Recipe
from planner.data.corpus.split import SplitBy, best_way, divide
from planner.data.mend.steps import Step
from planner.data.reading.account import Key
from planner.data.reading.classification import Labelled
from planner.data.rows.splits import FILES, SPLITS, SplitName
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer

GENERAL_TOKENS = 1024
"""General rows may have this many tokens even if the task's rows are shorter."""


@dataclass(frozen=True)
class Corpus:
    """All splits of a run."""

    parts: tuple[Part, ...]
    """Train first, with general rows at its end; then validation and test, if there are any."""
    max_length: int
    """Tokens to which training rows are truncated."""
    cut_rows: int
    """Number of training rows that were truncated."""
    steps: tuple[Step, ...]
    """The cleaning steps, file by file."""
    split_by: SplitBy
    """How validation rows were split off, if any were."""
    general: Part | None
    """The general rows, which are also part of `train`."""
    left_out: str = ""
    """What the chat template leaves out of training rows, in sentences."""
    remark: str = ""
    """What became of the training file's columns, where a plan says so."""
    skipped: str = ""
    """How many general rows were skipped, and why, in sentences."""
    labelled: Labelled | None = None
    """How the rows of the task were read, if they are a classification."""

    def part(self, split: SplitName) -> Part | None:
        """Return one split, or None if the run has no split of that name."""
        if split == "general":
            return self.general
        return next((part for part in self.parts if part.split == split), None)

    @property
    def examples(self) -> int:
        """Number of rows of the task, before validation rows are split off."""
        rows = sum(len(part.rows) for part in self.parts if part.source == "train")
        return rows - (len(self.general.rows) if self.general else 0)


def build(
    recipe: Recipe,
    files: Mapping[SplitName, Path],
    template: ChatTemplate,
    tokenizer: Tokenizer,
    told: Callable[[str, int], None] = lambda split, rows: None,
) -> Corpus:
    """Read, clean and encode the files of a run.

    `told` is called with the name and number of rows of each file after it is encoded. Raises
    UsageProblem for files that are missing or not understood, and DataRefused for rows that cannot
    be trained on: without an answer, or without a scored token before or after truncation.
    """
    maker = Maker(recipe, template, tokenizer)
    read = {name: maker.read(name, files[name]) for name in FILES if name in files}
    if "leak" in recipe.mending.drop:
        held_out = [read[name].kept.rows for name in SPLITS[1:] if name in read]
        learnt: tuple[SplitName, ...] = ("train", "general")
        read |= {name: maker.unleaked(read[name], held_out) for name in learnt if name in read}
    whole: dict[SplitName, Part] = {}
    for name in SPLITS:
        if name in read:
            whole[name] = maker.encoded(read[name])
            told(name, len(whole[name].rows))
    parts, way = _split(whole, recipe)
    longest = max(
        row.length for part in parts.values() if part.source == "train" for row in part.encoded
    )
    length = min(recipe.max_length or longest, recipe.context)
    parts["train"], cut_rows = maker.cut(parts["train"], length)
    if "validation" in parts:
        parts["validation"], _ = maker.cut(parts["validation"], length)
    if "test" in parts:
        parts["test"] = maker.seen_whole(parts["test"])
    maker.check_ends(parts["train"])
    general = None
    if "general" in read:
        limit = length if recipe.max_length else min(recipe.context, max(length, GENERAL_TOKENS))
        general = maker.general(read["general"], len(parts["train"].rows), limit)
        length = max(length, *(row.length for row in general.encoded))
        told("general", len(general.rows))
        parts["train"] = _joined(parts["train"], general)
    left_out = " ".join(said for _, said in maker.left_out["train"].sentences())
    others: dict[str, Sequence[Key]] = {
        name: read[name].keys for name in SPLITS[1:] if name in read
    }
    remark = unused_keys.remark(read["train"].keys, read["train"].format, others)
    return Corpus(
        tuple(parts.values()),
        length,
        cut_rows,
        maker.steps,
        way,
        general,
        left_out=left_out,
        remark=remark,
        skipped=maker.skipped.sentence,
        labelled=maker.labelled,
    )


def _split(
    whole: Mapping[SplitName, Part], recipe: Recipe
) -> tuple[dict[SplitName, Part], SplitBy]:
    if "validation" in whole or not recipe.fraction:
        return dict(whole), "rows"
    rows = whole["train"].rows
    way = recipe.split_by or best_way(rows)
    halves = divide(rows, recipe.fraction, recipe.seed, way)
    parts: dict[SplitName, Part] = {
        "train": _some(whole["train"], "train", halves.train),
        "validation": _some(whole["train"], "validation", halves.validation),
    }
    return parts | {name: part for name, part in whole.items() if name == "test"}, way


def _some(part: Part, name: SplitName, places: Sequence[int]) -> Part:
    return replace(
        part,
        split=name,
        rows=tuple(part.rows[place] for place in places),
        encoded=tuple(part.encoded[place] for place in places),
        numbers=tuple(part.numbers[place] for place in places),
    )


def _joined(train: Part, general: Part) -> Part:
    return replace(
        train,
        rows=train.rows + general.rows,
        encoded=train.encoded + general.encoded,
        numbers=train.numbers + general.numbers,
    )
