"""Whether the things that a lock names are here, and are the same: model, template, rows, tokens.

Nothing here writes or needs torch: `tunelock check` and the prepare stage both call it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path

from lockfiles import digest
from lockfiles.compare import Difference, consequence
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.lock import Lock
from planner import architecture, targets
from planner.data import corpus, held_out
from planner.data.corpus import Corpus
from planner.data.encode import load_tokenizer
from planner.data.mend.steps import mending
from planner.data.names import FILES, SplitName
from planner.data.order import epoch_order, order_sha256
from planner.data.part import Recipe
from planner.data.template import ChatTemplate, load_template
from planner.data.training import variant
from planner.integrity import integrity
from runner import places as inputs

Told = Callable[[str, int, int, str], None]
"""Called with what is done, how much of it, out of how much, and the unit."""

SHOWN = 3
TENSORS = {"train": "result", "merge": "model"}
"""The stages that leave tensors, and the folder in which each does."""


def silent(what: str, done: int, total: int, unit: str) -> None:
    """Tell nobody."""


def check_whole(lock: Lock) -> None:
    """Compare a lock with itself and with this program.

    Raises UsageProblem where it needs a newer Tunelock or adapts layers that the model does not
    have, DigestDiffers where it was edited by hand: results are kept by its digests.
    """
    here = _version_here()
    if here and _numbers(lock.requires_runner) > _numbers(here):
        raise UsageProblem(
            f"The lock needs Tunelock {lock.requires_runner} or newer, and this is {here}.",
            hint="pip install --upgrade tunelock",
        )
    _check_targets(lock)
    stated = lock.model_dump(exclude_unset=True)
    made = integrity(stated)
    others = [
        f"`{name}`"
        for name in dict.fromkeys((*made, *lock.integrity))
        if lock.integrity.get(name) != made.get(name)
    ]
    if others:
        raise DigestDiffers(
            f"The lock was changed after it was planned: its digests of {', '.join(others)} "
            "are not those of its values.",
            hint="change `run.toml` instead, then run `tunelock plan run.toml`",
        )


def _check_targets(lock: Lock) -> None:
    """An adapter for a layer that is not there would fail once the model is loaded."""
    known = targets.preset(architecture.of_lock(lock.model), "all-linear")
    for name in lock.method.targets:
        if name not in known:
            raise UsageProblem(
                f"`method.targets` names `{name}`, which is no linear layer of "
                f"`{lock.model.family}`.",
                hint="tunelock plan run.toml",
            )


def _version_here() -> str:
    """Return this program's version; empty in a checkout that was never installed."""
    try:
        return version("tunelock")
    except PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def check_kept(folder: Path, digests: Mapping[str, str]) -> None:
    """Compare the tensors that a done stage left with the digest that it reported.

    Raises DigestDiffers where they are damaged or gone.
    """
    try:
        found = digest.of_tensors(sorted(folder.glob("*.safetensors")))
    except UsageProblem as problem:
        found = problem.message
    if found not in digests.values():
        raise DigestDiffers(
            f"The tensors in `{folder}` are no longer those that their stage left.",
            hint="put them back, or train again with `tunelock run run.lock --fresh`",
        )


def check_model(lock: Lock, folder: Path, told: Told = silent) -> None:
    """Compare every file of the base model with the lock.

    Raises UsageProblem where the folder or a file is missing, DigestDiffers where one changed.
    """
    if not folder.is_dir():
        raise UsageProblem(
            f"The model folder `{folder}` does not exist.", hint="add `--locate model=PATH`"
        )
    total = sum(file.size_bytes for file in lock.model.files)
    done, found, changed = 0, list[Difference](), list[str]()
    for index, file in enumerate(lock.model.files):
        path = folder / file.name
        if not path.is_file():
            raise UsageProblem(
                f"`{path}` is missing, and the lock names it.", hint="add `--locate model=PATH`"
            )
        sha256 = digest.of_file(path)
        if sha256 != file.sha256:
            field = f"model.files.{index}.sha256"
            found.append(Difference(field, file.sha256, sha256, consequence(field)))
            changed.append(f"`{path}`")
        done += path.stat().st_size
        told("checking the model", done, total, "bytes")
    refuse(found, ", ".join(changed[:SHOWN]))


