"""What processes that each hold the model exchange: initial values, and the gradients of a step."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import torch
import torch.distributed as dist

from planner.parallelism.ddp import (
    BUCKET_ELEMENTS,
    COPIED_ELEMENTS,
    LAUNCHED_ELEMENTS,
    TRAVELING_ELEMENTS,
)


def take_first(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace the values of parameters by those of rank 0, in place. A collective call."""
    for one in parameters:
        dist.broadcast(one.detach(), src=0)


@dataclass(eq=False)
class _Bucket:
    """Parameters whose gradients travel together."""

    parameters: list[torch.nn.Parameter]
    stays: bool
    """Whether they travel from where they are, instead of a copy."""
    awaited: set[int] = field(default_factory=set)
    """The `id` of each parameter whose gradient has not come yet in this step."""
    sent: list[torch.Tensor] = field(default_factory=list)
    """What travels."""
    work: Any = None

    @cached_property
    def copied(self) -> int:
        """The elements of the copy."""
        return 0 if self.stays else sum(one.numel() for one in self.parameters)

    def takes(self, one: torch.nn.Parameter, most: int) -> bool:
        """Return whether a parameter may be added, if the bucket holds at most so many elements."""
        held = sum(two.numel() for two in self.parameters)
        return self.parameters[0].dtype == one.dtype and held + one.numel() <= most

    def send(self) -> None:
        """Begin to exchange gradients; one that is lacking counts as zeros."""
        for one in self.parameters:
            if one.grad is None:
                one.grad = torch.zeros_like(one)
        found = self._gradients()
        if self.stays:  # a copy of one with other strides, for another process may lack it
            self.sent = [one.contiguous() for one in found]
        else:
            self.sent = [torch.cat([one.flatten() for one in found])]
        self.work = _reduced(self.sent)

    def receive(self, count: int) -> None:
        """Wait, and replace the gradients by their mean over `count` processes, in place."""
        self.work.wait()
        if not self.sent[0].is_cuda:
            torch._foreach_div_(self.sent, count)
        found, parts = self._gradients(), self.sent
        if not self.stays:
            parts = list(torch.split(parts[0], [one.numel() for one in found]))
        copies = [(one, own) for one, own in zip(found, parts, strict=True) if one is not own]
        if copies:
            torch._foreach_copy_(
                [one for one, _ in copies], [own.view_as(one) for one, own in copies]
            )
        self.sent, self.work = [], None

    def _gradients(self) -> list[torch.Tensor]:
        return [one.grad for one in self.parameters if one.grad is not None]


def _reduced(found: list[torch.Tensor]) -> Any:
    """Begin to replace tensors of one type by their sums over all processes, on cards by their
    means: NCCL takes all of them in one launch. Return the work to wait for."""
    given = cast(Any, dist.AllreduceCoalescedOptions())
    has_mean = found[0].is_cuda  # gloo has none
    given.reduceOp = dist.ReduceOp.AVG if has_mean else dist.ReduceOp.SUM
    return cast(Any, dist.group.WORLD).allreduce_coalesced(found, given)


@dataclass
class Exchange:
    """Replaces the gradients of a step by their mean over all processes.

    Buckets are the same on every process and travel in the same order, each as soon as all of its
    gradients and those of the buckets before it have come: while the backward pass computes others.
    Large gradients are not copied, and a few of them are sent at once: for full weights, copies to
    and from buckets would move several times the bytes of all gradients through the card's memory.
    """

    parameters: Sequence[torch.nn.Parameter]
    count: int
    """Processes."""
    _buckets: list[_Bucket] = field(default_factory=list)
    _traveling: "deque[_Bucket]" = field(default_factory=deque)
    _next: int = 0
    """The bucket that travels next."""
    _copied: int = 0
    """Elements of the copies that are under way."""
    _began: bool = False

    def __post_init__(self) -> None:
        self._buckets = _grouped(self.parameters)
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
            self._receive()
        self._next = 0

    def _send(self) -> None:
        bucket = self._buckets[self._next]
        while self._traveling and self._copied + bucket.copied > TRAVELING_ELEMENTS:
            self._receive()
        bucket.send()
        self._traveling.append(bucket)
        self._copied += bucket.copied
        self._next += 1

    def _receive(self) -> None:
        bucket = self._traveling.popleft()
        bucket.receive(self.count)
        self._copied -= bucket.copied


@dataclass(frozen=True)
class _Hook:
    """Lets an exchange know that a gradient has come."""

    exchange: Exchange
    bucket: _Bucket

    def __call__(self, parameter: torch.Tensor) -> None:
        self.exchange.came(self.bucket, parameter)


def _grouped(parameters: Sequence[torch.nn.Parameter]) -> list[_Bucket]:
    """Return parameters in buckets, in the order in which the gradients of these are complete if
    they come from the last to the first: large ones together, and smaller ones together."""
    found: list[_Bucket] = []
    latest: dict[bool, _Bucket] = {}
    for one in reversed(parameters):
        large = one.numel() >= COPIED_ELEMENTS
        bucket = latest.get(large)
        if bucket and bucket.takes(one, LAUNCHED_ELEMENTS if large else BUCKET_ELEMENTS):
            found.remove(bucket)
        else:
            bucket = latest[large] = _Bucket([], large)
        bucket.parameters.append(one)
        found.append(bucket)
    return found
