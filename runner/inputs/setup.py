"""The training setup and the model of a lock, as estimates of memory and speed take them."""

from lockfiles.lock import TrainingLock
from planner.memory.resident import QUANTIZER_BYTES
from planner.models.architecture import of_lock
from planner.models.facts import ModelFacts
from planner.search.space import AUTOCAST
from planner.setup.setup import Profile

LEAST_PROCESS_BYTES = 250_000_000
"""What a process with torch, transformers, TRL and PEFT needs at least."""


def profile_of(lock: TrainingLock, longest: int, padded: bool) -> Profile:
    """Return a lock's plan for rows of at most `longest` tokens.

    `padded` says whether rows of a micro-batch differ in length.
    """
    method, train, on_cpu = lock.method, lock.train, lock.machine.kind == "cpu"
    return Profile(
        device=lock.machine.kind,
        objective=lock.objective.name,
        method=method.kind,
        rank=method.rank,
        targets=tuple(method.targets),
        bias=method.bias,
        length=longest,
        micro_batch=train.micro_batch,
        checkpointing=train.checkpointing,
        dtype=train.dtype,
        dropout=method.dropout,
        padded=padded,
        packing=lock.stream.packing,
        pass_tokens=train.pass_tokens,
        kernels=train.kernels,
        base_products=train.base_products,
        graph_sizes=len(train.graph_sizes),
        attention="varlen" if train.attention == "varlen" else "own",
        autocast=AUTOCAST and train.dtype == "bfloat16",
        fused=train.optimizer == "adamw_torch_fused",
        accumulates=train.accumulation > 1 or train.most_passes > 1,
        optimizer=train.optimizer,
        parallel=lock.parallel.engine,
        ranks=lock.parallel.processes,
        offload=lock.parallel.offload,
        bucket=lock.parallel.bucket,
        process_bytes=_process_bytes(lock),
        held_tokens=lock.stream.tokens if on_cpu else 0,
    )


def _process_bytes(lock: TrainingLock) -> int:
    """Return the measured memory of a process that does not quantize; 0 where it is a typical
    value.

    A lock with too small a value must not make a plan seem to fit.
    """
    found = lock.prediction
    if found.process_origin != "measured":
        return 0
    more = QUANTIZER_BYTES * (lock.method.kind == "qlora")
    return max(LEAST_PROCESS_BYTES, found.components.get("process", 0) - more)


def model_of(lock: TrainingLock) -> ModelFacts:
    """Return the model as a lock describes it, without reading its files."""
    model = lock.model
    return ModelFacts(model.source, (), of_lock(model), model.parameters, model.dtype)
