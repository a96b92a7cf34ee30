"""Checks that the tables of a lock are consistent with each other.

Every rule must hold for all locks that any version of `plan` wrote.
"""

from collections.abc import Callable, Iterator

from lockfiles import known, limits, sense_of_reasons, sense_of_rows, sense_of_stages
from lockfiles.engines import ENGINES
from lockfiles.objectives import NAMES
from lockfiles.sense_of_rows import Contradiction, pinned, shown, unique
from lockfiles.tables import Tables, TrainingTables, names_of

_NEEDED_FILES = ("config.json", "tokenizer.json")
_ENGINES_PACKAGES = 8
"""The first revision of locks that name the packages of their engine."""
_MOST_PER_BYTE = 2
"""Elements per byte of the narrowest type in safetensors (4 bits)."""


def contradictions(lock: Tables) -> Iterator[Contradiction]:
    """Yield the contradictions in a lock whose values are each valid."""
    if isinstance(lock, TrainingTables):
        for check_training in _CHECKS_OF_TRAINING:
            yield from check_training(lock)
    for check in _CHECKS:
        yield from check(lock)


def _decision(lock: TrainingTables) -> Iterator[Contradiction]:
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
        yield "model.files", "has no `.safetensors` weights"
    if sum(file.size_bytes for file in model.files) > limits.MOST_BYTES:
        yield "model.files", "is larger than any disk"
    if model.parameters > _MOST_PER_BYTE * sum(weights):
        yield "model.parameters", "is more than the files can contain"
    shape = model.architecture
    for width in (shape.vocabulary, shape.layers):
        if width * shape.hidden > model.parameters:
            yield "model.architecture.hidden", "implies more parameters than `model.parameters`"
            return


def _template(lock: TrainingTables) -> Iterator[Contradiction]:
    yield from unique("template.end_ids", lock.template.end_ids)
    if lock.template.pad_id >= lock.model.architecture.vocabulary:
        yield "template.pad_id", "is beyond the model's vocabulary"


def _stream(lock: TrainingTables) -> Iterator[Contradiction]:
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


def _passes(lock: TrainingTables) -> Iterator[Contradiction]:
    """Padding-free passes: each epoch has a digest of them, and a step as many as it has rows."""
    stream, train = lock.stream, lock.train
    laid = train.pass_tokens > 0
    if len(stream.passes_sha256) != (lock.train.epochs if laid else 0):
        yield (
            "stream.passes_sha256",
            "must have one digest for each of `train.epochs`"
            if laid
            else ("is for passes of `train.pass_tokens`"),
        )
    rows = train.micro_batch * train.accumulation * lock.parallel.processes
    if train.most_passes > (rows if laid else 1):
        yield "train.most_passes", "is more than a step can have"
    most = rows * stream.max_length_tokens
    if train.pass_tokens > most:
        yield "train.pass_tokens", "is more than a step can have"
    if laid and not stream.packing:
        yield "train.pass_tokens", "is for packed rows, but `stream.packing` is off"
    if train.graph_sizes and train.attention != "varlen":
        yield "train.graph_sizes", "is for passes whose `train.attention` is `varlen`"
    if list(train.graph_sizes) != sorted(set(train.graph_sizes)):
        yield "train.graph_sizes", "must ascend"
    if train.graph_sizes and train.graph_sizes[-1] >= train.pass_tokens + limits.GRAPH_STEP:
        yield "train.graph_sizes", "has more tokens than a pass can have"
    if train.graph_sizes and train.checkpointing:
        yield "train.graph_sizes", "is not for `train.checkpointing`"
    if train.graph_sizes and lock.model.architecture.experts:
        yield "train.graph_sizes", "is not for a mixture of experts"
    engine = ENGINES[lock.parallel.engine]
    if train.graph_sizes and not engine.graphs:
        yield "train.graph_sizes", f"is not for `{lock.parallel.engine}`"
    if train.kernels == "compiled" and not engine.compiles:
        yield "train.kernels", f"cannot be `compiled` with `{lock.parallel.engine}`"
    if train.kernels == "compiled" and not (laid and lock.machine.kind == "cuda"):
        yield "train.kernels", "is for passes of `train.pass_tokens` on a card"
    yield from _fp8(lock)
    if train.attention == "varlen" and not (laid and lock.machine.kind == "cuda"):
        yield "train.attention", "is for passes of `train.pass_tokens` on a card"
    elif train.attention == "varlen" and train.dtype != "bfloat16":
        yield "train.attention", "is for `train.dtype` of `bfloat16`"


def _fp8(lock: TrainingTables) -> Iterator[Contradiction]:
    """Products in FP8: of what they were measured with only."""
    train, name = lock.train, "train.base_products"
    if train.base_products != "fp8":
        return
    if train.kernels != "compiled" or train.attention != "varlen":
        yield name, "is `fp8`, which is for compiled layers and `train.attention` of `varlen`"
    if lock.method.kind != "lora":
        yield name, f"is `fp8`, which is for `lora`, not for `{lock.method.kind}`"
    if lock.objective.name != NAMES[0]:
        yield name, f"is `fp8`, which is for `{NAMES[0]}`, not for `{lock.objective.name}`"
    if lock.parallel.processes > 1:
        yield name, "is `fp8`, which is for one process"
    if lock.exactness.exact:
        yield name, "is `fp8`, for which bit-exact results are not verified"


