"""A split made of a file: read, mended, rendered, encoded and cut, each step noted."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lockfiles.errors import DataRefused, UsageProblem
from lockfiles.fixes import Advice, Answer, Change
from planner.data.checks.masks import Masks
from planner.data.corpus.part import Part, Recipe
from planner.data.corpus.trainable import check_kind, check_rows, named
from planner.data.mend.content import Kept, mended, unleaked
from planner.data.mend.long import pieces
from planner.data.mend.steps import OVER_LENGTH, Step, StepName
from planner.data.reading.formats import Table, load_table
from planner.data.rows.rows import Row
from planner.data.rows.splits import FILES, SplitName
from planner.data.tokens.encode import TurnsRewritten, batches, encode, encode_rows
from planner.data.tokens.example import Example
from planner.data.tokens.order import GENERAL_STREAM, shuffled
from planner.data.tokens.template import ChatTemplate, TemplateRunsAway
from planner.data.tokens.tokenizer import Tokenizer
from planner.objectives.registry import objective_of

_LOOKED_AT = 100
"""Rows of which it is looked whether their end is scored; one that is will do."""
_UNSCORED = Answer("data.drop", ("no-scored-token",), to="leave those rows out")


@dataclass(frozen=True)
class Read:
    """A file that was read and mended, before it becomes tokens."""

    name: SplitName
    path: Path
    format: str
    kept: Kept


class Maker:
    """Makes the splits of a run, and notes what was mended on the way."""

    def __init__(self, recipe: Recipe, template: ChatTemplate, tokenizer: Tokenizer) -> None:
        self._recipe, self._template, self._tokenizer = recipe, template, tokenizer
        self._counts: dict[tuple[SplitName, StepName, str], int] = {}

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was mended so far, file by file."""
        made = [Step(*key, rows) for key, rows in self._counts.items()]
        return tuple(sorted(made, key=lambda step: FILES.index(step.file)))

    def read(self, name: SplitName, path: Path) -> Read:
        """Return a file's rows that are left after it was mended.

        General rows are no rows of the task: they have their own format and system messages.
        """
        own = name != "general"
        columns, system = self._recipe.columns, self._recipe.system
        table = load_table(path, columns=columns if own else None, system=system if own else "")
        if own:
            _check_format(table, self._recipe.format, path)
        check_kind(table, path, objective_of(self._recipe.objective))
        kept, steps = mended(table.rows, self._recipe.mending.of(name))
        for step, what, rows in steps:
            self._note(name, step, what, rows)
        _check_left(kept, path)
        check_rows(kept.rows, kept.numbers, path)
        return Read(name, path, table.format, kept)

    def unleaked(self, learnt: Read, held_out: Sequence[Sequence[Row]]) -> Read:
        """Return the rows that are learnt from but those that ask what held-out rows ask."""
        kept = unleaked(learnt.kept, held_out)
        self._note(learnt.name, "drop", "leak", len(learnt.kept.rows) - len(kept.rows))
        _check_left(kept, learnt.path)
        return replace(learnt, kept=kept)

    def encoded(self, read: Read) -> Part:
        """Return a file's rows as tokens, whole."""
        drop = self._recipe.mending.drop
        kept, encoded, refused = read.kept, list[Example](), set[int]()
        for place, found in enumerate(self._made(kept.rows)):
            if isinstance(found, Example):
                encoded.append(found)
            elif "template" in drop and not isinstance(found, TurnsRewritten | TemplateRunsAway):
                refused.add(place)
            else:
                at = f"`{read.path}`, row {kept.numbers[place]}: "
                raise type(found)(at, *found.said, fix=found.fix)
        if "template" in drop:
            self._note(read.name, "drop", "template", len(refused))
            kept = kept.without(refused)
            _check_left(kept, read.path)
        part = Part(read.name, read.name, read.format, kept.rows, tuple(encoded), kept.numbers)
        return self._scored(part, f"`{read.path}` has no assistant's answer to learn from")

    def _made(self, rows: Sequence[Row]) -> Iterator[Example | DataRefused]:
        """Yield the tokens of each row, or why it has none; a template that runs away ends them."""
        for batch in batches(rows):
            try:
                yield from encode_rows(batch, self._template, self._tokenizer)
            except TemplateRunsAway as problem:
                yield from encode_rows(batch[: problem.place], self._template, self._tokenizer)
                yield problem

    def cut(self, part: Part, length: int) -> tuple[Part, int]:
        """Return a split with no row over `length` tokens, and how many were cut."""
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
        fault = f"Cut to {length} tokens, the {part.source} file has no answer left to score"
        return self._scored(part, fault, Change("train.max_length", "a larger number")), cut

    def seen_whole(self, test: Part) -> Part:
        """Return test rows, which are never cut, that the model can see whole."""
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
                f"{len(long)} of {len(test.rows)} test rows are longer than the {context} tokens "
                f"that the model can see (row {named(long)}).",
                fix=(Answer("data.long", "drop"), Advice("take those rows out of the test file")),
            )
        return test

    def check_ends(self, train: Part) -> None:
        """Raise DataRefused where no row scores what ends an answer: no model learns to stop."""
        looked = Masks(self._template, self._tokenizer)
        rows = train.rows[:_LOOKED_AT]
        looked.see_rows(range(len(rows)), rows)
        for found in looked.findings():
            raise DataRefused(found.said, fix=found.ways)

    def general(self, read: Read, rows: int, length: int) -> Part:
        """Return general rows, drawn by the seed, for `rows` rows of the task.

        Rows of more than `length` tokens, or with nothing to score, are passed over. Fewer than
        the wanted share come back where the file has no more.
        """
        share = self._recipe.general_share
        wanted = max(1, round(rows * share / (1 - share)))
        found: dict[int, Example] = {}
        order = shuffled(len(read.kept.rows), GENERAL_STREAM, self._recipe.seed)
        made = self._perhaps([read.kept.rows[place] for place in order])
        for place, one in zip(order, made, strict=True):
            if one and one.scored and one.length <= length:
                found[place] = one
                if len(found) == wanted:
                    break
        if not found:
            raise DataRefused(
                f"`{read.path}` has no row of at most {length} tokens with an answer.",
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

    def _perhaps(self, rows: Sequence[Row]) -> Iterator[Example | None]:
        """Yield the tokens of each row; None where the template refuses it."""
        for one in self._made(rows):
            if isinstance(one, TurnsRewritten | TemplateRunsAway):
                raise one
            yield one if isinstance(one, Example) else None

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
        """Return a split whose every row scores a token."""
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
                fix=(_UNSCORED, *also),
            )
        return part

    def _note(self, file: SplitName, step: StepName, what: str, rows: int) -> None:
        key = (file, step, what)
        self._counts[key] = self._counts.get(key, 0) + rows


def _only(part: Part, wanted: Callable[[Example], bool]) -> Part:
    """Return the rows of a split whose tokens are as wanted."""
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
            f"No row of `{path}` is left after it was mended.",
            fix=(Change("data.drop", "fewer findings"), Answer("data.dedupe", "off")),
        )


def _check_some(part: Part, fault: str) -> None:
    if not part.rows:
        raise DataRefused(
            f"{fault}.", fix=(Change("train.max_length", "a larger number"), Advice("add rows"))
        )
