"""The inputs of a rehearsal: the model's small files, and the rows if they are available."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.lock import TrainingLock
from planner.data.corpus.corpus import Corpus
from planner.models.folder import CONFIG, is_weights
from planner.models.shapes import config_json
from runner.inputs import locations, verify
from runner.inputs import rows as hub_rows
from runner.inputs.model import download
from runner.inputs.verify import OnProgress, silent


@dataclass(frozen=True)
class Inputs:
    """The inputs of a rehearsal."""

    config: dict[str, Any]
    """The model's `config.json`."""
    rows: Corpus | None
    """The rows as training sees them; None if some of the files are missing."""
    missing: tuple[str, ...]
    """Logical names of the missing files."""


def read(
    lock: TrainingLock, at: Path, located: Mapping[str, Path], on_progress: OnProgress = silent
) -> Inputs:
    """Read the available inputs of a lock; of a model on the Hub, everything but the weights.

    `at` and `located` are as `locations.find` takes them. Raises UsageProblem if the model has no
    path or its files are missing, StaleLock and DigestDiffers as a run does.
    """
    found = locations.known(lock, at, located)
    missing = [name for name in locations.wanted(lock) if name not in found]
    if "model" in missing:
        locations.check_named(missing)
    folder = found.get("model") or _small_files(lock, on_progress)
    with verify.model_of(lock, folder, on_progress=on_progress, weights=False) as base:
        config, rows = config_json.read(base.folder / CONFIG), None
        if not missing:
            here = hub_rows.fetched(lock, found, on_progress)
            rows = verify.corpus_of(lock, base.folder, here, on_progress)
    return Inputs(config, rows, tuple(missing))


def _small_files(lock: TrainingLock, on_progress: OnProgress) -> Path:
    """Return the folder of a Hub model's configuration and tokenizer, downloaded and verified."""
    small = [file for file in lock.model.files if not is_weights(file.name)]
    model = lock.model.model_copy(update={"files": small})
    return download(
        model, None, lambda done, total: on_progress("downloading", done, total, "bytes")
    )
