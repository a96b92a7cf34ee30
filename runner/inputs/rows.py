"""The locked rows from the Hub on this machine: exactly their files, at their commit."""

from collections.abc import Mapping
from pathlib import Path

from lockfiles.lock import Data, Lock
from planner.hub.datasets.fetch import fetch
from planner.hub.datasets.resolve import HubSplit
from planner.models.facts import FileFact
from runner.inputs import locations
from runner.inputs.verify import OnProgress, silent


def fetched(
    lock: Lock, found: Mapping[str, Path], on_progress: OnProgress = silent
) -> dict[str, Path]:
    """Return the paths of all rows, by logical name: those in `found`, and folders of Hub datasets.

    Names in `found` are not downloaded. Raises what `planner.hub.datasets.fetch` raises:
    DigestDiffers if a file differs from the locked one.
    """
    here = dict(found)
    for part in lock.splits:
        name = locations.name_of(part)
        if name not in here and name in locations.on_hub(lock):
            here[name] = _fetched(part, f"downloading {name} rows", on_progress)
    return here


def _fetched(part: Data, what: str, on_progress: OnProgress) -> Path:
    files = tuple(FileFact(file.name, file.size_bytes, file.sha256) for file in part.files)
    split = HubSplit(
        part.source.removeprefix("hf:"), part.revision, part.commit, part.config, part.hub_split,
        files,
    )  # fmt: skip
    return fetch(split, lambda done, total: on_progress(what, done, total, "bytes"))[1]
