"""The locked base model on this machine: exactly its files, at its commit, checked."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockfiles import digest
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.lock import Model, ModelFile
from planner.hub_client import client, sentences

if TYPE_CHECKING:
    from huggingface_hub.utils.tqdm import tqdm

_BYTES_BAR = "huggingface_hub.snapshot_download"
"""How the client names the one of its progress bars that counts bytes on disk."""

_STEPS = 500
"""How often progress is told, at most."""


def download(model: Model, cache: Path | None, told: Callable[[int, int], None]) -> Path:
    """Return the folder that holds the files of a model from the Hub; fetch what is missing.

    `cache` is laid out as the client's own cache, which `None` means. Files that are there are
    not fetched again, and where none is missing the Hub is not asked. `told` gets the bytes done
    and the bytes in all, from one thread at a time. Raises UsageProblem where the disk is too
    small for what is missing or the Hub refuses, and DigestDiffers, naming the file, where one
    is not what was locked.
    """
    from huggingface_hub import constants

    assert model.source.startswith("hf:"), model.source
    repo, cache = model.source.removeprefix("hf:"), cache or Path(constants.HF_HUB_CACHE)
    total = sum(file.size_bytes for file in model.files)
    missing = [file for file in model.files if _cached(repo, model, file, cache) is None]
    left = sum(file.size_bytes for file in missing)
    told(total - left, total)
    if missing:
        _check_disk(repo, cache, left)
        _fetch(repo, model, cache, _bar(told, total - left, total))
    folder = _check(repo, model, cache)
    told(total, total)
    return folder


def _cached(repo: str, model: Model, file: ModelFile, cache: Path) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, file.name, cache_dir=cache, revision=model.commit)
    return Path(found) if isinstance(found, str) else None


def _fetch(repo: str, model: Model, cache: Path, bar: type["tqdm"]) -> None:
    api = client()
    with sentences(repo, model.commit):
        api.snapshot_download(
            repo,
            revision=model.commit,
            cache_dir=cache,
            allow_patterns=[file.name for file in model.files],
            tqdm_class=bar,
        )


def _check(repo: str, model: Model, cache: Path) -> Path:
    """Return the folder of the files after comparing each with the lock."""
    folder = cache
    for file in model.files:
        path = _cached(repo, model, file, cache)
        if path is None:
            raise DigestDiffers(
                f"`{repo}` has no `{file.name}` at commit `{model.commit}`.",
                hint="tunelock plan run.toml",
            )
        if path.stat().st_size != file.size_bytes or digest.of_file(path) != file.sha256:
            raise DigestDiffers(
                f"`{file.name}` of `{repo}` is not the file that was locked.",
                hint=f"rm {path.resolve()}, then run again to fetch it anew",
            )
        folder = path.parents[file.name.count("/")]
    return folder


def _check_disk(repo: str, cache: Path, needed_bytes: int) -> None:
    place = next(path for path in (cache, *cache.resolve().parents) if path.exists())
    free_bytes = shutil.disk_usage(place).free
    if needed_bytes > free_bytes:
        raise UsageProblem(
            f"`{repo}` needs {_size(needed_bytes)} more, and `{cache}` has {_size(free_bytes)}.",
            hint="export HF_HOME=/a/folder/on/a/larger/disk",
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _bar(told: Callable[[int, int], None], done: int, total: int) -> type["tqdm"]:
    """Return a progress bar for the client that draws nothing and tells of bytes."""
    from huggingface_hub.utils.tqdm import tqdm

    lock, step, last = threading.Lock(), total // _STEPS, done

    class Bar(tqdm):
        def __init__(self, *arguments: Any, name: str | None = None, **more: Any) -> None:
            more["disable"] = True
            super().__init__(*arguments, name=name, **more)  # type: ignore[no-untyped-call]
            self._counts = name == _BYTES_BAR

        def update(self, n: float | None = 1) -> None:
            nonlocal done, last
            if not self._counts:
                return
            with lock:
                done = max(0, min(total, done + int(n or 0)))
                if done - last > step:
                    last = done
                    told(done, total)

    return Bar
