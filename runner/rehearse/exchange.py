"""Times the collective operations by which the processes of an engine exchange tensors."""

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch
import torch.distributed as dist

from planner.parallelism.engine import Collective, PlannedEngine
from planner.speed.exchanged import Exchanged, sent_bytes
from runner.engines.ranks import Ranks

_MIB = 1 << 20
SIZES = {"cuda": (_MIB, 16 * _MIB, 256 * _MIB), "cpu": (_MIB, 4 * _MIB, 16 * _MIB)}
"""Bytes of the tensors, ascending. The largest ones show what the links carry, the smallest ones
what an exchange takes at least."""
_WARM_UP, _REPEATED = 2, 5
_WIDTH = 4
_NANO = 1e9

_CALLS: Mapping[Collective, Callable[[torch.Tensor, torch.Tensor], object]] = {
    "all-reduce": lambda whole, share: dist.all_reduce(whole),
    "all-gather": dist.all_gather_into_tensor,
    "reduce-scatter": lambda whole, share: dist.reduce_scatter_tensor(share, whole),
}
"""Each operation on the complete tensor and this process's share of it."""


def exchanged(engine: PlannedEngine, ranks: Ranks) -> tuple[Exchanged, ...]:
    """Return the times of an engine's operations; none for one process. A collective call."""
    if ranks.count == 1:
        return ()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = tuple(
        _timed(collective, size, device, ranks)
        for collective in engine.collectives
        for size in SIZES[device]
    )
    if device == "cuda":
        torch.cuda.empty_cache()  # the steps are measured next
    return found


def _timed(collective: Collective, size: int, device: str, ranks: Ranks) -> Exchanged:
    each = size // _WIDTH // ranks.count
    whole = torch.zeros(each * ranks.count, dtype=torch.float32, device=device)
    share = torch.zeros(each, dtype=torch.float32, device=device)
    own = [_seconds(collective, whole, share, ranks) for _ in range(_WARM_UP + _REPEATED)]
    nanoseconds = [round(one * _NANO) for one in own[_WARM_UP:]]
    slowest = [max(turn) for turn in zip(*ranks.gathered(nanoseconds), strict=True)]
    tensor = whole.numel() * _WIDTH
    return Exchanged(
        collective=collective,
        tensor_bytes=tensor,
        sent_bytes=sent_bytes(collective, tensor, ranks.count),
        seconds=median(slowest) / _NANO,
    )


def _seconds(
    collective: Collective, whole: torch.Tensor, share: torch.Tensor, ranks: Ranks
) -> float:
    """Return the time of one operation that all processes begin together."""
    ranks.wait()
    began = time.monotonic()
    _CALLS[collective](whole, share)
    if whole.is_cuda:
        torch.cuda.synchronize()
    return time.monotonic() - began
