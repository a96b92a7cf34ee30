"""The files of a model, compared with a lock while they are added to a view (`view`)."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lockfiles import files
from lockfiles.compare import Difference, consequence
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Option
from lockfiles.lock import ModelFile
from planner.models import folder as model_folder
from planner.models.folder import is_weights
from runner.inputs.differing import SHOWN, refuse

OnProgress = Callable[[int, int], None]
"""Called with the bytes compared so far, and the total."""
ELSEWHERE = Option("--locate model=PATH")
_BLOCK_BYTES = 1 << 20
_HASHED_AT_ONCE = 4


@dataclass(frozen=True)
class Weights:
    """A file of weights that a view links to."""

    file: ModelFile
    place: Path
    identity: tuple[int, ...]
    """Device, inode, size and times when it was hashed."""


@dataclass
class _Compared:
    """The comparison of one file."""

    index: int
    file: ModelFile
    place: Path
    descriptor: int
    sha256: str = ""


def filled(
    folder: Path,
    source: Path,
    listed: Sequence[ModelFile],
    wanted: Sequence[ModelFile],
    on_progress: OnProgress,
    *,
    hashes: bool,
) -> tuple[Weights, ...]:
    """Add the wanted files to a view and return its weights."""
    opened = _opened(source, listed, wanted)
    try:
        _check_sizes(opened, source)
        total, done = sum(one.file.size_bytes for one in opened), 0
        work = [lambda one=one: _compared(one, folder, hashes=hashes) for one in opened]
        with ThreadPoolExecutor(_HASHED_AT_ONCE) as pool:
            for one in pool.map(lambda call: call(), work):
                done += one.file.size_bytes
                on_progress(done, total)
        _refuse([one for one in opened if one.sha256 != one.file.sha256], "sha256", source)
        return tuple(
            Weights(one.file, one.place, identity(one.descriptor))
            for one in opened
            if is_weights(one.file.name)
        )
    finally:
        for one in opened:
            os.close(one.descriptor)


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


def _compared(one: _Compared, folder: Path, *, hashes: bool) -> _Compared:
    """Hash a file, and add to the view what loaders read of it."""
    name = one.file.name
    if is_weights(name):
        one.sha256 = _sha256(one.descriptor) if hashes else one.file.sha256
        os.symlink(one.place.resolve(), folder / name)
    else:
        visible = model_folder.is_small(name)
        with os.fdopen(os.dup(one.descriptor), "rb") as file:
            one.sha256 = copied(file.read, folder / name if visible else Path(os.devnull))
    return one


def _sha256(descriptor: int) -> str:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def identity(descriptor: int) -> tuple[int, ...]:
    """Return the device, inode, size and times of an open file."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
