"""What a rehearsal reads: of the model its small files, and the rows where they are here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.lock import Lock
from planner import config_json
from planner.data.corpus import Corpus
from runner import hub_rows, places, verify
from runner.download import download
from runner.verify import Told, silent

_CONFIG = "config.json"


@dataclass(frozen=True)
class Inputs:
    """What a rehearsal reads."""

    config: dict[str, Any]
    """The model's `config.json`."""
    rows: Corpus | None
    """The rows as training sees them; None where some of the files are not here."""
    missing: tuple[str, ...]
    """Logical names of the files that are not here."""


def read(lock: Lock, at: Path, located: Mapping[str, Path], told: Told = silent) -> Inputs:
    """Read what is here of a lock's inputs, and of a model on the Hub all but the weights.

    `at` and `located` are as `places.find` takes them. Raises UsageProblem where the model has
    no path or its files are missing, StaleLock and DigestDiffers as a run does.
    """
    found = places.known(lock, at, located)
    missing = [name for name in places.wanted(lock) if name not in found]
    if "model" in missing:
        places.check_named(missing)
    folder = _small_files(lock, found.get("model"), told)
    rows = None
    if not missing:
        rows = verify.corpus_of(lock, folder, hub_rows.fetched(lock, found, told), told)
    return Inputs(config_json.read(folder / _CONFIG), rows, tuple(missing))


def _small_files(lock: Lock, here: Path | None, told: Told) -> Path:
    """Return the folder of the model's configuration and tokenizer, compared with the lock."""
    small = [file for file in lock.model.files if not file.name.endswith(".safetensors")]
    model = lock.model.model_copy(update={"files": small})
    if here is None:
        return download(model, None, lambda done, total: told("downloading", done, total, "bytes"))
    verify.check_model(lock.model_copy(update={"model": model}), here, told)
    return here
