"""Reads the facts for a plan from disk, the Hub and the machine.

Only this module of `planner.plan` does I/O. It returns frozen values, and planning is a pure
function of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from lockfiles import limits
from lockfiles.errors import UsageProblem
from lockfiles.files import at_home
from lockfiles.fixes import Advice, Answer, Change, Key
from lockfiles.stage_kinds import NAMES
from planner.catalogue.lookup import find_model
from planner.catalogue.unquantized import unquantized_name
from planner.catalogue.unread import instead
from planner.data.corpus import corpus, held_out, labels
from planner.data.corpus.corpus import Corpus
from planner.data.corpus.part import Part, Recipe
from planner.data.corpus.split import SplitBy
from planner.data.isolation import process
from planner.data.mend.steps import Dedupe, Long, Mending, Step
from planner.data.reading.classification import Labelled
from planner.data.rendering.ends import NO_ENDS, Ends
from planner.data.rows.splits import FILES, SplitName
from planner.data.tokens import beyond
from planner.data.tokens.encode import NEED_VARIANT
from planner.data.tokens.ending import unended, with_ends
from planner.data.tokens.order import epoch_order, order_sha256
from planner.data.tokens.special_tokens import (
    SpecialTokens,
    check_ids,
    configured_ends,
    special_tokens,
)
from planner.data.tokens.template import ChatTemplate, load_template
from planner.data.tokens.tokenizer import Tokenizer, load_tokenizer
from planner.data.tokens.training_template import variant
from planner.hub.cache import cache_folder
from planner.hub.datasets.contents import looking
from planner.hub.datasets.local import local
from planner.hub.datasets.reference import is_reference
from planner.hub.datasets.resolve import HubSplit
from planner.interview.answers import Answers
from planner.interview.exports import no_rows
from planner.machines import saved as machines
from planner.machines.facts import MachineFacts
from planner.machines.probes import digests, kept
from planner.machines.probes.probe import probe
from planner.models import facts
from planner.models.facts import ModelFacts
from planner.pipeline.kind import of_kind

if TYPE_CHECKING:
    from planner.search.rehearsal import Rehearsal


@dataclass(frozen=True)
class PartFacts:
    """One split of the rows, without the rows."""

    split: SplitName
    source: SplitName
    """The file that the rows come from."""
    format: str
    rows: int
    sha256: str
    tokens_sha256: str
    hub: HubSplit | None = None
    """The dataset on the Hub behind the file; None for a local file."""


@dataclass(frozen=True)
class StreamFacts:
    """The tokens of the training rows."""

    max_length: int
    """Tokens to which rows are truncated."""
    rows: int
    longest: int
    """Tokens of the longest row after truncation."""
    tokens: int
    scored_tokens: int
    cut_rows: int
    sha256: str
    order_sha256: tuple[str, ...]
    """Digest of the row order of each epoch."""
    lengths: tuple[int, ...]
    """Tokens of each row after truncation, in row order."""
    held_out: tuple[int, ...]
    """The same for the validation rows; empty where there are none."""


@dataclass(frozen=True)
class TemplateFacts:
    """The chat template and the special tokens."""

    sha256: str
    golden_sha256: str
    special: SpecialTokens
    trains: bool = False
    """Whether it is the training variant of the model's own template."""
    left_out: str = ""
    """What it leaves out of training rows, in sentences."""
    ends: Ends = NO_ENDS
    """The end tokens of answers that it prints only when the next turn begins."""
    unended: str = ""
    """Why no token ends an answer, as a sentence; empty if one does."""
    beyond: str = ""
    """A sentence on tokens that the embedding has no row for and no row uses; empty without any."""


@dataclass(frozen=True)
class PlanFacts:
    """Everything that a plan is made from, besides the answers."""

    model: ModelFacts
    machine: MachineFacts
    template: TemplateFacts
    parts: tuple[PartFacts, ...]
    stream: StreamFacts
    examples: int
    """Rows of the task, before validation rows are split off."""
    steps: tuple[Step, ...] = ()
    """The cleaning steps of the files, in order."""
    split_by: SplitBy = "rows"
    """How validation rows are split off, if any are."""
    labelled: Labelled | None = None
    """How the rows of the task are read, if they are a classification."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Sentences on a classification, by the key of the lock that they are about."""
    learnt: tuple[str, ...] = ()
    """A sentence for each held-out split that shares rows with the training rows."""
    remark: str = ""
    """What became of the training file's columns, where a plan says so."""
    skipped: str = ""
    """How many general rows were skipped, and why, in sentences."""
    rehearsal: "Rehearsal | None" = None
    """A rehearsal of this model on this machine, if there is one."""


