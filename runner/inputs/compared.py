"""The files of a model, compared with a lock while they are added to a view (`view`)."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockfiles import files
from lockfiles.compare import Difference, consequence
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Option
from lockfiles.lock import ModelFile
from planner.machines.probes.digests import Identity, identity
from planner.models import folder as model_folder
from planner.models.folder import is_weights
from runner.inputs.differing import SHOWN, refuse

OnProgress = Callable[[int, int], None]
"""Called with the bytes compared so far, and the total."""
Sha256Of = Callable[[int], str]
"""Returns the digest of an open file, by its descriptor."""
ELSEWHERE = Option("--locate model=PATH")
_BLOCK_BYTES = 1 << 20
_HASHED_AT_ONCE = 4


@dataclass(frozen=True)
class Weights:
    """A file of weights that a view links to."""

    file: ModelFile
    place: Path
    identity: Identity
    """Device, inode, size and times before it was hashed."""


@dataclass
class _Compared:
    """The comparison of one file."""

    index: int
    file: ModelFile
    place: Path
    descriptor: int
    sha256: str = ""


@dataclass(frozen=True)
class Comparison:
    """The comparison of a model's files with a lock, as far as it has come."""

    weights: tuple[Weights, ...]
    _source: Path
    _opened: Sequence[_Compared]
    _running: Sequence[Future[None]]

    def wait(self) -> None:
        """Wait until all files are compared. Raises DigestDiffers if any of them differ."""
        for one in self._running:
            one.result()
        others = [one for one in self._opened if one.sha256 != one.file.sha256]
        _refuse(others, "sha256", self._source)


@contextmanager
def filled(
    folder: Path,
    source: Path,
    listed: Sequence[ModelFile],
    wanted: Sequence[ModelFile],
    on_progress: OnProgress,
    sha256: Sha256Of | None,
) -> Iterator[Comparison]:
    """Add the wanted files to a view, and yield the comparison of its weights, which continues.

    Small files are compared before that. `sha256` returns the digest of an open file of weights;
    None compares only their sizes.
    """
    opened = _opened(source, listed, wanted)
    pool = ThreadPoolExecutor(_HASHED_AT_ONCE)
    try:
        _check_sizes(opened, source)
        heavy = [one for one in opened if is_weights(one.file.name)]
        linked = [Weights(one.file, one.place, identity(one.descriptor)) for one in heavy]
        count = _counted(sum(one.file.size_bytes for one in opened), on_progress)
        for one in heavy:
            os.symlink(one.place.resolve(), folder / one.file.name)
        running = [pool.submit(_hash, one, sha256, count) for one in heavy]
        compared = Comparison(tuple(linked), source, opened, running)
        small = [one for one in opened if one not in heavy]
        for one in small:
            _copy(one, folder)
            count(one)
        if any(one.sha256 != one.file.sha256 for one in small):
            compared.wait()
        yield compared
    finally:
        pool.shutdown(cancel_futures=True)
        for one in opened:
            os.close(one.descriptor)


def _counted(total: int, on_progress: OnProgress) -> Callable[[_Compared], None]:
    """Return what is called with each compared file, by any thread."""
    done, counting = 0, threading.Lock()

    def count(one: _Compared) -> None:
        nonlocal done
        with counting:
            done += one.file.size_bytes
            on_progress(done, total)

    return count


def _opened(
    source: Path, listed: Sequence[ModelFile], wanted: Sequence[ModelFile]
) -> list[_Compared]:
    found: list[_Compared] = []
    try:
        for index, file in enumerate(listed):
            if file not in wanted:
                continue
            if model_folder.real_place(source, file.name) is None:
                raise UsageProblem(
                    f"`{source / file.name}` is missing, but the lock lists it.", fix=ELSEWHERE
                )
            found.append(_Compared(index, file, *model_folder.opened(source, file.name)))
    except BaseException:
        for one in found:
            os.close(one.descriptor)
        raise
    return found


def _check_sizes(opened: Sequence[_Compared], source: Path) -> None:
    """Raise for a file of another size before reading it: it may have a hundred gigabytes."""
    others = []
    for one in opened:
        size = os.fstat(one.descriptor).st_size
        if size != one.file.size_bytes:
            one.sha256 = str(size)
            others.append(one)
        elif not is_weights(one.file.name):
            check_small(one.place, size)
    _refuse(others, "size_bytes", source)


def check_small(place: Path, size: int) -> None:
    """Raise UsageProblem for a file that is too large to be a configuration or a tokenizer."""
    if size > model_folder.SMALL_LIMIT_BYTES:
        raise UsageProblem(
            f"`{place}` is larger than {files.size_text(model_folder.SMALL_LIMIT_BYTES)}.",
            fix=Advice("give the folder of a single model"),
        )


def _hash(one: _Compared, sha256: Sha256Of | None, count: Callable[[_Compared], None]) -> None:
    one.sha256 = sha256(one.descriptor) if sha256 else one.file.sha256
    count(one)


def _copy(one: _Compared, folder: Path) -> None:
    """Hash a small file, and copy it to the view if loaders read it."""
    name = one.file.name
    visible = model_folder.is_small(name)
    with os.fdopen(os.dup(one.descriptor), "rb") as file:
        one.sha256 = copied(file.read, folder / name if visible else Path(os.devnull))


def copied(read: Callable[[int], bytes], target: Path) -> str:
    """Copy to a new file and return the sha256 of what was written."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    digest, flags = hashlib.sha256(), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    new = 0 if str(target) == os.devnull else os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(target, flags | new, 0o600), "wb") as file:
        while block := read(_BLOCK_BYTES):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _refuse(others: Sequence[_Compared], key: str, source: Path) -> None:
    found = []
    for one in others:
        field = f"model.files.{one.index}.{key}"
        stated: object = getattr(one.file, key)
        found.append(Difference(field, stated, one.sha256, consequence(field)))
    refuse(found, ", ".join(f"`{source / one.file.name}`" for one in others[:SHOWN]))
