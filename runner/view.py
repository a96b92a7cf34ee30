"""The folder that a loader gets: exactly the files that a lock lists, and nothing else.

A loader of a model looks for more files than a lock names: an unlisted `model.safetensors` beside
listed shards, an `adapter_config.json`, templates, a tokenizer in another form. So no loader sees
the model's own folder. It sees a private one, made for it, with one entry for each listed file:

- A small file (configuration, tokenizer, template, index) is a copy, written from the bytes that
  were hashed.
- Weights are a link of ours to the plain file that was hashed: a copy would take their size again.
  When the loading is over, and once more when the view ends, that file is looked at. Where its
  identity, size or times are others, it is hashed again, and other bytes raise DigestDiffers.

What this does not hold against is somebody who may write the weights while they are loaded and
puts the same bytes back in time.

No link of the model's folder that leads out of it is followed, see `planner.model_folder`.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockfiles import files
from lockfiles.compare import Difference, consequence
from lockfiles.errors import DigestDiffers, TunelockError, UsageProblem
from lockfiles.harmless import one_line
from lockfiles.lock import Model, ModelFile
from planner import model_folder
from planner.model_folder import CONFIG, INDEX, SINGLE, SMALL, is_weights
from runner.differing import SHOWN, refuse

Told = Callable[[int, int], None]
"""Called with the bytes that were compared, and those in all."""
PREFIX = ".model-"
"""How the names of views begin; what a killed stage left of one is removed by the next."""
_BLOCK_BYTES = 1 << 20
_HASHED_AT_ONCE = 4
_ELSEWHERE = "add `--locate model=PATH`"


@dataclass(frozen=True)
class Weights:
    """A file of weights that a view links to."""

    file: ModelFile
    place: Path
    identity: tuple[int, ...]
    """Device, inode, size and times when it was hashed."""


@dataclass(frozen=True)
class View:
    """A private folder with the files of a model."""

    folder: Path
    """What a loader gets."""
    weights: tuple[Weights, ...]

    def check(self) -> None:
        """Raise DigestDiffers where the weights are no longer the bytes that were compared."""
        for one in self.weights:
            try:
                descriptor = files.open_regular(one.place, follow=False)
            except (OSError, UsageProblem):
                raise _changed(one) from None
            with os.fdopen(descriptor, "rb") as file:
                same = _identity(descriptor) == one.identity
                if not same and hashlib.file_digest(file, "sha256").hexdigest() != one.file.sha256:
                    raise _changed(one)


def _changed(one: Weights) -> DigestDiffers:
    return DigestDiffers(
        f"`{one.place}` was changed while it was in use.",
        hint="put the locked file back, and run the same command again",
    )


@contextmanager
def locked(
    model: Model,
    source: Path,
    into: Path | None = None,
    told: Told = lambda done, total: None,
    *,
    weights: bool = True,
    hashes: bool = True,
) -> Iterator[View]:
    """Yield a view of a locked model, every listed file compared with the lock.

    `source` is the model's folder and `into` where the view is made, a temporary folder if None.
    Without `weights` only the small files are compared and seen; without `hashes` the weights'
    sizes alone are compared, where somebody else hashes them. Errors name the files of `source`.
    Raises UsageProblem for a list that is no model's, for what is missing, outside or no plain
    file, and DigestDiffers, naming the fields, for files that are not those of the lock.
    """
    check_listed(model.files)
    if not source.is_dir():
        raise UsageProblem(f"The model folder `{source}` does not exist.", hint=_ELSEWHERE)
    wanted = [file for file in model.files if weights or not is_weights(file.name)]
    with _private(source, into) as folder:
        linked = _filled(folder, source, model.files, wanted, told, hashes=hashes)
        found = View(folder, linked)
        yield found
        found.check()


@contextmanager
def own(source: Path, into: Path | None = None) -> Iterator[View]:
    """Yield a view of a model's folder that no lock lists: the usual names alone.

    Raises UsageProblem as `locked`.
    """
    there = frozenset(model_folder.names(source))
    single = SINGLE in there
    kept = [n for n in there if n in SMALL and not (single and n == INDEX)]
    heavy = [SINGLE] if single else [name for name in there if is_weights(name)]
    with _private(source, into) as folder:
        for name in kept:
            place, descriptor = model_folder.opened(source, name)
            with os.fdopen(descriptor, "rb") as file:
                _check_small(place, os.fstat(descriptor).st_size)
                _copied(file.read, folder / name)
        for name in heavy:
            place, descriptor = model_folder.opened(source, name)
            os.close(descriptor)
            os.symlink(place.resolve(), folder / name)
        yield View(folder, ())


def check_listed(listed: Sequence[ModelFile]) -> None:
    """Raise UsageProblem for a list of files that is not that of one model."""
    names = [file.name for file in listed]
    heavy = {name for name in names if is_weights(name)}
    if len({name.casefold() for name in names}) != len(names):
        raise _no_model("names a file twice")
    if not heavy or CONFIG not in names or "tokenizer.json" not in names:
        raise _no_model(f"names no weights, no `{CONFIG}` or no `tokenizer.json`")
    if SINGLE in heavy and len(heavy) > 1:
        raise _no_model(f"names other weights than `{SINGLE}`, which is loaded alone")
    if SINGLE not in heavy and INDEX not in names:
        raise _no_model(f"names neither `{SINGLE}` nor `{INDEX}`")
    kinds = (".json", ".jinja", ".model", ".txt")
    odd = [name for name in names if name not in heavy and not name.endswith(kinds)]
    odd += [name for name in names if "/" in name]
    if odd:
        raise _no_model(f"names `{one_line(odd[0], most=100)}`, which is no file of that kind")


def _no_model(why: str) -> UsageProblem:
    return UsageProblem(
        f"The lock's list of the model's files {why}.", hint="tunelock plan run.toml"
    )


@contextmanager
def _private(source: Path, into: Path | None) -> Iterator[Path]:
    """Yield a new folder that only this user can read, removed at the end.

    Errors raised meanwhile name the files in `source` instead of those in it.
    """
    own = f"{PREFIX}{os.getpid()}-"
    if into is not None:
        _sweep(into, own)
    folder = Path(tempfile.mkdtemp(prefix=own, dir=into))
    try:
        yield folder
    except TunelockError as problem:
        problem.message = problem.message.replace(str(folder), str(source))
        problem.hint = problem.hint.replace(str(folder), str(source))
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(into: Path, own: str) -> None:
    """Remove the views that a killed process left in a folder."""
    for old in into.glob(f"{PREFIX}*"):
        if not old.name.startswith(own) and old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)


@dataclass
class _Compared:
    """What was found of one file."""

    index: int
    file: ModelFile
    place: Path
    descriptor: int
    sha256: str = ""


def _filled(
    folder: Path,
    source: Path,
    listed: Sequence[ModelFile],
    wanted: Sequence[ModelFile],
    told: Told,
    *,
    hashes: bool,
) -> tuple[Weights, ...]:
    """Put the wanted files into a view and return its weights."""
    opened = _opened(source, listed, wanted)
    try:
        _check_sizes(opened, source)
        total, done = sum(one.file.size_bytes for one in opened), 0
        work = [lambda one=one: _compared(one, folder, hashes=hashes) for one in opened]
        with ThreadPoolExecutor(_HASHED_AT_ONCE) as pool:
            for one in pool.map(lambda call: call(), work):
                done += one.file.size_bytes
                told(done, total)
        _refuse([one for one in opened if one.sha256 != one.file.sha256], "sha256", source)
        return tuple(
            Weights(one.file, one.place, _identity(one.descriptor))
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
                    f"`{source / file.name}` is missing, and the lock names it.", hint=_ELSEWHERE
                )
            found.append(_Compared(index, file, *model_folder.opened(source, file.name)))
    except BaseException:
        for one in found:
            os.close(one.descriptor)
        raise
    return found


def _check_sizes(opened: Sequence[_Compared], source: Path) -> None:
    """Refuse a file of another size before it is read: it may be a hundred gigabytes."""
    others = []
    for one in opened:
        size = os.fstat(one.descriptor).st_size
        if size != one.file.size_bytes:
            one.sha256 = str(size)
            others.append(one)
        elif not is_weights(one.file.name):
            _check_small(one.place, size)
    _refuse(others, "size_bytes", source)


def _check_small(place: Path, size: int) -> None:
    if size > model_folder.SMALL_LIMIT_BYTES:
        raise UsageProblem(
            f"`{place}` is larger than {files.size_text(model_folder.SMALL_LIMIT_BYTES)}.",
            hint="give the folder of one model",
        )


def _compared(one: _Compared, folder: Path, *, hashes: bool) -> _Compared:
    """Hash a file; what loaders read of it is put into the view."""
    name = one.file.name
    if is_weights(name):
        one.sha256 = _sha256(one.descriptor) if hashes else one.file.sha256
        os.symlink(one.place.resolve(), folder / name)
    else:
        seen = name in SMALL
        with os.fdopen(os.dup(one.descriptor), "rb") as file:
            one.sha256 = _copied(file.read, folder / name if seen else Path(os.devnull))
    return one


def _sha256(descriptor: int) -> str:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copied(read: Callable[[int], bytes], target: Path) -> str:
    """Write what is read to a new file and return the sha256 of what was written."""
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


def _identity(descriptor: int) -> tuple[int, ...]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