def gather(
    answers: Answers,
    folder: Path,
    *,
    machine: MachineFacts | None = None,
    told: Callable[[str], None] = lambda sentence: None,
) -> PlanFacts:
    """Read the facts that the answers name; relative paths start at `folder`.

    `told` is called with a description of each slow step before it starts. Raises the
    TunelockError of whatever is missing, broken or refused.
    """
    if not answers.trains:
        raise no_rows()
    process.start()  # starts while the model is read
    told("reading the model")
    model, place = model_facts(answers, folder)
    tokenizer = load_tokenizer(place)
    own = with_ends(_template(answers, folder, place), tokenizer, configured_ends(place))
    check_stages(answers, model, place, own.source)
    hub = hub_splits(answers, told)
    told("reading and encoding the data")
    how = recipe(answers, model.architecture.context)
    rows, template = _corpus(answers, folder, how, own, tokenizer, hub)
    held_out.check(rows)
    train = rows.part("train")
    assert train is not None
    check_ids(place, tokenizer, (row for part in _parts(rows) for row in part.encoded))
    special = special_tokens(place, tokenizer, train.encoded)
    told("inspecting the machine")
    return PlanFacts(
        model=model,
        machine=machine or machine_facts(answers, folder),
        template=TemplateFacts(
            template.sha256,
            template.golden_sha256(),
            special,
            trains=template is not own,
            left_out=rows.left_out,
            ends=template.ends,
            unended=unended(template, train.encoded, special.end_ids, turns=train.format != "text"),
            beyond=beyond.unused(tokenizer, model.architecture.vocabulary),
        ),
        parts=tuple(_part(part, hub) for part in _parts(rows)),
        stream=_stream(rows, answers),
        examples=rows.examples,
        steps=rows.steps,
        split_by=rows.split_by,
        labelled=rows.labelled,
        said=labels.sentences(rows),
        learnt=tuple(held_out.sentences(rows, held_out.leaked(rows))),
        remark=rows.remark,
        skipped=rows.skipped,
    )


def model_facts(answers: Answers, folder: Path) -> tuple[ModelFacts, Path]:
    """Return the facts of the model that the answers name, and the folder of its small files.

    A source that is there, or begins with `.`, `/` or `~`, is a local folder. Any other is a Hub
    repository, from which only configuration and tokenizer are fetched.
    """
    source, revision = answers.text("model.source"), answers.text("model.revision")
    place = folder / at_home(source)
    if place.exists() or source[:1] in (".", "/", "~"):
        name = unquantized_name(place.name)
        return facts.from_folder(place, name, digests.remembered), place
    from planner.hub import models as hub
    from planner.hub.client import Unreachable, Unread

    cached = hub_folder(source, revision)
    try:
        return hub.from_hub(source, revision, folder=cached), cached
    except UsageProblem as problem:
        local = Advice("name a local folder")
        others = (one for one in problem.fix if one != local)
        fix = (*others, Advice(f"{local.text} (`{source}` is not one)"))
        if not isinstance(problem, Unread) or find_model(source):
            raise UsageProblem(*problem.said, fix=fix) from None
        also = instead(source, f"`{source}`", unread=isinstance(problem, Unreachable))
        raise UsageProblem(f"{problem.message.removesuffix('.')}{also}.", fix=fix) from None


def check_stages(answers: Answers, model: ModelFacts, place: Path, template: str = "") -> None:
    """Raise UsageProblem if a stage that the answers ask for cannot work on the base model.

    `place` is the folder of its small files, and `template` a chat template that replaces its own.
    """
    for kind in (of_kind(name) for name in NAMES):
        if kind.skip is not None and answers[kind.skip.key] == kind.skip.value:
            continue
        if problem := kind.unknown_family(model.architecture.family):
            another = Advice("choose a model of one of these families")
            raise UsageProblem(problem, fix=kind.skip if kind.skip and answers.trains else another)
        kind.check_base(place, answers.trains, template, None if answers.trains else model.held)


def hub_folder(repo: str, revision: str) -> Path:
    """Return the cache folder for the small files of a Hub model."""
    return cache_folder() / "models" / repo / quote(revision, safe="")


def machine_facts(answers: Answers, folder: Path) -> MachineFacts:
    """Return the machine to plan for: from saved facts where the answers name them, else this,
    with what was measured on it before."""
    saved = answers.text("machine.facts")
    return machines.load(folder / at_home(saved)) if saved else kept.with_kept(probe(folder))


Fetched = Mapping[SplitName, tuple[HubSplit, Path]]
"""Datasets on the Hub by the file that they replace, each with its local folder."""
_NOTHING: Fetched = MappingProxyType({})
_USES: Mapping[SplitName, str] = MappingProxyType({"general": "train"})
"""The split to use of a dataset, where it is not named like the file."""


