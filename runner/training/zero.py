"""ZeRO by DeepSpeed: its configuration, and the float32 values that its processes share."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.state import DistributedType, PartialState

from lockfiles.errors import RunFailed
from lockfiles.fixes import Answer
from planner.models.architecture import architecture
from planner.models.folder import CONFIG
from planner.models.shapes import config_json
from planner.parallelism.engine import of_engine
from planner.parallelism.zero3 import ENGINE
from runner.training.compiled import layers
from runner.training.job import Job
from runner.training.stored import STATES

_OWN_EXCHANGE = "deepspeed_shm_comm"
"""DeepSpeed's exchange in shared memory, which it would compile for a processor."""
PERSISTENT_ELEMENTS = 100_000
"""Parameters with fewer elements are not shared at stage 3: DeepSpeed's default."""
_NEVER = 1 << 62


def stage_of(job: Job) -> int:
    """Return the stage of ZeRO by which a job is shared; 0 for another engine."""
    planned = of_engine(job.parallel.engine)
    return planned.zero_stage if planned.shards == "deepspeed" else 0


def configuration(job: Job) -> dict[str, Any]:
    """Return DeepSpeed's configuration of a job
    (https://www.deepspeed.ai/docs/config-json/, `deepspeed/runtime/zero/config.py`).

    The optimizer is torch's AdamW, on a processor too, where offloading keeps its states: DeepSpeed
    would compile its own one there. Clipping is DeepSpeed's.
    """
    train, ranks = job.train, job.ranks.count
    rows = train.micro_batch * (train.accumulation if train.pass_tokens else 1)
    accumulation = 1 if train.pass_tokens else train.accumulation
    return {
        "train_batch_size": rows * accumulation * ranks,
        "train_micro_batch_size_per_gpu": rows,
        "gradient_accumulation_steps": accumulation,
        "gradient_clipping": train.gradient_clip,
        "bf16": {"enabled": train.dtype == "bfloat16"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "zero_optimization": _zero(job),
        "steps_per_print": _NEVER,
    }


def _zero(job: Job) -> dict[str, Any]:
    parallel, stage = job.parallel, stage_of(job)
    found: dict[str, Any] = {
        "stage": stage,
        "reduce_bucket_size": parallel.bucket,
        "allgather_bucket_size": parallel.bucket,
    }
    if stage == 3:
        found |= {
            "stage3_prefetch_bucket_size": parallel.prefetch,
            "stage3_param_persistence_threshold": min(PERSISTENT_ELEMENTS, _head(job)),
            "stage3_gather_16bit_weights_on_model_save": False,
            "memory_efficient_linear": False,  # its own function for F.linear, in Python
        }
    in_main_memory = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    if parallel.offload != "none":
        found["offload_optimizer"] = in_main_memory
    if parallel.offload == "all":
        found["offload_param"] = in_main_memory
    return found


def _head(job: Job) -> int:
    """Return fewer elements than the head has, so that it is always shared.

    TRL reads it outside of its module. DeepSpeed's record of what is gathered next would fail where
    it is sometimes complete.
    """
    shape = architecture(config_json.read(job.base / CONFIG), CONFIG)
    return shape.vocabulary * shape.hidden - 1


@contextmanager
def loading(job: Job) -> Iterator[None]:
    """Make transformers load a model in shares where weights are shared, as long as this lasts.

    transformers finds the configuration by a weak reference.
    """
    if not stage_of(job):
        yield
        return
    started()
    from transformers.integrations.deepspeed import HfDeepSpeedConfig

    from runner.training.in_shares import compare_complete_shapes

    compare_complete_shapes()
    kept = HfDeepSpeedConfig(configuration(job))
    yield
    del kept


def started() -> None:
    """Import DeepSpeed and let it use the processes that torch has already joined."""
    on_card = torch.cuda.is_available()
    os.environ["DS_ACCELERATOR"] = "cuda" if on_card else "cpu"
    import deepspeed

    if not on_card:
        deepspeed.ops.__compatible_ops__[_OWN_EXCHANGE] = False
        PartialState._prepare_backend = _gloo
    deepspeed.init_distributed("nccl" if on_card else "gloo", verbose=False)


def _gloo(*_: Any, **__: Any) -> tuple[str, DistributedType]:
    """Return the backend of a processor: accelerate looks for cards only under DeepSpeed."""
    return "gloo", DistributedType.MULTI_CPU


def gathered_at_once(model: Any) -> list[Any]:
    """Return the layers of a model that stage 3 gathers as one: none if the largest has more
    elements than the engine's record says.

    It reduces the gradients of such a layer once that of its input is there. So two kinds of layers
    are left out: the first one that is trained, if embeddings are frozen, since its input has no
    gradient; and layers with a parameter that is used elsewhere too, whose gradient comes later.
    """
    every = list(layers(model))
    if max(map(_elements, every), default=0) > ENGINE.whole:
        return []
    used = Counter(id(one) for _, one in model.named_parameters(remove_duplicate=False))
    first = None if _is_trained(model.get_input_embeddings()) else _first_trained(every)
    return [
        layer for layer in every
        if layer is not first and all(used[id(one)] == 1 for one in layer.parameters())
    ]  # fmt: skip


def _first_trained(every: Sequence[Any]) -> Any:
    return next((layer for layer in every if _is_trained(layer)), None)


def _is_trained(module: Any) -> bool:
    return any(one.requires_grad for one in module.parameters())


def check_input(layer: Any, given: tuple[Any, ...]) -> None:
    """Raise RunFailed if the input of a layer that is gathered as one has no gradient: those of its
    parameters would be lost. A hook before its forward pass."""
    if not torch.is_grad_enabled():
        return
    if not any(isinstance(one, torch.Tensor) and one.requires_grad for one in given):
        raise RunFailed(
            f"ZeRO stage 3 cannot train a `{type(layer).__name__}` whose input has no gradient.",
            fix=Answer("machine.parallel", "fsdp2"),
        )


def _elements(layer: Any) -> int:
    """Return the elements of a layer's weights, those of other processes included."""
    return sum(int(getattr(one, "ds_numel", one.numel())) for one in layer.parameters())


class Zero:
    """The shared values of a trainer that DeepSpeed has prepared."""

    def __init__(self, job: Job) -> None:
        self._stage = stage_of(job)
        self._moves_weights = job.parallel.offload == "all"
        self._engine: Any = None
        self._linked = False

    @property
    def _optimizer(self) -> Any:
        """DeepSpeed's optimizer around torch's."""
        return self._engine.optimizer

    @property
    def _flat(self) -> list[torch.Tensor]:
        """This process's float32 values, by group."""
        shared = self._optimizer
        found: list[torch.Tensor] = (
            shared.fp32_partitioned_groups_flat
            if self._stage == 3
            else shared.single_partition_of_fp32_groups
        )
        return found

    def shard(self, model: Any) -> None:
        """Have stage 3 gather a layer at once, when the trainer prepares its model.

        The hooks around each module in a layer take the host longer than the layer takes a card.
        Weights in main memory take longer than the hooks.
        """
        if self._stage == 3 and not self._moves_weights:
            from deepspeed.utils import set_z3_leaf_module

            for layer in gathered_at_once(model):
                set_z3_leaf_module(layer, True)
                if _is_trained(layer):
                    layer.register_forward_pre_hook(check_input)

    def reshard(self, model: Any) -> None:
        """Do nothing: DeepSpeed finds the shards of a parameter that is gathered."""

    def prepared(self, trainer: Any) -> None:
        """Take what the trainer has prepared."""
        self._engine = trainer.model_wrapped

    def steps(self) -> int:
        """Return how many steps AdamW has made."""
        states: Mapping[Any, Any] = self._optimizer.optimizer.state
        return next((int(one["step"]) for one in states.values()), 0)

    def states(self, parameter: Any) -> Sequence[str]:
        """Return the names of a parameter's optimizer states: DeepSpeed counts a gradient that is
        lacking as zeros."""
        return STATES if self.steps() else ()

    def value(self, parameter: Any, state: str = "") -> torch.Tensor:
        """Return all of a trained parameter in float32, or of one of its states. Collective."""
        from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

        if state:
            self._link()
        found: torch.Tensor = (
            safe_get_full_optimizer_state(parameter, state)
            if state
            else safe_get_full_fp32_param(parameter)
        )
        return found

    def weight(self, parameter: Any) -> torch.Tensor:
        """Return all of a parameter as it computes. Collective."""
        import deepspeed

        with deepspeed.zero.GatheredParameters([parameter], enabled=self._stage == 3):
            found: torch.Tensor = parameter.detach().cpu().clone()
        return found

    def make_states(self, parameters: Collection[Any], steps: int) -> None:
        """Make AdamW's states as after some steps, for `put` to fill; those of other parameters
        stay zero."""
        inner = self._optimizer.optimizer
        fused = any(group.get("fused") for group in inner.param_groups)
        for one in self._flat:
            device = one.device if fused else torch.device("cpu")
            made = {"step": torch.tensor(float(steps), device=device)}
            inner.state[one] = made | {name: torch.zeros_like(one) for name in STATES}
        self._link()

    def _link(self) -> None:
        """Link each parameter with its states: DeepSpeed does so after the first group's step, when
        those of other groups are not made."""
        if self._stage < 3 and not self._linked:
            self._optimizer._hp_optimizer_states_linked = False
            self._optimizer._lazy_init_hp_params_optimizer_state()
            self._linked = True

    def put(self, parameter: Any, value: torch.Tensor, state: str = "") -> None:
        """Replace this process's share of a parameter, or of one of its states."""
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

        if state:
            safe_set_full_optimizer_state(parameter, value, state)
        else:
            safe_set_full_fp32_param(parameter, value)

    def settle(self) -> None:
        """Let what computes follow the float32 values that were put. Collective."""
        shared = self._optimizer
        if self._stage < 3:
            shared.update_lp_params()
            return
        shared._partition_all_parameters()  # as in DeepSpeed's own step
        for group in range(len(shared.fp16_groups)):
            shared._reassign_or_swap_out_partitioned_parameters(group)
        if shared.persistent_parameters:
            shared.persistent_parameters[0].all_gather(shared.persistent_parameters)
