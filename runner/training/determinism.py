"""How torch computes, as a lock promises: its threads, and whether twice gives the same bits."""

import torch


def keep_to(threads: int, *, exact: bool) -> None:
    """Let torch compute as a lock promises; see `use_threads` for the number of threads."""
    use_threads(threads)
    if exact:
        torch.use_deterministic_algorithms(True)
        # Filling each new tensor first costs a third of the speed and a tenth of the memory on
        # CPU, and changes no result: nothing here reads memory that it has not written.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def use_threads(threads: int) -> None:
    """Keep torch's operations to the lock's number of threads; 0 leaves its own."""
    if threads:
        torch.set_num_threads(threads)
