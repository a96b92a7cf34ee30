"""The complete environment of stage processes: selected variables of the user, and fixed ones.

Only variables named here are inherited. A variable can point to code, a host or a credential, so
those come only from the user, and only where needed: a process that may not access the Hub gets no
token, endpoint or proxy. A lock cannot set variables; those that depend on it have fixed values
here.

Not inherited, with the reason:

- `PYTHONWARNINGS`, `PYTHONSTARTUP`, `PYTHONBREAKPOINT`, `BROWSER` and others that name something to
  import or start: nothing here is interactive.
- `LD_PRELOAD`: a preloaded allocator would invalidate memory estimates and exact results.
- Settings of libraries (`ACCELERATE_*`, `TRANSFORMERS_*`, `WANDB_*`, `TORCH_*`): the lock has all
  settings of the trainer.

`PYTHONPATH`, `PYTHONHOME` and `LD_LIBRARY_PATH` are inherited: on a cluster they locate the
packages that this process runs from.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from planner.hub.cache import cache_folder
from planner.setup.setup import HEAP_TENSOR_BYTES

if TYPE_CHECKING:
    from lockfiles.lock import Lock, TrainingLock

_PASSED = frozenset(
    [
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LANGUAGE",
        "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH",
        "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
        "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
        "ROCM_PATH", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION",
        "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME",
        "OMP_NUM_THREADS", "BNB_CUDA_VERSION", "TORCH_SYMM_MEM_DISABLE_MULTICAST",
    ]
)  # fmt: skip
"""The user's variables that every process inherits."""
_PASSED_KINDS = ("LC_", "NCCL_", "NVSHMEM_")
"""Prefixes of more inherited variables: the locale, and the host's network between cards."""
_PASSED_ONLINE = frozenset(
    [
        "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE",
        "HF_HUB_DISABLE_XET", "HF_XET_CACHE", "HF_XET_HIGH_PERFORMANCE",
        "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
        "http_proxy", "https_proxy", "all_proxy", "no_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    ]
)  # fmt: skip
"""The user's variables that only processes with access to the Hub inherit."""
_OURS = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
_DETERMINISTIC = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""Without it cuBLAS is not deterministic
(https://docs.pytorch.org/docs/stable/notes/randomness.html)."""
_NO_CARD = {"CUDA_VISIBLE_DEVICES": ""}
_ON_CPU = _NO_CARD | {
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"
    f":glibc.malloc.mmap_threshold={HEAP_TENSOR_BYTES}"
    f":glibc.malloc.trim_threshold={HEAP_TENSOR_BYTES}"
}
"""How glibc keeps the memory of tensors reusable (its manual, "Memory Allocation Tunables").

By default it holds back small freed blocks, so that the freed tensors next to them do not become
one free block again and larger ones do not fit: up to half of all resident memory, different in
each run. Here they join, and tensors from `HEAP_TENSOR_BYTES` are mapped one by one."""


def environment(lock: "Lock", *, online: bool) -> dict[str, str]:
    """Return the complete environment of a lock's stage; with `online` it may access the Hub."""
    from lockfiles.lock import TrainingLock

    own = _of_training(lock) if isinstance(lock, TrainingLock) else _NO_CARD
    own |= {name: str(place) for name, place in caches().items()}
    return child_environment(online=online) | own


def caches() -> dict[str, Path]:
    """Return where compiled kernels are kept for later runs, by the variable that says so: by
    default torch keeps them in the folder of temporary files, which others can write to."""
    place = cache_folder()
    return {
        "TORCHINDUCTOR_CACHE_DIR": place / "torchinductor", "TRITON_CACHE_DIR": place / "triton",
    }  # fmt: skip


def _of_training(lock: "TrainingLock") -> dict[str, str]:
    threads = lock.exactness.threads
    counted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    exact = _DETERMINISTIC if lock.exactness.exact and lock.machine.kind == "cuda" else {}
    set_by_lock: dict[str, str] = lock.exactness.environment.model_dump()
    return counted | _cards(lock) | exact | set_by_lock


def on_cpu() -> dict[str, str]:
    """Return the complete environment of a process that trains on the CPU without a lock."""
    return child_environment() | _ON_CPU | {"OMP_NUM_THREADS": "1"}


def child_environment(
    *, online: bool = False, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the complete environment of a child process that runs without a lock.

    `given` is the user's environment, by default this process's.
    """
    own = os.environ if given is None else given
    wanted = _PASSED | _PASSED_ONLINE if online else _PASSED
    passed = {
        name: value
        for name, value in own.items()
        if name in wanted or name.startswith(_PASSED_KINDS)
    }
    return passed | _OURS | ({} if online else _OFFLINE)


def _cards(lock: "TrainingLock") -> dict[str, str]:
    """Make as many cards visible as processes train here, or none: a trainer uses all it sees."""
    if lock.machine.kind == "cpu":
        return _ON_CPU
    count = lock.parallel.on_each
    every = ",".join(str(number) for number in range(count))
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", every).split(",")[:count]
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(shown)}
