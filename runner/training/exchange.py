"""What processes that each hold the model exchange: initial values, and the gradients of a step."""

from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist

BUCKET_ELEMENTS = 1 << 26
"""Elements that travel at once, unless a single gradient has more."""


def take_first(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace the values of parameters by those of rank 0, in place. A collective call."""
    for one in parameters:
        dist.broadcast(one.detach(), src=0)


def average(parameters: Sequence[torch.nn.Parameter], count: int) -> None:
    """Replace the gradients of parameters by their mean over `count` processes, in place.

    A collective call. A gradient that this process lacks counts as zeros.
    """
    for one in parameters:
        if one.grad is None:
            one.grad = torch.zeros_like(one)
    for bucket in _buckets([one.grad for one in parameters if one.grad is not None]):
        flat = torch.cat([one.flatten() for one in bucket])
        dist.all_reduce(flat)
        flat /= count
        parts = torch.split(flat, [one.numel() for one in bucket])
        torch._foreach_copy_(bucket, [a.view_as(b) for a, b in zip(parts, bucket, strict=True)])


def _buckets(gradients: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Yield gradients in their order, those of one bucket of the same type."""
    bucket: list[torch.Tensor] = []
    held = 0
    for one in gradients:
        other = bucket and bucket[0].dtype != one.dtype
        if bucket and (other or held + one.numel() > BUCKET_ELEMENTS):
            yield bucket
            bucket, held = [], 0
        bucket.append(one)
        held += one.numel()
    if bucket:
        yield bucket
