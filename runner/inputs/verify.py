"""Verifies the inputs that a lock names: model, chat template, rows and tokens.

Writes nothing and imports no torch: `tunelock check` and the `prepare` stage both call it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path

from lockfiles import digest
from lockfiles.compare import Difference
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.fixes import PLAN_INSTEAD, Advice, Command
from lockfiles.lock import Lock, TrainingLock
from planner.data.corpus import corpus, held_out
from planner.data.corpus.corpus import Corpus
from planner.data.corpus.part import Recipe
from planner.data.mend.steps import mending
from planner.data.rendering.ends import Ends
from planner.data.rows.splits import FILES, SplitName
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.order import epoch_order, order_sha256
from planner.data.tokens.special_tokens import special_tokens
from planner.data.tokens.template import ChatTemplate, load_template
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.training_template import variant
from planner.machines.probes import digests
from planner.memory import ESTIMATOR, estimate
from planner.models.architecture import of_lock
from planner.models.loadable import check_loadable
from planner.plan.integrity import integrity
from planner.plan.passes import Epoch
from planner.search import lora_targets
from runner.inputs import locations as inputs
from runner.inputs import view
from runner.inputs.as_locked import as_locked
from runner.inputs.attention import check_attention, check_dropout, check_recordable
from runner.inputs.compared import Sha256Of
from runner.inputs.differing import SHOWN, differing, refuse
from runner.inputs.ends import check_ends
from runner.inputs.model_facts import differing_facts
from runner.inputs.setup import model_of as shape_of
from runner.inputs.setup import profile_of
from runner.inputs.view import View

__all__ = ["SHOWN", "OnProgress", "check_model", "corpus_of", "model_of", "refuse", "template_of"]

OnProgress = Callable[[str, int, int, str], None]
"""Called with the activity, the amount done, the total, and the unit."""

LEAST_PREDICTED = 0.9
"""The least share of the closed form's memory that a lock must predict."""
LEAST_PREDICTED_BY_ANOTHER = 0.5
"""The same for a lock from another version of the closed form, whose estimates may differ."""


def silent(what: str, done: int, total: int, unit: str) -> None:
    """Report nothing."""


def check_whole(lock: Lock) -> None:
    """Check a lock's version and its own digests.

    Raises UsageProblem if it needs a newer Tunelock or adapts layers that the model does not have,
    and DigestDiffers if it was edited: results are stored under its digests.
    """
    here = version_here()
    if here and _numbers(lock.requires_runner) > _numbers(here):
        raise UsageProblem(
            f"The lock needs Tunelock {lock.requires_runner} or newer, but this is {here}.",
            fix=Command("pip install --upgrade tunelock"),
        )
    stated = lock.model_dump(exclude_unset=True)
    made = integrity(stated)
    others = [
        f"`{name}`"
        for name in dict.fromkeys((*made, *lock.integrity))
        if lock.integrity.get(name) != made.get(name)
    ]
    if others:
        raise DigestDiffers(
            "The lock was edited after it was planned: its digests of "
            f"{', '.join(others)} do not match its values.",
            fix=PLAN_INSTEAD,
        )
    if isinstance(lock, TrainingLock):
        _check_targets(lock)
        check_attention(lock)


def _check_targets(lock: TrainingLock) -> None:
    """Raise UsageProblem for an adapter on a layer that the model does not have."""
    known = lora_targets.preset(of_lock(lock.model), "all-linear")
    for name in lock.method.targets:
        if name not in known:
            raise UsageProblem(
                f"`method.targets` names `{name}`, which is not a linear layer of "
                f"`{lock.model.family}`.",
                fix=Command("tunelock plan run.toml"),
            )


def version_here() -> str:
    """Return this program's version; empty in a checkout that is not installed."""
    try:
        return version("tunelock")
    except PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def check_kept(folder: Path, digests: Mapping[str, str]) -> None:
    """Compare the tensors of a finished stage with the digest that it reported.

    Raises DigestDiffers if they are damaged or missing.
    """
    try:
        found = digest.of_tensors(sorted(folder.glob("*.safetensors")))
    except UsageProblem as problem:
        found = problem.message
    if found not in digests.values():
        raise DigestDiffers(
            f"The tensors in `{folder}` differ from those that their stage produced.",
            fix=(
                Advice("restore them"),
                Command("tunelock run run.lock --fresh", to="train again"),
            ),
        )


def check_model(lock: Lock, folder: Path, on_progress: OnProgress = silent) -> None:
    """Compare every file of the base model, and the facts derived from them, with the lock.

    Raises UsageProblem if the folder or a file is missing, DigestDiffers if one changed.
    """
    with model_of(lock, folder, on_progress=on_progress):
        pass


