"""What a rehearsal reads: of the model its small files, and the rows where they are here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.lock import TrainingLock
from planner.data.corpus.corpus import Corpus
from planner.models import config_json
from planner.models.folder import CONFIG, is_weights
from runner.inputs import locations, verify
from runner.inputs import rows as hub_rows
from runner.inputs.model import download
from runner.inputs.verify import Told, silent


@dataclass(frozen=True)
class Inputs:
    """What a rehearsal reads."""

    config: dict[str, Any]
    """The model's `config.json`."""
    rows: Corpus | None
    """The rows as training sees them; None where some of the files are not here."""
    missing: tuple[str, ...]
    """Logical names of the files that are not here."""


def read(lock: TrainingLock, at: Path, located: Mapping[str, Path], told: Told = silent) -> Inputs:
    """Read what is here of a lock's inputs, and of a model on the Hub all but the weights.

    `at` and `located` are as `places.find` takes them. Raises UsageProblem where the model has
    no path or its files are missing, StaleLock and DigestDiffers as a run does.
    """
    found = locations.known(lock, at, located)
    missing = [name for name in locations.wanted(lock) if name not in found]
    if "model" in missing:
        locations.check_named(missing)
    folder = found.get("model") or _small_files(lock, told)
    with verify.model_of(lock, folder, told=told, weights=False) as base:
        config, rows = config_json.read(base.folder / CONFIG), None
        if not missing:
            here = hub_rows.fetched(lock, found, told)
            rows = verify.corpus_of(lock, base.folder, here, told)
    return Inputs(config, rows, tuple(missing))


def _small_files(lock: TrainingLock, told: Told) -> Path:
    """Return the folder of a Hub model's configuration and tokenizer, fetched and compared."""
    small = [file for file in lock.model.files if not is_weights(file.name)]
    model = lock.model.model_copy(update={"files": small})
    return download(model, None, lambda done, total: told("downloading", done, total, "bytes"))
