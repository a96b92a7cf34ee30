"""Makes a split from a file: reads, cleans, renders, encodes and truncates rows."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lockfiles.errors import DataRefused, UsageProblem
from lockfiles.fixes import Advice, Answer, Change
from planner.data.checks.masks import Masks
from planner.data.corpus.part import Part, Recipe
from planner.data.corpus.skipped import Skipped
from planner.data.corpus.trainable import check_bad_rows, check_kind, check_rows, named
from planner.data.mend.content import Kept, mended, unleaked
from planner.data.mend.long import pieces
from planner.data.mend.steps import BAD_ROWS, OVER_LENGTH, Step, StepName
from planner.data.reading.account import Key
from planner.data.reading.bad_rows import BadRows
from planner.data.reading.classification import Labelled
from planner.data.reading.detection import labelled_in
from planner.data.reading.formats import Table, load_table
from planner.data.reading.roles import mapping as role_names
from planner.data.rows.rows import Row
from planner.data.rows.splits import FILES, SplitName
from planner.data.tokens.encode import (
    NoAnswer,
    PartLost,
    TurnsRewritten,
    batches,
    encode,
    encode_rows,
)
from planner.data.tokens.example import Example
from planner.data.tokens.left_out import LeftOut
from planner.data.tokens.order import GENERAL_STREAM, shuffled
from planner.data.tokens.template import ChatTemplate, TemplateRunsAway
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.training_template import variant
from planner.objectives.registry import objective_of

_LOOKED_AT = 100
"""Rows that are checked for a scored end of the answer; one with it is enough."""
_REFUSED = ("template", "no-scored-token")
"""Findings on rows as tokens whose rows can be dropped."""
_DROP = {what: Answer("data.drop", (what,), to="drop those rows") for what in _REFUSED}


@dataclass(frozen=True)
class Read:
    """A file that was read and cleaned, before tokenization."""

    name: SplitName
    path: Path
    format: str
    kept: Kept
    keys: tuple[Key, ...] = ()
    """What became of each key of the file."""


class Maker:
    """Makes the splits of a run and records the cleaning steps."""

    def __init__(self, recipe: Recipe, template: ChatTemplate, tokenizer: Tokenizer) -> None:
        self._recipe, self._template, self._tokenizer = recipe, template, tokenizer
        self._counts: dict[tuple[SplitName, StepName, str], int] = {}
        self.left_out: dict[SplitName, LeftOut] = {}
        """What the template leaves out of the rows of each file."""
        self.skipped = Skipped()
        """The general rows that are not used."""
        self.labelled: Labelled | None = None
        """How to read the rows of the task if they are a classification; known once the training
        rows were read."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The cleaning steps so far, file by file."""
        made = [Step(*key, rows) for key, rows in self._counts.items()]
        return tuple(sorted(made, key=lambda step: FILES.index(step.file)))

    def read(self, name: SplitName, path: Path) -> Read:
        """Return the rows of a file that remain after cleaning; training rows come first."""
        mending, bad = self._recipe.mending.of(name), BadRows()
        table = self._table(name, path, bad)
        if name != "general" and not self.labelled:
            _check_format(table, self._recipe.format, path)
        check_kind(table, path, objective_of(self._recipe.objective))
        check_bad_rows(bad, len(table.rows), path, mending)
        if BAD_ROWS in mending.drop:
            self._note(name, "drop", BAD_ROWS, len(bad))
        kept, steps = mended(Kept(table.rows, table.numbers), mending)
        for step, what, rows in steps:
            self._note(name, step, what, rows)
        _check_left(kept, path)
        check_rows(kept.rows, kept.numbers, path)
        return Read(name, path, table.format, kept, table.keys)

    def _table(self, name: SplitName, path: Path, bad: BadRows) -> Table:
        """Return the rows of a file before cleaning.

        General rows are not rows of the task: they have their own format and system messages.
        """
        recipe, roles = self._recipe, role_names(self._recipe.roles)
        if name == "general":
            return load_table(
                path, roles=roles, labelled=labelled_in(path, tokens=self._tokens), bad=bad
            )
        if name == "train":
            self.labelled = labelled_in(
                path, recipe.format, columns=recipe.columns, system=recipe.system,
                tokens=self._tokens,
            )  # fmt: skip
        return load_table(
            path, columns=None if self.labelled else recipe.columns, system=recipe.system,
            roles=roles, labelled=self.labelled, bad=bad,
        )  # fmt: skip

    def _tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text))

    def unleaked(self, learnt: Read, held_out: Sequence[Sequence[Row]]) -> Read:
        """Return training rows without those whose prompts are in held-out rows."""
        kept = unleaked(learnt.kept, held_out)
        self._note(learnt.name, "drop", "leak", len(learnt.kept.rows) - len(kept.rows))
        _check_left(kept, learnt.path)
        return replace(learnt, kept=kept)

    def encoded(self, read: Read) -> Part:
        """Return a file's rows as tokens, not truncated."""
        drop, kept, encoded = self._recipe.mending.drop, read.kept, list[Example]()
        refused: dict[str, set[int]] = {what: set() for what in _REFUSED if what in drop}
        for place, found in enumerate(self._made(kept.rows)):
            what = "no-scored-token" if isinstance(found, NoAnswer) else "template"
            if isinstance(found, Example):
                encoded.append(found)
                self.left_out.setdefault(read.name, LeftOut()).see(place, found.left_out)
            elif what in refused and not self._concerns_all(kept.rows[place], found):
                refused[what].add(place)
            else:
                at = f"`{read.path}`, row {kept.numbers[place]}: "
                drops = isinstance(found, PartLost | NoAnswer)
                ways = (_DROP[what], *found.fix) if drops else found.fix
                raise type(found)(at, *found.said, fix=ways)
        for what, places in refused.items():
            self._note(read.name, "drop", what, len(places))
        kept = kept.without(set().union(*refused.values()))
        _check_left(kept, read.path)
        part = Part(read.name, read.name, read.format, kept.rows, tuple(encoded), kept.numbers)
        return self._scored(part, f"`{read.path}` has no assistant answer to learn from")

    def _concerns_all(self, row: Row, found: DataRefused) -> bool:
        """Return whether a refused row asks for another template, instead of being dropped."""
        other = variant(self._template) if isinstance(found, PartLost) else None
        if other and not isinstance(encode_rows([row], other, self._tokenizer)[0], DataRefused):
            return True
        return isinstance(found, TurnsRewritten | TemplateRunsAway)

    def _made(self, rows: Sequence[Row]) -> Iterator[Example | DataRefused]:
        """Yield the tokens of each row, or why it has none; TemplateRunsAway is the last item."""
        for batch in batches(rows):
            try:
                yield from encode_rows(batch, self._template, self._tokenizer)
            except TemplateRunsAway as problem:
                yield from encode_rows(batch[: problem.place], self._template, self._tokenizer)
                yield problem

    def cut(self, part: Part, length: int) -> tuple[Part, int]:
        """Return a split with no row over `length` tokens, and how many rows were truncated."""
        how = self._recipe.mending.long
        if how != "cut":
            long = sum(row.length > length for row in part.encoded)
            self._note(part.source, how, OVER_LENGTH, long)
        if how == "drop":
            part = _only(part, lambda row: row.length <= length)
            _check_some(part, f"Every row has more than {length} tokens")
        elif how == "split":
            part = self._in_pieces(part, length)
        cut = sum(row.length > length for row in part.encoded)
        if cut:
            self._note(part.source, "truncate", OVER_LENGTH, cut)
            short = (row.cut(length) for row in part.encoded)
            part = replace(part, encoded=tuple(short))
        fault = f"Truncated to {length} tokens, the {part.source} file has no scored token"
        return self._scored(part, fault, Change("train.max_length", "a larger number")), cut

    def seen_whole(self, test: Part) -> Part:
        """Return the test rows, which are never truncated, that fit the model's context."""
        context = self._recipe.context
        long = [
            number
            for number, row in zip(test.numbers, test.encoded, strict=True)
            if row.length > context
        ]
        if self._recipe.mending.long == "drop":
            self._note("test", "drop", OVER_LENGTH, len(long))
            kept = _only(test, lambda row: row.length <= context)
            _check_some(kept, f"Every test row has more than {context} tokens")
            return kept
        if long:
            raise DataRefused(
                f"{len(long)} of {len(test.rows)} test rows are longer than the model's context of "
                f"{context} tokens (row {named(long)}).",
                fix=(Answer("data.long", "drop"), Advice("remove those rows from the test file")),
            )
        return test

    def check_ends(self, train: Part) -> None:
        """Raise DataRefused if no row scores the end of an answer: the model would never stop."""
        looked = Masks(self._template, self._tokenizer)
        rows = train.rows[:_LOOKED_AT]
        looked.see_rows(range(len(rows)), rows)
        for found in looked.findings():
            if found.severity != "refused":
                continue
            raise DataRefused(found.said, fix=found.ways)

    def general(self, read: Read, rows: int, length: int) -> Part:
        """Return general rows, sampled by the seed, for `rows` rows of the task.

        Rows of more than `length` tokens, without a scored token, or that the template does not
        render in full are skipped: `skipped` counts them. If the file has too few, the share of
        general rows is smaller than requested.
        """
        share = self._recipe.general_share
        wanted = max(1, round(rows * share / (1 - share)))
        found: dict[int, Example] = {}
        order = shuffled(len(read.kept.rows), GENERAL_STREAM, self._recipe.seed)
        made, skipped = self._made([read.kept.rows[place] for place in order]), self.skipped
        for place, one in zip(order, made, strict=True):
            number = read.kept.numbers[place]
            if isinstance(one, TurnsRewritten | TemplateRunsAway):
                raise type(one)(f"`{read.path}`, row {number}: ", *one.said, fix=one.fix)
            if skipped.takes(one, number, length):
                found[place] = one
                if len(found) == wanted:
                    break
        if not found:
            raise DataRefused(
                f"`{read.path}` has no row of at most {length} tokens with an answer that can be "
                f"trained on. {skipped.sentence}",
                fix=Change("data.general", "another file"),
            )
        places = sorted(found)
        return Part(
            "general",
            "general",
            read.format,
            tuple(read.kept.rows[place] for place in places),
            tuple(found[place] for place in places),
            tuple(read.kept.numbers[place] for place in places),
        )

    def _in_pieces(self, part: Part, length: int) -> Part:
        def fits(row: Row) -> bool:
            return encode(row, self._template, self._tokenizer).length <= length

        def made() -> Iterator[tuple[Row, Example, int]]:
            for row, one, number in zip(part.rows, part.encoded, part.numbers, strict=True):
                if one.length <= length:
                    yield row, one, number
                    continue
                for piece in pieces(row, fits):
                    yield piece, encode(piece, self._template, self._tokenizer), number

        rows, encoded, numbers = zip(*made(), strict=True)
        return replace(part, rows=rows, encoded=encoded, numbers=numbers)

    def _scored(self, part: Part, fault: str, *also: Change) -> Part:
        """Return a split in which every row has a scored token."""
        empty = [
            number for number, row in zip(part.numbers, part.encoded, strict=True) if not row.scored
        ]
        if "no-scored-token" in self._recipe.mending.drop:
            self._note(part.source, "drop", "no-scored-token", len(empty))
            part = _only(part, lambda row: row.scored > 0)
            _check_some(part, f"{fault} in any row")
        elif empty:
            raise DataRefused(
                f"{fault} in {len(empty)} of {len(part.rows)} rows (row {named(empty)}).",
                fix=(_DROP["no-scored-token"], *also),
            )
        return part

    def _note(self, file: SplitName, step: StepName, what: str, rows: int) -> None:
        key = (file, step, what)
        self._counts[key] = self._counts.get(key, 0) + rows


def _only(part: Part, wanted: Callable[[Example], bool]) -> Part:
    """Return the rows of a split whose tokens satisfy a condition."""
    places: Collection[int] = [at for at, row in enumerate(part.encoded) if wanted(row)]
    return replace(
        part,
        rows=tuple(part.rows[place] for place in places),
        encoded=tuple(part.encoded[place] for place in places),
        numbers=tuple(part.numbers[place] for place in places),
    )


def _check_format(table: Table, wanted: str, path: Path) -> None:
    if wanted not in ("auto", table.format):
        raise UsageProblem(
            f"`{path}` has the format `{table.format}`, not `{wanted}`.",
            fix=Answer("data.format", "auto"),
        )


def _check_left(kept: Kept, path: Path) -> None:
    if not kept.rows:
        raise DataRefused(
            f"No row of `{path}` is left after cleaning.",
            fix=(Change("data.drop", "fewer findings"), Answer("data.dedupe", "off")),
        )


def _check_some(part: Part, fault: str) -> None:
    if not part.rows:
        raise DataRefused(
            f"{fault}.", fix=(Change("train.max_length", "a larger number"), Advice("add rows"))
        )