@contextmanager
def model_of(
    lock: Lock,
    folder: Path,
    into: Path | None = None,
    on_progress: OnProgress = silent,
    *,
    weights: bool = True,
    sha256: Sha256Of | None = digests.remembered,
    meanwhile: bool = False,
) -> Iterator[View]:
    """Yield a view of the base model, from which every loader reads; as `view.locked`.

    Also raises DigestDiffers if the lock's facts about the model do not match its files.
    """

    def compared(done: int, total: int) -> None:
        on_progress("checking the model", done, total, "bytes")

    with view.locked(
        lock.model, folder, into, compared, weights=weights, sha256=sha256, meanwhile=meanwhile
    ) as found:
        check_loadable(found.folder)
        refuse(differing_facts(lock.model, found.folder, weights=weights), f"`{folder}`")
        if isinstance(lock, TrainingLock):
            check_dropout(lock, found.folder)
            check_recordable(lock, found.folder)
        yield found


def template_of(lock: TrainingLock, model: Path, places: Mapping[str, Path]) -> ChatTemplate:
    """Return the lock's chat template. Raises DigestDiffers if it has changed."""
    date = datetime.fromisoformat(lock.template.date)
    own = {"template": places["template"]} if "template" in places else {}
    with as_locked(own or {"model": model}):
        template = load_template(model, file=places.get("template"), now=lambda: date)
        if lock.template.source == "training":
            template = variant(template) or template
        template = replace(template, ends=Ends(lock.template.answer_end, lock.template.call_end))
    found = differing(("template.sha256", lock.template.sha256, template.sha256))
    refuse(found, "the chat template")
    golden = template.golden_sha256()
    found = differing(("template.golden_sha256", lock.template.golden_sha256, golden))
    refuse(found, "the chat template")
    return template


def corpus_of(
    lock: TrainingLock, model: Path, places: Mapping[str, Path], on_progress: OnProgress = silent
) -> Corpus:
    """Return the rows and tokens of a lock, with every digest verified.

    Raises DigestDiffers for rows, tokens or an order that differ from the lock, and DataRefused if
    all held-out rows are also trained on.
    """
    template = template_of(lock, model, places)
    tokenizer = load_tokenizer(model)
    files = {part: places[part] for part in _sources(lock)}
    with as_locked({str(name): place for name, place in files.items()}):
        rows = corpus.build(
            recipe_of(lock),
            files,
            template,
            tokenizer,
            lambda split, count: on_progress(f"encoding {split}", count, count, "rows"),
        )
    _check_parts(lock, rows)
    _check_stream(lock, rows)
    _check_special(lock, model, tokenizer, rows)
    check_ends(lock.template, model, template, tokenizer)
    held_out.check(rows)
    _check_orders(lock)
    _check_passes(lock, rows)
    _check_prediction(lock, rows)
    return rows


def recipe_of(lock: TrainingLock) -> Recipe:
    """Return the lock's settings that turn files into a corpus."""
    first = lock.data[0]
    split_off = next((part for part in lock.data if part.split == "validation"), first)
    general = next((part for part in lock.data if part.split == "general"), None)
    columns = {"prompt": first.prompt_column, "completion": first.completion_column}
    mapped = bool(first.labels) or first.format == "columns"
    return Recipe(
        format="classification" if first.labels else first.format if mapped else "auto",
        columns=columns if mapped else None,
        system=first.system,
        fraction=split_off.fraction,
        seed=general.split_seed if general else split_off.split_seed,
        max_length=lock.stream.max_length_tokens,
        context=lock.model.context_tokens,
        mending=mending({(fix.step, fix.what) for fix in lock.fix}, first.bad_rows),
        split_by=split_off.split_by,
        general_share=general.fraction if general else 0.0,
        objective=lock.objective.name,
        roles=tuple(first.roles),
    )


def _sources(lock: TrainingLock) -> list[SplitName]:
    return [name for name in FILES if any(inputs.name_of(part) == name for part in lock.data)]


