"""A plan as text, and the changes of a new one."""

from lockfiles.compare import differences
from lockfiles.lock import Lock, TrainingLock
from lockfiles.objectives import NAMES
from planner.data.checks.wording import several
from planner.objectives.registry import title_of
from planner.parallelism.engines import cannot_run, described
from tui.terminal.units import batch, memory, size
from tui.terminal.wrap import all_folded
from tui.text import predicted

_DONE = {
    "drop": "left out",
    "redact": "redacted",
    "dedupe": "left out",
    "truncate": "cut",
    "split": "split",
}
_MOST_SIZES = 6
_SHOWN_WHY = ("method.kind", "method.rank", "train.micro_batch")


def summary(lock: Lock) -> list[str]:
    """Return a plan in a few lines: verdict, method and memory, each with its reason."""
    if not isinstance(lock, TrainingLock):
        return _of_exports(lock)
    method, train, peak = lock.method, lock.train, lock.prediction
    kind = method.kind if method.kind == "full" else f"{method.kind}, rank {method.rank}"
    rows = batch(lock)
    lines = [
        f"verdict   {lock.decision.verdict}",
        *(f"          {reason}" for reason in lock.decision.reasons),
        *(f"  against {reason}" for reason in lock.decision.against),
        *_data(lock),
        *([f"objective {other}"] if (other := objective(lock)) else []),
        f"method    {kind}",
        *_reasons(lock, "method.kind", "method.rank", *_left_out(lock)),
        f"batch     {rows}, {several(train.epochs, 'epoch')} of {lock.stream.rows:,} rows",
        *_reasons(
            lock,
            "train.micro_batch",
            *(["train.accumulation"] if train.accumulation > 1 or train.pass_tokens else []),
            "stream.packing",
            "train.kernels",
            "train.base_products",
            "train.graph_sizes",
        ),
        *_sizes(lock),
        *_parallel(lock),
        *_ahead(lock),
        *_head(lock),
        *_tokenizer(lock),
        *_template(lock),
        *_ending(lock),
        f"memory    {memory(peak.peak_bytes)}{_each(lock)} at its peak ({peak.phase}), "
        f"of {memory(lock.machine.memory_bytes)}{_shared(lock)}",
        *(f"          {memory(value):>9} {name}" for name, value in _largest(peak.components)),
        *_time(lock),
        f"disk      {size(peak.disk_bytes)}",
        f"stages    {' → '.join(stage.id for stage in lock.stage)}",
    ]
    return lines


def _of_exports(lock: Lock) -> list[str]:
    return [
        "nothing is trained: exports the base model",
        f"model     {lock.model.source}, {lock.model.parameters:,} parameters",
        f"disk      {size(lock.prediction.disk_bytes)}",
        *(f"exports   GGUF {', '.join(one.settings['levels'])}" for one in lock.of_kind("gguf")),
        *(f"push      {one.settings['to']}" for one in lock.of_kind("push")),
        f"stages    {' → '.join(stage.id for stage in lock.stage)}",
    ]


def page(lock: Lock) -> list[str]:
    """Return a plan's summary in lines that fit the terminal."""
    return all_folded(summary(lock))


def _sizes(lock: TrainingLock) -> list[str]:
    """Return the sizes that passes are filled up to, or how many there are, where it is many."""
    found = lock.train.graph_sizes
    if not found:
        return []
    said = ", ".join(map(str, found))
    if len(found) > _MOST_SIZES:
        said = f"{len(found)}, from {found[0]:,} to {found[-1]:,}"
    return [f"          Sizes: {said} tokens."]


