"""What one process of a training holds: peaks of its memory, and its share of the parameters."""

from pathlib import Path
from typing import Any


def memory(*, reset: bool = False) -> dict[str, int]:
    """Return this process's peaks in bytes, and what its card holds outside of torch; with `reset`
    the peaks of its card begin again."""
    import torch

    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    peak = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    found = {"host_bytes": int(peak["VmHWM"]) * 1024}
    if not torch.cuda.is_available():
        return found
    free, total = torch.cuda.mem_get_info()
    found |= {
        "allocated_bytes": torch.cuda.max_memory_allocated(),
        "reserved_bytes": torch.cuda.max_memory_reserved(),
        "outside_bytes": total - free - torch.cuda.memory_reserved(),
    }
    if reset:
        torch.cuda.reset_peak_memory_stats()
    return found


def shares(wrapped: Any, model: Any, optimizer: Any) -> dict[str, Any]:
    """Return the class around a model, and of its parameters and its optimizer the elements here;
    `optimizer` is torch's, or DeepSpeed's around it."""
    every = list(model.parameters())
    flat = getattr(optimizer, "fp32_partitioned_groups_flat", None) or getattr(
        optimizer, "single_partition_of_fp32_groups", None
    )
    own = flat or [one for group in optimizer.param_groups for one in group["params"]]
    return {
        "wrapper": type(wrapped).__name__,
        "parameters": sum(map(_all_of, every)),
        "parameters_here": sum(map(_here, every)),
        "trained": sum(_all_of(one) for one in every if one.requires_grad),
        "optimized_here": sum(map(_here, own)),
        "devices": sorted({str(one.device) for one in own}),
    }


def _here(one: Any) -> int:
    from torch.distributed.tensor import DTensor

    if isinstance(one, DTensor):
        return int(one.to_local().numel())
    return int(getattr(one, "ds_tensor", one).numel())


def _all_of(one: Any) -> int:
    return int(getattr(one, "ds_numel", one.numel()))
