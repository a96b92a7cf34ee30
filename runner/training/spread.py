"""The part of a trainer for engines whose processes share the states of a training."""

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from planner.models.folder import CONFIG
from planner.parallelism.engine import of_engine
from runner.training import states
from runner.training.exchange import take_first
from runner.training.held import Held
from runner.training.in_passes import InPasses
from runner.training.job import Job
from runner.training.states import Sharding
from runner.training.stored import is_shared

_SCHEDULER = "scheduler.pt"


def sharding_of(job: Job) -> Sharding | None:
    """Return how the processes of a job share its states; None where each has all of them."""
    kind = of_engine(job.parallel.engine).shards
    if kind == "deepspeed":
        from runner.training.zero import Zero

        return Zero(job)
    if kind == "fsdp2":
        from runner.training.fsdp2 import Fully

        return Fully(job)
    return None


class Spread(InPasses):
    """Saves and resumes what several processes share, in files that do not depend on them."""

    alone: bool
    _sharding: Sharding | None = None

    def __init__(self, *, job: Job, **arguments: Any) -> None:
        self._sharding = sharding_of(job)
        self._dtype = job.train.dtype
        self._shards_itself = of_engine(job.parallel.engine).shards == "fsdp2"
        super().__init__(job=job, **arguments)
        self.alone = self._sharding is None and job.ranks.count == 1
        if self._replicated or self._shards_itself:
            # transformers then leaves the placement and the gradients of the model to us
            self.is_distributed_loading_by_transformers = True

    def _move_model_to_device(self, model: Any, device: torch.device) -> None:
        if not self._shards_itself:  # a card may not have room for all of it
            super()._move_model_to_device(model, device)

    def _sync_replicated_trainable_parameters(self, model: Any) -> None:
        """Take the initial values of rank 0, where each process has all of them."""
        if self._replicated:
            take_first([one for one in self.model.parameters() if one.requires_grad])

    def _defer_fsdp_gradient_reduction(self) -> Any:
        """Reduce the gradients of each micro-batch: complete ones would need more memory."""
        return nullcontext()

    def _prepare_for_training(self, max_steps: int, loader: Any, checkpoint: str | None) -> Any:
        shared = self._sharding
        if shared is None and not (checkpoint and is_shared(Path(checkpoint))):
            return super()._prepare_for_training(max_steps, loader, checkpoint)
        shared = shared or Held()
        shared.shard(self.model)
        found = super()._prepare_for_training(max_steps, loader, None)
        shared.prepared(self)
        if checkpoint:
            self._resume(Path(checkpoint), shared)
        return found

    def evaluation_loop(self, *given: Any, **named: Any) -> Any:
        """Return the result of an evaluation, after which the model is shared as before it."""
        found = super().evaluation_loop(*given, **named)
        if self._sharding is not None:
            self._sharding.reshard(self.model)
        return found

    def _names(self) -> list[str]:
        """Return the trained parameters in the order of the optimizer's groups."""
        decays = set(self.get_decay_parameter_names(self.model))
        return sorted(states.trained(self.model), key=lambda name: name not in decays)

    def _resume(self, checkpoint: Path, shared: Sharding) -> None:
        states.read(self.model, shared, checkpoint, self._names(), optimizer=True)
        kept, own = torch.load(checkpoint / _SCHEDULER, weights_only=True), self.lr_scheduler
        own.last_epoch, own._step_count = kept["last_epoch"], kept["_step_count"]
        factors = [factor(own.last_epoch) for factor in own.lr_lambdas]
        own._last_lr = [a * b for a, b in zip(own.base_lrs, factors, strict=True)]
        groups = self.optimizer.param_groups  # DeepSpeed leaves out those without parameters
        for group, rate in zip(groups, own._last_lr, strict=True):
            group["lr"] = rate

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self._sharding is None and not is_shared(Path(resume_from_checkpoint)):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_best_model(self) -> None:
        if self._sharding is None:
            super()._load_best_model()
            return
        best = Path(self.state.best_model_checkpoint)
        states.read(self.model, self._sharding, best, self._names(), optimizer=False)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if self._sharding is None:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        writes = bool(self.args.should_save)
        states.write(self.model, self._sharding, Path(output_dir), writes=writes)
        if writes:
            torch.save(self.lr_scheduler.state_dict(), os.path.join(output_dir, _SCHEDULER))

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the adapter or the model as safetensors that transformers and PEFT load.

        A collective call, where rank 0 writes.
        """
        if self._sharding is None:
            super().save_model(output_dir, _internal_call)
            return
        found = self._gathered(self._sharding)
        if self.args.should_save:
            self._save(output_dir, state_dict=found)
            _keep_dtype(Path(str(output_dir)) / CONFIG, self._dtype)
        self._ranks.wait()

    def _gathered(self, shared: Sharding) -> dict[str, torch.Tensor]:
        """Return what is saved of the model, by name: an adapter in float32, or all weights as they
        compute. Empty where this process saves nothing."""
        adapter, writes = isinstance(self.model, PeftModel), bool(self.args.should_save)
        named = states.trained(self.model) if adapter else self.model.state_dict(keep_vars=True)
        found: dict[int, torch.Tensor] = {}
        for one in named.values():
            if id(one) in found:
                continue
            whole = shared.value(one).cpu() if adapter else _saved(shared, one)
            found[id(one)] = whole if writes else whole.new_empty(0)
        return {name: found[id(one)] for name, one in named.items()}


def _keep_dtype(config: Path, dtype: str) -> None:
    """Name the type of the saved weights: that of what is trained may be wider."""
    if config.exists():
        fields = json.loads(config.read_bytes()) | {"dtype": dtype}
        config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", "utf-8")


def _saved(shared: Sharding, one: Any) -> torch.Tensor:
    parameter = isinstance(one, torch.nn.Parameter)
    found: torch.Tensor = shared.weight(one) if parameter else one.detach().cpu()
    return found