def _method(lock: TrainingTables) -> Iterator[Contradiction]:
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


def _train(lock: TrainingTables) -> Iterator[Contradiction]:
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


def _parallel(lock: TrainingTables) -> Iterator[Contradiction]:
    parallel, on_card = lock.parallel, lock.machine.kind == "cuda"
    engine = ENGINES[parallel.engine]
    several, offloads = parallel.processes > 1, parallel.offload != "none"
    if not engine.takes(parallel.processes):
        yield "parallel.processes", f"is not a valid number for `{parallel.engine}`"
    if parallel.processes % parallel.nodes:
        yield "parallel.nodes", "must divide `parallel.processes`"
    if offloads and parallel.offload not in engine.offloads:
        yield "parallel.offload", f"is not supported by `{parallel.engine}`"
    if not on_card and offloads:
        yield "parallel.offload", "is for cards, but the machine has none"
    if on_card and lock.machine.count != parallel.processes:
        yield "machine.count", "must equal `parallel.processes`: each process has its own card"
    if several and lock.stream.packing and not lock.train.pass_tokens:
        yield "stream.packing", "needs `train.pass_tokens`, since `parallel.processes` is larger"
    if (several or offloads) and lock.exactness.exact:
        yield "exactness.exact", "is possible for a single process without offloading only"


def _machine(lock: TrainingTables) -> Iterator[Contradiction]:
    machine, named = lock.machine, bool(lock.machine.accelerator or lock.machine.capability)
    if machine.kind == "cpu" and (named or machine.count):
        yield "machine.kind", "is `cpu`, but a card is named"
    if machine.kind == "cuda" and not (machine.accelerator and machine.count):
        yield "machine.kind", "is `cuda`, but no card is named"
    if machine.kind == "cpu" and lock.exactness.environment.PYTORCH_ALLOC_CONF:
        yield "exactness.environment.PYTORCH_ALLOC_CONF", "is for a card, but the machine has none"


def _packages(lock: Tables) -> Iterator[Contradiction]:
    engine = lock.parallel.engine if isinstance(lock, TrainingTables) else "single"
    needed = known.packages((stage.kind for stage in lock.stage), engine)
    earlier = needed - ENGINES[engine].packages if lock.revision < _ENGINES_PACKAGES else needed
    if set(lock.packages) not in (needed, earlier):
        yield "packages", f"must have exactly these keys: {shown(sorted(needed))}"


def _prediction(lock: TrainingTables) -> Iterator[Contradiction]:
    parts = lock.prediction.components
    if any(size < 0 for name, size in parts.items() if name not in known.UNEXPLAINED):
        yield "prediction.components", "has a negative size"
    if sum(parts.values()) != lock.prediction.peak_bytes:
        yield "prediction.components", "does not add up to `prediction.peak_bytes`"
    if lock.prediction.flops_share and lock.machine.kind == "cpu":
        yield "prediction.flops_share", "is for a card, but the machine has none"
    if lock.prediction.flops_share and not lock.prediction.step_seconds:
        yield "prediction.flops_share", "needs `prediction.step_seconds`"
    yield from _origins(lock)


def _origins(lock: TrainingTables) -> Iterator[Contradiction]:
    found = lock.prediction
    if found.process_origin and lock.machine.kind != "cpu":
        yield "prediction.process_origin", "is for a plan without a card"
    if found.timed_by and lock.machine.kind != "cpu":
        yield "prediction.timed_by", "is for a plan without a card"
    for name in ("timed_seconds", "timed_tokens"):
        if bool(getattr(found, name)) != bool(found.timed_by):
            yield f"prediction.{name}", "does not agree with `prediction.timed_by`"
    for name in ("timed_evaluation_seconds", "timed_evaluation_tokens", "timed_save_seconds"):
        if getattr(found, name) and not found.timed_by:
            yield f"prediction.{name}", "does not agree with `prediction.timed_by`"
    if bool(found.timed_evaluation_seconds) != bool(found.timed_evaluation_tokens):
        yield (
            "prediction.timed_evaluation_tokens",
            "does not agree with `prediction.timed_evaluation_seconds`",
        )


def _why(lock: Tables) -> Iterator[Contradiction]:
    unknown = set(lock.why) - names_of(type(lock))
    if unknown:
        yield f"why.{min(unknown)}", "is a reason for a value that locks do not have"


_CHECKS: tuple[Callable[[Tables], Iterator[Contradiction]], ...] = (
    _model, _packages, sense_of_stages.stages, _why,
)  # fmt: skip
_CHECKS_OF_TRAINING: tuple[Callable[[TrainingTables], Iterator[Contradiction]], ...] = (
    _decision, sense_of_rows.data, sense_of_rows.fix, _template, _stream, _passes, _method, _train,
    _machine, _parallel, _prediction, sense_of_reasons.reasons,
)  # fmt: skip
