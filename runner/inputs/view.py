"""A view of a model folder: exactly the files that a lock lists, and nothing else.

Model loaders look for more files than a lock lists: an unlisted `model.safetensors` next to listed
shards, an `adapter_config.json`, templates, other forms of a tokenizer. So no loader sees the
model's own folder. It gets a private one with one entry per listed file:

- A small file (configuration, tokenizer, template, index) is a copy, written from the bytes that
  were hashed.
- Weights are a symbolic link to the file that was hashed, since a copy would double their size.
  After loading, and again when the view ends, the file is checked. If its identity, size or times
  have changed, it is hashed again, and different bytes raise DigestDiffers. A digest that was
  computed before on this machine is used again, see `planner.machines.probes.digests`.

This does not protect against someone who can change the weights while they are being loaded and
restore the same bytes in time.

Links in the model's folder that lead out of it are not followed, see `planner.models.folder`.
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
from planner.machines.probes import digests
from planner.machines.probes.digests import identity
from planner.models import folder as model_folder
from planner.models.folder import CONFIG, INDEX, SINGLE, is_weights
from runner.inputs.compared import (
    ELSEWHERE,
    Comparison,
    OnProgress,
    Sha256Of,
    Weights,
    check_small,
    copied,
    filled,
)

PREFIX = ".model-"
"""The prefix of the names of views; the next stage removes those that a killed stage left."""


@dataclass(frozen=True)
class View:
    """A private folder with the files of a model."""

    folder: Path
    """The path to load from."""
    comparison: Comparison | None = None
    """That of its weights with a lock; None for a view without a lock."""

    def check(self) -> None:
        """Wait until the weights are compared with the lock.

        Raises DigestDiffers if they differ, or have changed since.
        """
        if self.comparison is None:
            return
        self.comparison.wait()
        for one in self.comparison.weights:
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
        fix=Advice("restore the locked file and run the same command again"),
    )


@contextmanager
def locked(
    model: Model,
    source: Path,
    into: Path | None = None,
    on_progress: OnProgress = lambda done, total: None,
    *,
    weights: bool = True,
    sha256: Sha256Of | None = digests.remembered,
    meanwhile: bool = False,
) -> Iterator[View]:
    """Yield a view of a locked model, with every listed file compared with the lock.

    `source` is the model's folder; the view is created in `into`, or in a temporary folder if None.
    Without `weights` only the small files are compared and visible. `sha256` returns the digest of
    an open file of weights; None compares only their sizes, for callers that hash them elsewhere.
    With `meanwhile` the weights are compared while the view is in use, and nothing that depends on
    them may be kept before `View.check`.

    Errors name the files of `source`. Raises UsageProblem for an invalid list of files, and for
    files that are missing, outside the folder or not regular; DigestDiffers, with the fields, for
    files that differ, in place of any error from using them.
    """
    check_listed(model.files)
    if not source.is_dir():
        raise UsageProblem(f"The model folder `{source}` does not exist.", fix=ELSEWHERE)
    wanted = [file for file in model.files if weights or not is_weights(file.name)]
    with (
        _private(source, into) as folder,
        filled(folder, source, model.files, wanted, on_progress, sha256) as comparison,
    ):
        if not meanwhile:
            comparison.wait()
        found = View(folder, comparison)
        try:
            yield found
        except Exception:
            comparison.wait()
            raise
        found.check()


@contextmanager
def own(source: Path, into: Path | None = None) -> Iterator[View]:
    """Yield a view of a model folder without a lock: only files with the standard names.

    Raises UsageProblem as `locked`.
    """
    there = frozenset(model_folder.list_entries(source))
    single = SINGLE in there
    kept = [n for n in model_folder.small_files(source) if not (single and n == INDEX)]
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
        yield View(folder)


def check_listed(listed: Sequence[ModelFile]) -> None:
    """Raise UsageProblem for a list of files that is not that of a single model."""
    names = [file.name for file in listed]
    heavy = {name for name in names if is_weights(name)}
    if len({name.casefold() for name in names}) != len(names):
        raise _no_model("names a file more than once")
    if not heavy or CONFIG not in names or "tokenizer.json" not in names:
        raise _no_model(f"lacks weights, `{CONFIG}` or `tokenizer.json`")
    if SINGLE in heavy and len(heavy) > 1:
        raise _no_model(f"names other weights in addition to `{SINGLE}`")
    if SINGLE not in heavy and INDEX not in names:
        raise _no_model(f"names neither `{SINGLE}` nor `{INDEX}`")
    kinds = (".json", ".jinja", ".model", ".txt")
    odd = [name for name in names if name not in heavy and not name.endswith(kinds)]
    odd += [name for name in names if "/" in name and not model_folder.is_small(name)]
    if odd:
        raise _no_model(f"names `{one_line(odd[0], most=100)}`, which is not a model file")


def _no_model(why: str) -> UsageProblem:
    return UsageProblem(
        f"The lock's list of model files {why}.", fix=Command("tunelock plan run.toml")
    )


@contextmanager
def _private(source: Path, into: Path | None) -> Iterator[Path]:
    """Yield a new folder that only this user can read, and remove it at the end.

    Errors raised inside name the files in `source` instead of those in the folder.
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
    """Remove views that a killed process left in a folder."""
    for old in into.glob(f"{PREFIX}*"):
        if not old.name.startswith(own) and old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)
