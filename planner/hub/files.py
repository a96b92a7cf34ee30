"""Downloads files of one commit on the Hub into the client's cache and verifies them."""

import glob
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockfiles import digest
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.fixes import Advice, Command, Steps
from planner.hub.client import Kind, client, sentences
from planner.models.facts import FileFact

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import tqdm

Told = Callable[[int, int], None]
"""Called with the bytes done and the total, by one thread at a time."""

_BYTES_BAR = "huggingface_hub.snapshot_download"
"""The name of the client's progress bar that counts bytes on disk."""

_STEPS = 500
"""Most progress reports."""


@dataclass(frozen=True)
class Pinned:
    """Files of one commit of a repository; at least one."""

    repo: str
    commit: str
    """40 hex digits."""
    files: Sequence[FileFact]
    """Files with an empty digest are compared by size only."""
    kind: Kind = "model"

    def cached(self, file: FileFact, cache: Path) -> Path | None:
        """Return the path of a file in the cache; None if it is not cached."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(
            self.repo, file.name, cache_dir=cache, revision=self.commit, repo_type=self.kind
        )
        return Path(found) if isinstance(found, str) else None


def fetch(
    pinned: Pinned,
    cache: Path | None,
    told: Told,
    sha256: Callable[[Path], str] = digest.of_file,
) -> Path:
    """Return the folder with some files of a commit, after downloading those that are missing.

    `cache` has the layout of the client's cache; None uses the client's own. If no file is missing,
    the Hub is not contacted. `sha256` returns the digest of a file. Raises UsageProblem if the disk
    is too small or the Hub refuses, and DigestDiffers if a file does not match its pin.
    """
    api = client()
    from huggingface_hub import constants

    cache = cache or Path(constants.HF_HUB_CACHE)
    total = sum(file.size_bytes for file in pinned.files)
    missing = [file for file in pinned.files if pinned.cached(file, cache) is None]
    left = sum(file.size_bytes for file in missing)
    told(total - left, total)
    if missing:
        _check_disk(pinned.repo, cache, left)
        _download(api, pinned, cache, _bar(told, total - left, total))
    folder = _check(pinned, cache, sha256)
    told(total, total)
    return folder


def _download(api: "HfApi", pinned: Pinned, cache: Path, bar: type["tqdm"]) -> None:
    with sentences(pinned.repo, pinned.commit, kind=pinned.kind):
        api.snapshot_download(
            pinned.repo,
            repo_type=pinned.kind,
            revision=pinned.commit,
            cache_dir=cache,
            allow_patterns=[glob.escape(file.name) for file in pinned.files],
            tqdm_class=bar,
        )


def _check(pinned: Pinned, cache: Path, sha256: Callable[[Path], str]) -> Path:
    """Return the folder of the files after comparing each with its pin."""
    folder = cache
    for file in pinned.files:
        path = pinned.cached(file, cache)
        if path is None:
            raise DigestDiffers(
                f"`{pinned.repo}` has no `{file.name}` at commit `{pinned.commit}`.",
                fix=Command("tunelock plan run.toml"),
            )
        same = path.stat().st_size == file.size_bytes
        if not same or (file.sha256 and sha256(path) != file.sha256):
            raise DigestDiffers(
                f"`{file.name}` of `{pinned.repo}` does not match the pinned file.",
                fix=Steps(
                    (
                        Command("rm {}", path.resolve()),
                        Advice("rerun the command to download it"),
                    )
                ),
            )
        folder = path.parents[file.name.count("/")]
    return folder


def _check_disk(repo: str, cache: Path, needed_bytes: int) -> None:
    place = next(path for path in (cache, *cache.resolve().parents) if path.exists())
    free_bytes = shutil.disk_usage(place).free
    if needed_bytes > free_bytes:
        raise UsageProblem(
            f"`{repo}` needs {size(needed_bytes)} more, but `{cache}` has {size(free_bytes)}.",
            fix=Command("export HF_HOME=/a/folder/on/a/larger/disk"),
        )


def size(count: int) -> str:
    """Return a number of bytes as text: `3.1 GB`, `4.1 MB`, `0.8 kB`."""
    power, unit = (9, "GB") if count >= 1e9 else (6, "MB") if count >= 1e6 else (3, "kB")
    return f"{count / 10**power:.1f} {unit}"


def _bar(told: Told, done: int, total: int) -> type["tqdm"]:
    """Return a progress bar class for the client that draws nothing and reports bytes."""
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
