"""How torch computes: its number of threads, and deterministic algorithms if the lock is exact."""

import torch


def keep_to(threads: int, *, exact: bool) -> None:
    """Settle torch (see `settle`) and, with `exact`, let it use deterministic algorithms."""
    settle(threads)
    if exact:
        torch.use_deterministic_algorithms(True)
        # Filling each new tensor costs a third of the speed and a tenth of the memory on CPU, and
        # changes no result: no operation in use reads uninitialized memory.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def settle(threads: int) -> None:
    """Limit torch's operations to the lock's number of threads, and leave out cuDNN's attention; 0
    threads keep torch's default.

    On Hopper and later torch prefers cuDNN's attention, which is built again for each shape:
    micro-batches of many lengths took five times as long on an H100 (`tests/gpu/many_shapes.py`).
    """
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cuda.enable_cudnn_sdp(False)
