"""Ways to reduce the gradients of a model over the cards of this host, in milliseconds.

    python -m tests.gpu.several.exchanges [--ranks 2] [--model Qwen2.5-1.5B] [--cpu]

Each gradient by itself; several in one launch of NCCL, as DDP in passes does; and copied to buckets
and back, as torch's DDP does. Nothing else computes meanwhile.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import FileStore
from torch.distributed.distributed_c10d import _coalescing_manager
from torch.multiprocessing.spawn import spawn

from tests.gpu.several.line import config_of

WARM, TIMES = 2, 7
BUCKETS_MIB = (32, 128, 512)
Gradients = list[torch.Tensor]


def main(arguments: Sequence[str] | None = None) -> int:
    """Time each way in as many processes as ranks."""
    given = argparse.ArgumentParser(prog="tests.gpu.several.exchanges")
    given.add_argument("--ranks", type=int, default=2)
    given.add_argument("--model", default="Qwen2.5-1.5B")
    given.add_argument("--cpu", action="store_true", help="reduce those of a tiny model with gloo")
    asked = given.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        own = (asked.ranks, str(Path(folder) / "group"), asked.model, asked.cpu)
        spawn(_measure, own, nprocs=asked.ranks)  # type: ignore[no-untyped-call]
    return 0


def shapes(model: str, *, tiny: bool) -> list[torch.Size]:
    """Return the shapes of a model's parameters, from the last to the first."""
    from transformers import AutoConfig, AutoModelForCausalLM

    own = config_of(model, tiny=tiny)
    with torch.device("meta"):
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model(**own))
    return [one.shape for one in made.parameters()][::-1]


def _measure(rank: int, ranks: int, group: str, model: str, cpu: bool) -> None:
    device = "cpu" if cpu else "cuda"
    if not cpu:
        torch.cuda.set_device(rank)
    store = FileStore(group, ranks)
    dist.init_process_group("gloo" if cpu else "nccl", store=store, rank=rank, world_size=ranks)
    found = [torch.full(one, 1.0 + rank, dtype=torch.bfloat16, device=device) for one in
             shapes(model, tiny=cpu)]  # fmt: skip
    total = sum(one.nbytes for one in found)
    for name, way in _ways():
        took = median(_seconds(way, found) for _ in range(WARM + TIMES))
        if rank == 0:
            print(f"{1e3 * took:8.2f} ms  {total / took / 1e9:6.1f} GB/s  {name}", flush=True)
    dist.destroy_process_group()


def _ways() -> Iterator[tuple[str, Callable[[Gradients], None]]]:
    yield "each by itself", _alone
    for mib in BUCKETS_MIB:
        yield f"in one launch, up to {mib} MiB", partial(_launched, most=mib << 20)
    for mib in BUCKETS_MIB:
        yield f"copied, up to {mib} MiB", partial(_copied, most=mib << 20)


def _seconds(way: Callable[[Gradients], None], found: Gradients) -> float:
    dist.barrier()
    _synchronize()
    began = time.monotonic()
    way(found)
    _synchronize()
    return time.monotonic() - began


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _alone(found: Gradients) -> None:
    works = [dist.all_reduce(one, async_op=True) for one in found]
    for work in works:
        work.wait()


def _launched(found: Gradients, most: int) -> None:
    works = []
    for some in grouped(found, most):
        with _coalescing_manager(async_ops=True) as work:
            for one in some:
                dist.all_reduce(one)
        works.append(work)
    for work in works:
        work.wait()


def _copied(found: Gradients, most: int) -> None:
    under_way = []
    for some in grouped(found, most):
        flat = torch.cat([one.flatten() for one in some])
        under_way.append((some, flat, dist.all_reduce(flat, async_op=True)))
    for some, flat, work in under_way:
        work.wait()
        parts = torch.split(flat, [one.numel() for one in some])
        torch._foreach_copy_(some, [a.view_as(b) for a, b in zip(parts, some, strict=True)])


def grouped(found: Gradients, most: int) -> Iterator[Gradients]:
    """Yield tensors in groups of at most so many bytes; a larger one alone."""
    some: Gradients = []
    for one in found:
        if some and sum(two.nbytes for two in some) + one.nbytes > most:
            yield some
            some = []
        some.append(one)
    if some:
        yield some


if __name__ == "__main__":
    sys.exit(main())