def _data(lock: TrainingLock) -> list[str]:
    """Return the rows of each split, how they were split off, and what is fixed in them."""
    rows = ", ".join(f"{part.rows:,} {part.split}" for part in lock.data)
    steps = [
        f"          {_DONE[fix.step]} in {fix.source}: {several(fix.rows, 'row')} ({fix.what})"
        for fix in lock.fix
        if fix.rows
    ]
    if lock.fix and not steps:
        steps = ["          No rows need fixing."]
    return [
        f"rows      {rows}",
        *_reasons(
            lock,
            "data.split_by",
            "data.fraction",
            "data.rows",
            "data.format",
            "data.system",
            "data.labels",
        ),
        *steps,
    ]


def objective(lock: TrainingLock) -> str:
    """Return what the loss teaches, with its settings; empty for the default objective."""
    settings = lock.objective.model_dump()
    name = settings.pop("name")
    if name == NAMES[0]:
        return ""
    values = (f"{key.replace('_', ' ')} {value}" for key, value in settings.items())
    return ", ".join((title_of(name), *values))


def _each(lock: TrainingLock) -> str:
    return " in each process" if lock.parallel.processes > 1 else ""


def _shared(lock: TrainingLock) -> str:
    one = lock.parallel.processes == 1 or lock.machine.kind != "cpu"
    return "" if one else " that they share"


def shared(lock: TrainingLock) -> str:
    """Return how several processes share the work, and what is offloaded; empty for one without
    an engine."""
    parallel = lock.parallel
    if parallel.engine == "single":
        return ""
    return described(
        lock.machine.kind, parallel.engine, parallel.processes, parallel.offload, parallel.nodes
    )


def _parallel(lock: TrainingLock) -> list[str]:
    if not (way := shared(lock)):
        return []
    return [f"parallel  {way}", *_reasons(lock, "parallel.engine", "parallel.bucket")]


def _time(lock: TrainingLock) -> list[str]:
    time = predicted.time(lock)
    return [f"time      {time}", *_reasons(lock, "prediction.seconds")]


def _head(lock: TrainingLock) -> list[str]:
    own = "model.architecture.tied" in lock.why
    return ["head      its own", *_reasons(lock, "model.architecture.tied")] * own


def _ahead(lock: TrainingLock) -> list[str]:
    found = _reasons(lock, "model.parameters")
    return ["left out  multi-token prediction", *found] if found else []


def _tokenizer(lock: TrainingLock) -> list[str]:
    found = _reasons(lock, "model.architecture.vocabulary")
    return ["tokens    beyond the embedding", *found] if found else []


def _template(lock: TrainingLock) -> list[str]:
    kinds = {"training": "training variant", "local:template": "a file"}
    kind = kinds.get(lock.template.source, "the model's own")
    reasons = _reasons(lock, "template.source", "template.sha256")
    return [f"template  {kind}", *reasons] if reasons else []


def _ending(lock: TrainingLock) -> list[str]:
    found = _reasons(lock, "template.end_ids")
    return ["ending    no end token", *found] if found else []


def _left_out(lock: "TrainingLock") -> list[str]:
    """Return the key of dropout if adapters have none: its reason is worth a line then."""
    return ["method.dropout"] if lock.method.rank and not lock.method.dropout else []


def _reasons(lock: TrainingLock, *keys: str) -> list[str]:
    return [f"          {lock.why[key]}" for key in keys if key in lock.why]


def _largest(components: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(components.items(), key=lambda item: -item[1])[:4]


def beyond(lock: Lock) -> str:
    """Return why this version cannot run a lock, as a sentence; empty if it can."""
    if not isinstance(lock, TrainingLock):
        return ""
    asked = lock.parallel
    return cannot_run(
        lock.machine.kind, asked.engine, asked.processes, asked.offload, lock.method.kind
    )


def changes(before: Lock | None, after: Lock) -> list[str]:
    """Return the changes of a new plan relative to the existing lock."""
    if before is None:
        return ["no lock exists yet"]
    found = differences(before, after)
    if not found:
        return ["the lock would not change"]
    return [f"  ~ {one.field}  {one.locked} → {one.found}  {one.consequence}" for one in found]
