"""The variables of the processes that compute: what a lock promises, and one card of several."""

import os

from lockfiles.lock import Lock


def environment(lock: Lock, *, online: bool) -> dict[str, str]:
    """Return what such a process gets beside this one's variables.

    Only where it is `online` may it speak to the Hub.
    """
    threads = lock.exactness.threads
    quiet = {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
    }
    counted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    alone = {} if online else {"HF_HUB_OFFLINE": "1"}
    return quiet | alone | counted | _cards(lock) | dict(lock.exactness.environment)


def _cards(lock: Lock) -> dict[str, str]:
    """Show a process one card, or none: of several the trainer would use all at once."""
    if lock.machine.kind == "cpu":
        return {"CUDA_VISIBLE_DEVICES": ""}
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": first}
