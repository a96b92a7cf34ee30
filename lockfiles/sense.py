"""Checks that the tables of a lock are consistent with each other.

Every rule must hold for all locks that any version of `plan` wrote.
"""

from collections.abc import Callable, Iterator

from lockfiles import known, limits, sense_of_reasons, sense_of_rows
from lockfiles.engines import ENGINES
from lockfiles.sense_of_rows import Contradiction, pinned, shown, unique
from lockfiles.stage_kinds.registry import KINDS
from lockfiles.stages import ORDER
from lockfiles.tables import Tables, field_names

_NEEDED_FILES = ("config.json", "tokenizer.json")
_MOST_PER_BYTE = 2
"""Elements per byte of the narrowest type in safetensors (4 bits)."""


def contradictions(lock: Tables) -> Iterator[Contradiction]:
    """Yield the contradictions in a lock whose values are each valid."""
    for check in _CHECKS:
        yield from check(lock)


def _decision(lock: Tables) -> Iterator[Contradiction]:
    found = lock.decision
    if "fine-tuning" not in found.verdict and not found.overridden.strip():
        yield "decision.overridden", "is empty, but the verdict is against fine-tuning"


def _model(lock: Tables) -> Iterator[Contradiction]:
    model = lock.model
    yield from pinned("model", model.source, model.revision, model.commit)
    names = [file.name for file in model.files]
    yield from unique("model.files", names)
    for name in _NEEDED_FILES:
        if name not in names:
            yield "model.files", f"has no `{name}`"
    weights = [file.size_bytes for file in model.files if file.name.endswith(".safetensors")]
    if not weights or not all(weights):
        yield "model.files", "has no `.safetensors` file with weights"
    if sum(file.size_bytes for file in model.files) > limits.MOST_BYTES:
        yield "model.files", "is larger than any disk"
    if model.parameters > _MOST_PER_BYTE * sum(weights):
        yield "model.parameters", "is more than the files can contain"
    shape = model.architecture
    for width in (shape.vocabulary, shape.layers):
        if width * shape.hidden > model.parameters:
            yield "model.architecture.hidden", "implies more parameters than `model.parameters`"
            return


def _template(lock: Tables) -> Iterator[Contradiction]:
    yield from unique("template.end_ids", lock.template.end_ids)
    if lock.template.pad_id >= lock.model.architecture.vocabulary:
        yield "template.pad_id", "is beyond the model's vocabulary"


def _stream(lock: Tables) -> Iterator[Contradiction]:
    stream, train = lock.stream, lock.data[0]
    if stream.rows != train.rows:
        yield "stream.rows", "is not the number of the training rows"
    if stream.sha256 != train.tokens_sha256:
        yield "stream.sha256", "is not the digest of the training rows' tokens"
    if len(stream.order_sha256) != lock.train.epochs:
        yield "stream.order_sha256", "must have one digest for each of `train.epochs`"
    if stream.rows * lock.train.epochs > limits.MOST_ORDERED_ROWS:
        yield (
            "train.epochs",
            (f"leads to more than the limit of {limits.MOST_ORDERED_ROWS:,} ordered rows"),
        )
    if stream.max_length_tokens > lock.model.context_tokens:
        yield "stream.max_length_tokens", "exceeds the model's context (`model.context_tokens`)"
    if stream.tokens > stream.rows * stream.max_length_tokens * lock.objective.sequences:
        yield "stream.tokens", "is more than the rows can contain"
    if stream.scored_tokens > stream.tokens:
        yield "stream.scored_tokens", "is more than `stream.tokens`"


def _method(lock: Tables) -> Iterator[Contradiction]:
    method = lock.method
    yield from unique("method.targets", method.targets)
    if method.kind == "full":
        if method.rank or method.alpha or method.dropout or method.targets:
            yield "method.rank", "is for an adapter, but full fine-tuning has none"
        if method.bias != "none":
            yield "method.bias", "is for an adapter, but full fine-tuning has none"
        return
    for name in ("rank", "alpha", "targets"):
        if not getattr(method, name):
            yield f"method.{name}", f"is empty, but `{method.kind}` needs a value"


