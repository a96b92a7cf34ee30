"""The rows of the next step, collected while the card computes this one.

The host launches work that a card computes later. So the next step's batches are made as soon as a
step's forward and backward passes are launched: in the same thread, in the same order, with copies
to the card that the host does not wait for, behind those passes in the card's queue.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import Trainer as _Base
else:
    _Base = object


class Ahead(_Base):  # type: ignore[misc]  # transformers ships no types that mypy follows
    """The part of a trainer that collects the batches of a step, one step ahead."""

    _collect: Callable[[], Any] | None = None
    """Collects the batches of the next step; None outside an epoch."""
    _collected: tuple[Any, Any] = (None, None)
    """An epoch's iterator, and the batches of its next step if they are there."""

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> Any:
        """Return the batches of a step and the number of their scored tokens, as transformers
        does."""
        collect = super().get_batch_samples
        (iterator, found), self._collected = self._collected, (None, None)
        rest = partial(self._to_end, epoch_iterator)
        self._collect = lambda: (epoch_iterator, collect(rest(), num_batches, device))
        return found if iterator is epoch_iterator else collect(epoch_iterator, num_batches, device)

    def collect_next(self) -> None:
        """Collect the batches of the next step if this is the last pass of a step."""
        state = self.accelerator.gradient_state
        if self._collect and state.sync_gradients and not state.end_of_dataloader:
            self._collected = self._collect()

    def _to_end(self, iterator: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches that are left. None is asked for after the last one: accelerate would
        end the epoch before its last step."""
        for batch in iterator:
            yield batch
            if self.accelerator.gradient_state.end_of_dataloader:
                return