def hub_splits(answers: Answers, told: Callable[[str], None]) -> Fetched:
    """Fetch the datasets on the Hub that the answers name; raises as `local` does."""
    asked, look = {name: answers.text(f"data.{name}") for name in FILES}, looking(told)
    return {
        name: local(one, _USES.get(name, name), told, look)
        for name, one in asked.items()
        if is_reference(one)
    }


def data_files(answers: Answers, folder: Path, hub: Fetched = _NOTHING) -> dict[SplitName, Path]:
    """Return the data files that the answers name; for datasets of `hub`, their folders."""
    return {
        name: hub[name][1] if name in hub else folder / at_home(answers.text(f"data.{name}"))
        for name in FILES
        if answers.text(f"data.{name}")
    }


def recipe(answers: Answers, context: int) -> Recipe:
    """Return how to make a corpus from the files, for a model with a context of that many tokens.

    Raises UsageProblem where `train.max_length` exceeds the context.
    """
    length = answers.integer("train.max_length")
    if length > context:
        raise UsageProblem(
            Key("train.max_length"),
            f" is {length}, but the model's context is {context} tokens.",
            fix=Answer("train.max_length", context),
        )
    columns = None
    if answers.text("data.format") in ("columns", "classification"):
        columns = {
            "prompt": answers.text("data.prompt_column"),
            "completion": answers.text("data.completion_column"),
        }
    return Recipe(
        format=answers.text("data.format"),
        columns=columns,
        system=answers.text("data.system"),
        fraction=answers.number("data.validation_fraction"),
        seed=answers.integer("train.seed"),
        max_length=length,
        context=context,
        mending=mending(answers),
        general_share=answers.number("data.general_share"),
        objective=answers.text("method.objective"),
        roles=answers.chosen("data.roles"),
    )


def mending(answers: Answers) -> Mending:
    """Return which rows the answers leave out or change."""
    return Mending(
        drop=answers.chosen("data.drop"),
        redact=answers.flag("data.redact"),
        dedupe=cast(Dedupe, answers.text("data.dedupe")),
        long=cast(Long, answers.text("data.long")),
        bad_rows=answers.number("data.bad_rows"),
    )


def _template(answers: Answers, folder: Path, model: Path) -> ChatTemplate:
    own = answers.text("model.template")
    return load_template(model, file=folder / at_home(own) if own else None)


def _corpus(
    answers: Answers,
    folder: Path,
    how: Recipe,
    template: ChatTemplate,
    tokenizer: Tokenizer,
    hub: Fetched,
) -> tuple[Corpus, ChatTemplate]:
    """Return the rows and the template that rendered them.

    Where the model's own template rewrites earlier turns or drops a part of one, its training
    variant is used, if there is one.
    """
    files = data_files(answers, folder, hub)
    try:
        return corpus.build(how, files, template, tokenizer), template
    except NEED_VARIANT:
        other = None if answers.text("model.template") else variant(template)
        if not other:
            raise
        return corpus.build(how, files, other, tokenizer), other


def _parts(rows: Corpus) -> list[Part]:
    return [*rows.parts, *([rows.general] if rows.general else [])]


def _part(part: Part, hub: Fetched) -> PartFacts:
    return PartFacts(
        split=part.split,
        source=part.source,
        format=part.format,
        rows=len(part.rows),
        sha256=part.sha256,
        tokens_sha256=part.tokens_sha256,
        hub=hub[part.source][0] if part.source in hub else None,
    )


def _stream(rows: Corpus, answers: Answers) -> StreamFacts:
    train = rows.part("train")
    assert train is not None
    lengths = _lengths(train)
    seed, count = answers.integer("train.seed"), len(lengths)
    epochs = range(answers.integer("train.epochs"))
    if count * len(epochs) > limits.MOST_ORDERED_ROWS:
        raise UsageProblem(
            Key("train.epochs"),
            f" is {len(epochs)}, and that many epochs of {count:,} rows exceed the limit of "
            f"{limits.MOST_ORDERED_ROWS:,} rows.",
            fix=Change("train.epochs", "a smaller number"),
        )
    return StreamFacts(
        max_length=rows.max_length,
        rows=count,
        longest=max(lengths),
        tokens=sum(row.tokens for row in train.encoded),
        scored_tokens=sum(row.scored for row in train.encoded),
        cut_rows=rows.cut_rows,
        sha256=train.tokens_sha256,
        order_sha256=tuple(order_sha256(epoch_order(count, seed, epoch)) for epoch in epochs),
        lengths=lengths,
        held_out=_lengths(rows.part("validation")),
    )


def _lengths(part: Part | None) -> tuple[int, ...]:
    return tuple(one.length for one in part.encoded) if part else ()
