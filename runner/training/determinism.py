"""How torch computes: its number of threads, and deterministic algorithms if the lock is exact."""

import torch


def keep_to(threads: int, *, exact: bool) -> None:
    """Set torch's threads (see `use_threads`) and, with `exact`, its deterministic algorithms."""
    use_threads(threads)
    if exact:
        torch.use_deterministic_algorithms(True)
        # Filling each new tensor costs a third of the speed and a tenth of the memory on CPU, and
        # changes no result: no operation in use reads uninitialized memory.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def use_threads(threads: int) -> None:
    """Limit torch's operations to the lock's number of threads; 0 keeps torch's default."""
    if threads:
        torch.set_num_threads(threads)
