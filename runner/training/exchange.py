"""What processes that each hold the model exchange: initial values, and the gradients of a step."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist

from planner.parallelism.ddp import ALONE_ELEMENTS, BUCKET_ELEMENTS, TRAVELING_ELEMENTS


def take_first(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace the values of parameters by those of rank 0, in place. A collective call."""
    for one in parameters:
        dist.broadcast(one.detach(), src=0)


@dataclass
class _Bucket:
    """Parameters whose gradients travel together."""

    parameters: list[torch.nn.Parameter]
    awaited: set[int] = field(default_factory=set)
    """The `id` of each parameter whose gradient has not come yet in this step."""
    flat: torch.Tensor | None = None
    """What travels: a copy, or the gradient itself if it is alone."""
    work: Any = None

    @property
    def copied(self) -> int:
        """The elements of the copy."""
        alone = len(self.parameters) == 1
        return 0 if alone else sum(one.numel() for one in self.parameters)

    def send(self) -> None:
        """Begin to exchange gradients; one that is lacking counts as zeros."""
        for one in self.parameters:
            if one.grad is None:
                one.grad = torch.zeros_like(one)
        found = [one.grad for one in self.parameters if one.grad is not None]
        alone = len(found) == 1 and found[0].is_contiguous()
        self.flat = found[0] if alone else torch.cat([one.flatten() for one in found])
        how = dist.ReduceOp.AVG if self.flat.is_cuda else dist.ReduceOp.SUM  # gloo has no mean
        self.work = dist.all_reduce(self.flat, op=how, async_op=True)

    def receive(self, count: int) -> None:
        """Wait, and replace the gradients by their mean over `count` processes."""
        self.work.wait()
        if self.flat is None:
            raise RuntimeError("a bucket is received before it is sent")
        if not self.flat.is_cuda:
            self.flat /= count
        found = [one.grad for one in self.parameters if one.grad is not None]
        if found[0] is not self.flat:
            parts = torch.split(self.flat, [one.numel() for one in found])
            torch._foreach_copy_(found, [a.view_as(b) for a, b in zip(parts, found, strict=True)])
        self.flat = self.work = None


@dataclass
class Exchange:
    """Replaces the gradients of a step by their mean over all processes.

    Buckets are the same on every process and travel in the same order, each as soon as all of its
    gradients and those of the buckets before it have come: while the backward pass computes others.
    A large gradient travels alone and is not copied: for full weights, copies to and from buckets
    would move several times the bytes of all gradients through the card's memory.
    """

    parameters: Sequence[torch.nn.Parameter]
    count: int
    """Processes."""
    _buckets: list[_Bucket] = field(default_factory=list)
    _traveling: "deque[_Bucket]" = field(default_factory=deque)
    _next: int = 0
    """The bucket that travels next."""
    _began: bool = False

    def __post_init__(self) -> None:
        self._buckets = [_Bucket(found) for found in _grouped(self.parameters)]
        for bucket in self._buckets:
            for one in bucket.parameters:
                watch: Any = one.register_post_accumulate_grad_hook
                watch(_Hook(self, bucket))

    def begin(self) -> None:
        """Send each gradient of the next backward pass, the last one of a step, once it has come;
        without this call, `finish` sends all."""
        self._began = True
        for bucket in self._buckets:
            bucket.awaited = {id(one) for one in bucket.parameters}

    def came(self, bucket: _Bucket, parameter: torch.Tensor) -> None:
        """Take note that a gradient of a bucket has come.

        Raises RuntimeError if it has come before: then what has been sent may lack a part of it.
        """
        if not self._began:
            return
        if id(parameter) not in bucket.awaited:
            raise RuntimeError("A backward pass has added to a gradient that was already complete.")
        bucket.awaited.remove(id(parameter))
        while self._next < len(self._buckets) and not self._buckets[self._next].awaited:
            self._send()

    def finish(self) -> None:
        """Send what has not been sent, and wait for everything. A collective call."""
        self._began = False
        while self._next < len(self._buckets):
            self._send()
        while self._traveling:
            self._traveling.popleft().receive(self.count)
        self._next = 0

    def _send(self) -> None:
        bucket = self._buckets[self._next]
        held = sum(one.copied for one in self._traveling)
        while self._traveling and held + bucket.copied > TRAVELING_ELEMENTS:
            held -= self._traveling[0].copied
            self._traveling.popleft().receive(self.count)
        bucket.send()
        self._traveling.append(bucket)
        self._next += 1


@dataclass(frozen=True)
class _Hook:
    """Lets an exchange know that a gradient has come."""

    exchange: Exchange
    bucket: _Bucket

    def __call__(self, parameter: torch.Tensor) -> None:
        self.exchange.came(self.bucket, parameter)


def _grouped(parameters: Sequence[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    """Yield parameters from the last to the first, as their gradients come: a large one alone,
    smaller ones of the same type together."""
    found: list[torch.nn.Parameter] = []
    held = 0
    for one in reversed(parameters):
        if one.numel() >= ALONE_ELEMENTS:
            yield [one]
            continue
        other = found and found[0].dtype != one.dtype
        if found and (other or held + one.numel() > BUCKET_ELEMENTS):
            yield found
            found, held = [], 0
        found.append(one)
        held += one.numel()
    if found:
        yield found
