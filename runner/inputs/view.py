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

No link of the model's folder that leads out of it is followed, see `planner.models.folder`.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockfiles import files
from lockfiles.errors import DigestDiffers, TunelockError, UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line
from lockfiles.lock import Model, ModelFile
from planner.models import folder as model_folder
from planner.models.folder import CONFIG, INDEX, SINGLE, SMALL, is_weights
from runner.inputs.compared import ELSEWHERE, Told, Weights, check_small, copied, filled, identity

PREFIX = ".model-"
"""How the names of views begin; what a killed stage left of one is removed by the next."""


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
                same = identity(descriptor) == one.identity
                if not same and hashlib.file_digest(file, "sha256").hexdigest() != one.file.sha256:
                    raise _changed(one)


def _changed(one: Weights) -> DigestDiffers:
    return DigestDiffers(
        f"`{one.place}` was changed while it was in use.",
        fix=Advice("put the locked file back, and run the same command again"),
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
        raise UsageProblem(f"The model folder `{source}` does not exist.", fix=ELSEWHERE)
    wanted = [file for file in model.files if weights or not is_weights(file.name)]
    with _private(source, into) as folder:
        linked = filled(folder, source, model.files, wanted, told, hashes=hashes)
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
                check_small(place, os.fstat(descriptor).st_size)
                copied(file.read, folder / name)
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
        f"The lock's list of the model's files {why}.", fix=Command("tunelock plan run.toml")
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
        problem.relocate(folder, source)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(into: Path, own: str) -> None:
    """Remove the views that a killed process left in a folder."""
    for old in into.glob(f"{PREFIX}*"):
        if not old.name.startswith(own) and old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)