def _check_parts(lock: TrainingLock, rows: Corpus) -> None:
    first, found = lock.data[0], list[Difference]()
    labels = list(rows.labelled.labels) if rows.labelled else []
    for index, locked in enumerate(lock.data):
        part = rows.part(locked.split)
        key = f"data.{index}"
        found += differing(
            (f"{key}.format", locked.format, part.format if part else ""),
            (f"{key}.rows", locked.rows, len(part.rows) if part else 0),
            (f"{key}.sha256", locked.sha256, part.sha256 if part else ""),
            (f"{key}.tokens_sha256", locked.tokens_sha256, part.tokens_sha256 if part else ""),
            (f"{key}.format", locked.format, part.format if part else ""),
            (f"{key}.source", inputs.name_of(locked), part.source if part else ""),
            (f"{key}.prompt_column", locked.prompt_column, first.prompt_column),
            (f"{key}.completion_column", locked.completion_column, first.completion_column),
            (f"{key}.system", locked.system, first.system),
            (f"{key}.roles", locked.roles, first.roles),
            (f"{key}.labels", locked.labels, labels if locked.split == "train" else []),
            (f"{key}.bad_rows", locked.bad_rows, first.bad_rows),
        )
    wanted = [_step(fix.source, fix.step, fix.what, fix.rows) for fix in lock.fix]
    made = [_step(step.file, step.step, step.what, step.rows) for step in rows.steps]
    for index, (one, other) in enumerate(zip_longest(wanted, made, fillvalue="none")):
        found += differing((f"fix.{index}", one, other))
    unlocked = [part.split for part in rows.parts if all(part.split != d.split for d in lock.data)]
    found += differing(("data", [], unlocked))
    refuse(found, "the data")


def _step(file: str, step: str, what: str, rows: int) -> str:
    return f"{step} {what} in {file}: {rows}"


def _check_stream(lock: TrainingLock, rows: Corpus) -> None:
    """Compare the lock's facts about the training tokens with the tokens themselves."""
    train, stream = rows.part("train"), lock.stream
    encoded = train.encoded if train else ()
    refuse(
        differing(
            ("stream.max_length_tokens", stream.max_length_tokens, rows.max_length),
            ("stream.rows", stream.rows, len(encoded)),
            ("stream.tokens", stream.tokens, sum(row.tokens for row in encoded)),
            ("stream.scored_tokens", stream.scored_tokens, sum(row.scored for row in encoded)),
            ("stream.sha256", stream.sha256, train.tokens_sha256 if train else ""),
        ),
        "the tokens",
    )


def _check_special(lock: TrainingLock, model: Path, tokenizer: Tokenizer, rows: Corpus) -> None:
    """Compare the lock's padding and end tokens with those of the model and its rows."""
    train = rows.part("train")
    found = special_tokens(model, tokenizer, train.encoded if train else ())
    refuse(
        differing(
            ("template.pad_id", lock.template.pad_id, found.pad_id),
            ("template.end_ids", lock.template.end_ids, list(found.end_ids)),
        ),
        "the special tokens",
    )


def _check_prediction(lock: TrainingLock, rows: Corpus) -> None:
    """Compare the predicted memory with the closed form's for these rows.

    Only a prediction that is too low is an error: a run that does not fit would seem to fit. A
    rehearsed prediction is a measurement and is not recomputed here.
    """
    train, locked = rows.part("train"), lock.prediction.peak_bytes
    if lock.prediction.estimator == "rehearsal" or train is None:
        return
    same = lock.prediction.estimator == ESTIMATOR
    least = LEAST_PREDICTED if same else LEAST_PREDICTED_BY_ANOTHER
    longest = max(row.length for row in train.encoded)
    plan = profile_of(lock, longest, padded=lock.train.micro_batch > 1)
    found = estimate(shape_of(lock), plan).peak.peak_bytes
    if locked < least * found:
        refuse(differing(("prediction.peak_bytes", locked, found)), "the estimated memory")


def _check_passes(lock: TrainingLock, rows: Corpus) -> None:
    """Compare the passes of each epoch, up to the first that differs."""
    train, settings = rows.part("train"), lock.train
    if not settings.pass_tokens or train is None:
        return
    lengths = [row.length for row in train.encoded]
    longest = max(lengths)
    if longest > settings.pass_tokens:
        refuse(differing(("train.pass_tokens", settings.pass_tokens, longest)), "the passes")
    ranks, most = lock.parallel.processes, 0
    size = settings.micro_batch * settings.accumulation * ranks
    for epoch, locked in enumerate(lock.stream.passes_sha256):
        order = epoch_order(lock.stream.rows, settings.seed, epoch)
        found = Epoch.of(lengths, order, size, settings.pass_tokens, ranks)
        refuse(differing((f"stream.passes_sha256.{epoch}", locked, found.sha256)), "the passes")
        most = max(most, found.most_passes)
        largest = max(found.tokens)
        if settings.graph_sizes and largest > settings.graph_sizes[-1]:
            what = ("train.graph_sizes", settings.graph_sizes[-1], largest)
            refuse(differing(what), "the passes")
    refuse(differing(("train.most_passes", settings.most_passes, most)), "the passes")


def _check_orders(lock: TrainingLock) -> None:
    """Compare the order of rows of each epoch, up to the first that differs."""
    for epoch, locked in enumerate(lock.stream.order_sha256):
        made = order_sha256(epoch_order(lock.stream.rows, lock.train.seed, epoch))
        refuse(differing((f"stream.order_sha256.{epoch}", locked, made)), "the order of the rows")
