"""Checks that a lock's stages match each other and its tables; a part of `lockfiles.sense`."""

from collections.abc import Iterator, Set

from lockfiles.sense_of_rows import Contradiction, shown, unique
from lockfiles.stage_kinds.registry import KINDS
from lockfiles.stages import ORDER
from lockfiles.tables import Tables, TrainingTables


def stages(lock: Tables) -> Iterator[Contradiction]:
    """Yield the contradictions in the stages."""
    ids, kinds = [stage.id for stage in lock.stage], [stage.kind for stage in lock.stage]
    yield from unique("stage", ids)
    if kinds != sorted(kinds, key=ORDER.index):
        yield "stage", f"must have its stages in this order: {shown(ORDER)}"
    trained = ("train",) if isinstance(lock, TrainingTables) else ()
    for name in ("prepare", *trained, "report"):
        if name not in kinds:
            yield "stage", f"has no `{name}`"
    for index, stage in enumerate(lock.stage):
        if stage.kind in kinds[:index] and not KINDS[stage.kind].repeats:
            yield f"stage.{index}.kind", f"is a second `{stage.kind}`, but a lock may have only one"
        yield from _inputs(lock, index)
    if set(lock.integrity) != set(ids):
        yield "integrity", "must have one digest for each stage"
    yield from _measured(lock)


def _inputs(lock: Tables, index: int) -> Iterator[Contradiction]:
    """A stage reads only earlier stages of permitted kinds, and all that its kind needs."""
    stage, field = lock.stage[index], f"stage.{index}.inputs"
    kind, earlier = KINDS[stage.kind], {one.id: one.kind for one in lock.stage[:index]}
    yield from unique(field, stage.inputs)
    for name in stage.inputs:
        if name not in earlier or not kind.may_read(earlier[name]):
            yield (
                field,
                f"names `{name}`, which is not an earlier stage for a `{kind.name}` to read",
            )
            return
    found = {earlier[name] for name in stage.inputs}
    needs = kind.needs if isinstance(lock, TrainingTables) else kind.untrained
    if needs is None:
        yield f"stage.{index}.kind", f"is a `{kind.name}`, but the lock trains nothing"
        return
    for needed in needs:
        if not needed & found:
            yield field, f"has no {' or '.join(f'`{name}`' for name in sorted(needed))}"
    if kind.reads_all and len(stage.inputs) < len(earlier):
        yield field, "must name every stage before it"
    if isinstance(lock, TrainingTables):
        yield from _model(lock, index, found)


def _model(lock: TrainingTables, index: int, found: Set[str]) -> Iterator[Contradiction]:
    """A stage that needs an adapter has one among its inputs, and so has one that needs a model."""
    kind, field = KINDS[lock.stage[index].kind], f"stage.{index}.inputs"
    full = lock.method.kind == "full"
    if kind.model == "adapter" and full:
        yield field, f"has no adapter, but a `{kind.name}` needs one: all weights were trained"
    if kind.model == "whole" and not full and "merge" not in found:
        yield field, f"has no `merge`, which a `{kind.name}` needs"


def _measured(lock: Tables) -> Iterator[Contradiction]:
    """Every stage that uses held-out rows uses the same split: `test`, or else `validation`."""
    splits = {part.split for part in lock.splits}
    held = next((name for name in ("test", "validation") if name in splits), "")
    for index, stage in enumerate(lock.stage):
        rows, key = stage.settings.get("rows"), f"stage.{index}.settings"
        if rows is None:
            continue
        if rows != held:
            wanted = f"must be `{held}`" if held else "needs held-out rows, but there are none"
            yield f"{key}.rows", f"{wanted}: only held-out rows are evaluated"
        elif stage.settings["samples"] and not held:
            yield f"{key}.samples", "needs held-out rows, but there are none"
    for kind in KINDS.values():
        if name := kind.distinct:
            items = [item for stage in lock.of_kind(kind.name) for item in stage.settings[name]]
            yield from unique(f"stage.settings.{name}", items)
