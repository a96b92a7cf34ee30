"""The tensors that are alive at the peak of a trace."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from planner.memory import Profile
from runner.trace import step
from runner.trace.allocator import Block
from runner.trace.as_gpu import changed
from runner.trace.live import Live
from runner.trace.model import layer_kinds


def largest(config: Mapping[str, Any], plan: Profile, count: int) -> list[tuple[int, str]]:
    """Return the largest groups of equal tensors at the peak of a model with all layers.

    Each is the sum of its bytes, with the operation, shape and dtype of its tensors.
    """
    kept = range(len(layer_kinds(config, plan)))
    goal = max(step.peaks(config, plan, kept).values())
    made: list[_Watched] = []

    def watched(**named: Any) -> _Watched:
        made.append(_Watched(goal, **named))
        return made[-1]

    with changed([(step, "Live", watched)]):
        step.peaks(config, plan, kept)
    return [(size, what) for what, size in made[-1].found.most_common(count)]


class _Watched(Live):  # type: ignore[no-untyped-call]  # torch types it not
    """Knows what is alive, and keeps it when the peak is reached."""

    def __init__(self, goal: int, **named: Any) -> None:
        super().__init__(**named)
        self.found: Counter[str] = Counter()
        self._goal, self._last = goal, "given"
        self._alive: dict[int, tuple[str, int]] = {}

    def __torch_dispatch__(self, operation: Any, *rest: Any) -> Any:
        self._last = str(operation)
        return super().__torch_dispatch__(operation, *rest)

    def _count(self, tensors: Iterable[object]) -> None:
        listed = list(tensors)
        super()._count(listed)
        for each in listed:
            if isinstance(each, torch.Tensor) and each.device.type != "meta":
                storage = each.untyped_storage()
                what = f"{self._last} {tuple(each.shape)} {each.dtype}"
                self._alive.setdefault(storage._cdata, (what, storage.nbytes()))

    def _forget(self, key: int, block: Block) -> None:
        super()._forget(key, block)
        self._alive.pop(key, None)

    def _reach(self, scratch: int = 0) -> None:
        super()._reach(scratch)
        size = self._memory.allocated + scratch
        if self._goal == size and not self._moment.startswith("first") and not self.found:
            for what, each in self._alive.values():
                self.found[what] += each
            self.found[f"a kernel's scratch space in {self._moment}"] += scratch
