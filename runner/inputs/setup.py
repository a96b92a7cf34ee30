"""The training setup and the model of a lock, as estimates of memory and speed take them."""

from lockfiles.lock import TrainingLock
from planner.models.architecture import of_lock
from planner.models.facts import ModelFacts
from planner.search.space import AUTOCAST
from planner.setup.setup import Profile


def profile_of(lock: TrainingLock, longest: int, padded: bool) -> Profile:
    """Return a lock's plan for rows of at most `longest` tokens.

    `padded` says whether rows of a micro-batch differ in length.
    """
    method, train = lock.method, lock.train
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
        autocast=AUTOCAST and train.dtype == "bfloat16",
        fused=train.optimizer == "adamw_torch_fused",
        accumulates=train.accumulation > 1,
        optimizer=train.optimizer,
        parallel=lock.parallel.engine,
        ranks=lock.parallel.processes,
        offload=lock.parallel.offload,
    )


def model_of(lock: TrainingLock) -> ModelFacts:
    """Return the model as a lock describes it, without reading its files."""
    model = lock.model
    return ModelFacts(model.source, (), of_lock(model), model.parameters, model.dtype)
