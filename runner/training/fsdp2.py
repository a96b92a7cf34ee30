"""FSDP2: torch's `fully_shard`, layer by layer, and the float32 values that its processes share."""

from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    FSDPModule,
    MixedPrecisionPolicy,
    OffloadPolicy,
    fully_shard,
)
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from runner.training.compiled import layers
from runner.training.held import Held
from runner.training.job import Job

_MOST_UNEVEN = 1.01
"""What the greatest share of a parameter may take of an even one."""


class Fully(Held):
    """The shared values of a trainer whose model is sharded here.

    What is trained is kept in float32, what is frozen in the type of the lock; both compute in the
    type of the lock.
    """

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._count = job.ranks.count
        self._dtype: torch.dtype = getattr(torch, job.train.dtype)
        self._offloads = job.parallel.offload != "none"

    def shard(self, model: Any) -> None:
        """Replace the parameters of a model by shards on this process's device.

        A layer is gathered where it computes, and what is outside of layers for all of a pass.
        """
        kind = "cuda" if torch.cuda.is_available() else "cpu"
        mesh = init_device_mesh(kind, (self._count,))
        offload: OffloadPolicy = (
            CPUOffloadPolicy(kind == "cuda") if self._offloads else OffloadPolicy()
        )
        policy = MixedPrecisionPolicy(param_dtype=self._dtype)
        for part in (*layers(model), model):
            _widen(part)
            fully_shard(
                part, mesh=mesh, mp_policy=policy, offload_policy=offload,
                shard_placement_fn=self._placement,
            )  # fmt: skip
        _move_buffers(model, kind)

    def reshard(self, model: Any) -> None:
        """Replace gathered parameters of a model by this process's shards.

        torch leaves those outside of layers gathered after a forward pass, for the backward pass
        that an evaluation does not have: complete, and in the type that computes.
        """
        for part in model.modules():
            if isinstance(part, FSDPModule):
                part.reshard()

    def _placement(self, parameter: nn.Parameter) -> Shard | None:
        """Return the dimension by which a parameter is shared; None for the first one.

        torch does not divide what this dimension counts: of three experts, one of two processes
        would hold two. Another dimension must be divisible.
        """
        rows, *others = parameter.shape
        if self._count * -(-rows // self._count) <= _MOST_UNEVEN * rows:
            return None
        fitting = (at for at, size in enumerate(others, 1) if size % self._count == 0)
        return next((Shard(at) for at in fitting), None)

    def value(self, parameter: Any, state: str = "") -> torch.Tensor:
        """Return all of a trained parameter in float32, or of one of its states. Collective."""
        own = self._optimizer.state[parameter][state] if state else parameter
        return _whole(own)

    def weight(self, parameter: Any) -> torch.Tensor:
        """Return all of a parameter as it computes. Collective."""
        return _whole(parameter).to(self._dtype).cpu()

    def put(self, parameter: Any, value: torch.Tensor, state: str = "") -> None:
        """Replace this process's share of a parameter, or of one of its states."""
        own = self._optimizer.state[parameter][state] if state else parameter.detach()
        device = own.device_mesh.device_type
        share = distribute_tensor(
            value.to(device), own.device_mesh, own.placements, src_data_rank=None
        )
        own.to_local().copy_(share.to_local())


def _widen(part: nn.Module) -> None:
    """Keep the trained parameters of a part that is not yet sharded in float32."""
    for one in part.parameters():
        if one.requires_grad and not isinstance(one, DTensor):
            one.data = one.data.float()


def _move_buffers(model: nn.Module, kind: str) -> None:
    for module in model.modules():
        for name, one in module.named_buffers(recurse=False):
            module._buffers[name] = one.to(kind)


def _whole(own: Any) -> torch.Tensor:
    """Return all of a shard. Raises RuntimeError for a parameter that is gathered: a gathered one
    has the type that computes, and is not what the optimizer knows."""
    found = own.detach()
    if not isinstance(found, DTensor):
        raise RuntimeError("A parameter is read while it is gathered.")
    return found.full_tensor()
