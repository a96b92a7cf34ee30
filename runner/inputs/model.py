"""The locked base model on this machine: exactly its files, at its commit, verified."""

from pathlib import Path

from lockfiles.lock import Model
from planner.hub.files import Pinned, Told, fetch
from planner.machines.probes import digests
from planner.models.facts import FileFact


def download(model: Model, cache: Path | None, on_progress: Told) -> Path:
    """Return the folder that holds the files of a model from the Hub; as `hub_files.fetch`."""
    assert model.source.startswith("hf:"), model.source
    files = [FileFact(file.name, file.size_bytes, file.sha256) for file in model.files]
    pinned = Pinned(model.source.removeprefix("hf:"), model.commit, files)
    return fetch(pinned, cache, on_progress, digests.remembered_of)


def cached(model: Model) -> Path:
    """Return a model's folder in this machine's Hub cache, whether it exists or not; no network."""
    from huggingface_hub import constants

    owner, _, name = model.source.removeprefix("hf:").rpartition("/")
    folder = "--".join(part for part in ("models", owner, name) if part)
    return Path(constants.HF_HUB_CACHE) / folder / "snapshots" / model.commit