def _train(lock: Tables) -> Iterator[Contradiction]:
    train, machine = lock.train, lock.machine
    rows = train.micro_batch * train.accumulation * lock.parallel.processes
    if rows > limits.MOST_EFFECTIVE_BATCH:
        yield (
            "train.accumulation",
            (f"leads to a step of more than {limits.MOST_EFFECTIVE_BATCH:,} rows"),
        )
    if machine.kind == "cpu" and train.optimizer != "adamw_torch":
        yield "train.optimizer", "is for a card, but the machine has none"
    if machine.kind == "cpu" and train.dtype != "float32":
        yield "train.dtype", "is for a card, but the machine has none"


def _parallel(lock: Tables) -> Iterator[Contradiction]:
    parallel, on_card = lock.parallel, lock.machine.kind == "cuda"
    engine = ENGINES[parallel.engine]
    several, offloads = parallel.processes > 1, parallel.offload != "none"
    if not engine.takes(parallel.processes):
        yield "parallel.processes", f"is not a valid number for `{parallel.engine}`"
    if offloads and parallel.offload not in engine.offloads:
        yield "parallel.offload", f"is not supported by `{parallel.engine}`"
    if not on_card and not engine.on_cpu:
        yield "parallel.engine", "is for cards, but the machine has none"
    if on_card and lock.machine.count != parallel.processes:
        yield "machine.count", "must equal `parallel.processes`: each process has its own card"
    if several and lock.stream.packing:
        yield "stream.packing", "is for a single process, but `parallel.processes` is larger"
    if (several or offloads) and lock.exactness.exact:
        yield "exactness.exact", "is possible for a single process without offloading only"


def _machine(lock: Tables) -> Iterator[Contradiction]:
    machine, named = lock.machine, bool(lock.machine.accelerator or lock.machine.capability)
    if machine.kind == "cpu" and (named or machine.count):
        yield "machine.kind", "is `cpu`, but a card is named"
    if machine.kind == "cuda" and not (machine.accelerator and machine.count):
        yield "machine.kind", "is `cuda`, but no card is named"
    if machine.kind == "cpu" and lock.exactness.environment.PYTORCH_ALLOC_CONF:
        yield "exactness.environment.PYTORCH_ALLOC_CONF", "is for a card, but the machine has none"


def _packages(lock: Tables) -> Iterator[Contradiction]:
    needed = known.packages(stage.kind for stage in lock.stage)
    if set(lock.packages) != needed:
        yield "packages", f"must have exactly these keys: {shown(sorted(needed))}"


def _prediction(lock: Tables) -> Iterator[Contradiction]:
    parts = lock.prediction.components
    if any(size < 0 for name, size in parts.items() if name not in known.UNEXPLAINED):
        yield "prediction.components", "has a negative size"
    if sum(parts.values()) != lock.prediction.peak_bytes:
        yield "prediction.components", "does not add up to `prediction.peak_bytes`"


def _stages(lock: Tables) -> Iterator[Contradiction]:
    ids, kinds = [stage.id for stage in lock.stage], [stage.kind for stage in lock.stage]
    yield from unique("stage", ids)
    if kinds != sorted(kinds, key=ORDER.index):
        yield "stage", f"must have its stages in this order: {shown(ORDER)}"
    for name in ("prepare", "train", "report"):
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
    for needed in kind.needs:
        if not needed & found:
            yield field, f"has no {' or '.join(f'`{name}`' for name in sorted(needed))}"
    if kind.reads_all and len(stage.inputs) < len(earlier):
        yield field, "must name every stage before it"
    full = lock.method.kind == "full"
    if kind.model == "adapter" and full:
        yield field, f"has no adapter, but a `{kind.name}` needs one: all weights were trained"
    if kind.model == "whole" and not full and "merge" not in found:
        yield field, f"has no `merge`, which a `{kind.name}` needs"


def _measured(lock: Tables) -> Iterator[Contradiction]:
    """Every stage that uses held-out rows uses the same split: `test`, or else `validation`."""
    splits = {part.split for part in lock.data}
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


def _why(lock: Tables) -> Iterator[Contradiction]:
    unknown = set(lock.why) - field_names()
    if unknown:
        yield f"why.{min(unknown)}", "is a reason for a value that locks do not have"


_CHECKS: tuple[Callable[[Tables], Iterator[Contradiction]], ...] = (
    _decision, sense_of_rows.data, sense_of_rows.fix, _model, _template, _stream, _method, _train,
    _machine, _parallel, _packages, _prediction, _stages, _why, sense_of_reasons.reasons,
)  # fmt: skip