def template_of(lock: Lock, model: Path, places: Mapping[str, Path]) -> ChatTemplate:
    """Return the lock's chat template. Raises DigestDiffers where it is another one."""
    date = datetime.fromisoformat(lock.template.date)
    template = load_template(model, file=places.get("template"), now=lambda: date)
    if lock.template.source == "training":
        template = variant(template) or template
    refuse(
        _differing(
            ("template.sha256", lock.template.sha256, template.sha256),
            ("template.golden_sha256", lock.template.golden_sha256, template.golden_sha256()),
        ),
        "the chat template",
    )
    return template


def corpus_of(lock: Lock, model: Path, places: Mapping[str, Path], told: Told = silent) -> Corpus:
    """Return the rows and tokens of a lock, every digest compared.

    Raises DigestDiffers for rows, tokens or an order that are not those of the lock, and
    DataRefused where what is held out is all trained on.
    """
    template = template_of(lock, model, places)
    rows = corpus.build(
        recipe_of(lock),
        {part: places[part] for part in _sources(lock)},
        template,
        load_tokenizer(model),
        lambda split, count: told(f"encoding {split}", count, count, "rows"),
    )
    _check_parts(lock, rows)
    held_out.check(rows)
    _check_orders(lock)
    return rows


def recipe_of(lock: Lock) -> Recipe:
    """Return how the lock turns files into a corpus."""
    first = lock.data[0]
    split_off = next((part for part in lock.data if part.split == "validation"), first)
    general = next((part for part in lock.data if part.split == "general"), None)
    columns = {"prompt": first.prompt_column, "completion": first.completion_column}
    return Recipe(
        format=first.format if first.format == "columns" else "auto",
        columns=columns if first.format == "columns" else None,
        system=first.system,
        fraction=split_off.fraction,
        seed=general.split_seed if general else split_off.split_seed,
        max_length=lock.stream.max_length_tokens,
        context=lock.model.context_tokens,
        mending=mending({(fix.step, fix.what) for fix in lock.fix}),
        split_by=split_off.split_by,
        general_share=general.fraction if general else 0.0,
    )


def refuse(found: list[Difference], what: str) -> None:
    """Raise DigestDiffers with the first differences, where there are any."""
    if not found:
        return
    lines = [
        f"\n  ~ {one.field}  {_short(one.locked)} → {_short(one.found)}  {one.consequence}"
        for one in found[:SHOWN]
    ]
    more = f"\n  and {len(found) - SHOWN} more" if found[SHOWN:] else ""
    count = "1 field differs" if len(found) == 1 else f"{len(found)} fields differ"
    raise DigestDiffers(
        f"`run.lock` does not match {what}: {count}{''.join(lines)}{more}",
        hint="put the locked files back, or plan again with `tunelock plan run.toml`",
    )


def _sources(lock: Lock) -> list[SplitName]:
    return [name for name in FILES if any(inputs.name_of(part) == name for part in lock.data)]


def _check_parts(lock: Lock, rows: Corpus) -> None:
    found: list[Difference] = []
    for index, locked in enumerate(lock.data):
        part = rows.part(locked.split)
        key = f"data.{index}"
        found += _differing(
            (f"{key}.format", locked.format, part.format if part else ""),
            (f"{key}.rows", locked.rows, len(part.rows) if part else 0),
            (f"{key}.sha256", locked.sha256, part.sha256 if part else ""),
            (f"{key}.tokens_sha256", locked.tokens_sha256, part.tokens_sha256 if part else ""),
        )
    wanted = [_step(fix.source, fix.step, fix.what, fix.rows) for fix in lock.fix]
    made = [_step(step.file, step.step, step.what, step.rows) for step in rows.steps]
    for index, (one, other) in enumerate(zip_longest(wanted, made, fillvalue="none")):
        found += _differing((f"fix.{index}", one, other))
    refuse(found, "the data")


def _step(file: str, step: str, what: str, rows: int) -> str:
    return f"{step} {what} in {file}: {rows}"


def _check_orders(lock: Lock) -> None:
    """Compare the orders one by one: the first that differs ends it."""
    for epoch, locked in enumerate(lock.stream.order_sha256):
        made = order_sha256(epoch_order(lock.stream.rows, lock.train.seed, epoch))
        refuse(_differing((f"stream.order_sha256.{epoch}", locked, made)), "the order of the rows")


def _differing(*fields: tuple[str, object, object]) -> list[Difference]:
    return [
        Difference(field, locked, found, consequence(field))
        for field, locked, found in fields
        if locked != found
    ]


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) >= 64 else text
