"""Reads the facts of a model on the Hub, pinned to a commit, without downloading weights."""

import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockfiles import digest
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import is_harmless, one_line
from planner.catalogue.unquantized import unquantized_name
from planner.hub import heads
from planner.hub.client import client, sentences
from planner.models.facts import FileFact, ModelFacts
from planner.models.folder import (
    CONFIG,
    INDEX,
    SINGLE,
    SMALL_LIMIT_BYTES,
    TEMPLATES,
    is_small,
    shards,
)
from planner.models.folder_kinds import check_kind
from planner.models.held import Held
from planner.models.loadable import check_loadable
from planner.models.shapes import config_json
from planner.models.stored import index_of, shape_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIMEOUT_SECONDS = 30.0
_CONNECTIONS = 8


def from_hub(repo: str, revision: str = "main", *, folder: Path) -> ModelFacts:
    """Read the model in a repository at a branch, tag or commit.

    The configuration and the tokenizer are downloaded and copied to `folder`, replacing those of
    another commit. Of the weights, only the safetensors headers are read; their digests are those
    that the Hub reports. Weights are selected as in transformers: `model.safetensors`, or the
    shards of its index.
    Raises UsageProblem for a repository or revision that is unknown or closed, one without
    safetensors weights, and a Hub that cannot be reached.
    """
    api = client()
    with sentences(repo, revision):
        info = api.model_info(
            repo, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS
        )
        commit, files = _list_files(info)
        check_kind(repo, files, partial(_read, api, repo, commit))
        small = _download_small_files(api, repo, commit, files, folder)
        weights = _weights(folder, files, repo)
        stored = _tensors(api, repo, commit, weights)
    check_loadable(folder)
    original = _base_model(info) or unquantized_name(repo)
    held = {name: tensor for name, (tensor, _) in stored.items()}
    shape = shape_of(config_json.read(folder / CONFIG), held, f"{repo}/{CONFIG}", original)
    own_head = False
    if shape.both:
        with sentences(repo, revision):
            first, second = (stored[name][1] for name in shape.both)
            own_head = not heads.alike(repo, commit, first, second)
    return ModelFacts(
        source=repo,
        files=tuple(sorted((*small, *weights), key=lambda file: file.name)),
        architecture=replace(shape.architecture, tied=False) if own_head else shape.architecture,
        parameters=shape.parameters,
        dtype=shape.dtype,
        revision=revision,
        commit=commit,
        license=_license(info),
        gated=bool(info.gated),
        own_head=own_head,
        held=held,
        ahead=shape.ahead,
        aside=shape.aside,
        drops_scores=shape.drops_scores,
        rescales=shape.rescales,
    )


def _list_files(info: "ModelInfo") -> tuple[str, dict[str, "RepoSibling"]]:
    """Return the commit and its files by name."""
    assert info.sha is not None, "the Hub names the commit of every revision"
    return info.sha, {file.rfilename: file for file in info.siblings or ()}


def _read(api: "HfApi", repo: str, commit: str, name: str) -> dict[str, Any]:
    return config_json.read(Path(api.hf_hub_download(repo, name, revision=commit)))


def _download_small_files(
    api: "HfApi", repo: str, commit: str, files: Mapping[str, "RepoSibling"], folder: Path
) -> list[FileFact]:
    """Download the small files of `commit` to `folder`, and return their sizes and hashes.

    `files` are all files of the commit by name. Other files in `folder` are deleted: they may be
    from another commit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    small_names = [
        name
        for name, file in files.items()
        if is_small(name) and (file.size or 0) <= SMALL_LIMIT_BYTES
    ]
    for path in [*folder.iterdir(), *(folder / TEMPLATES).glob("*")]:
        if path.is_file() and str(path.relative_to(folder)) not in small_names:
            path.unlink()
    facts = []
    for name in small_names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(api.hf_hub_download(repo, name, revision=commit), path)
        facts.append(FileFact(name, path.stat().st_size, digest.of_file(path)))
    return facts


def _weights(folder: Path, files: Mapping[str, "RepoSibling"], repo: str) -> list[FileFact]:
    """Return the weight files with the digests that the Hub reports."""
    names = {SINGLE}
    if SINGLE not in files:
        names = set(shards(index_of(folder), f"{repo}/{INDEX}", frozenset(files)))
    facts = []
    for name in sorted(names):
        lfs = files[name].lfs
        if lfs is None or not _SHA256.fullmatch(lfs.sha256):
            raise UsageProblem(
                f"The Hub has no digest for `{name}` of `{repo}`.",
                fix=Advice("choose another model"),
            )
        facts.append(FileFact(name, lfs.size, lfs.sha256))
    return facts


def _tensors(
    api: "HfApi", repo: str, commit: str, weights: Sequence[FileFact]
) -> dict[str, tuple[Held, heads.Place]]:
    """Return every stored tensor and its place, from the headers of the weights.

    Raises UsageProblem for a tensor in two files, which loaders would read from either.
    """

    def read(file: FileFact) -> dict[str, tuple[Held, heads.Place]]:
        try:
            header = api.parse_safetensors_file_metadata(repo, file.name, revision=commit)
            return {
                name: (
                    Held(str(tensor.dtype), tuple(map(index, tensor.shape))),
                    heads.Place(file.name, *map(index, tensor.data_offsets)),
                )
                for name, tensor in header.tensors.items()
            }
        except (AttributeError, TypeError):  # a header of other types
            raise UsageProblem(
                f"The weights of `{repo}` have a broken safetensors header.",
                fix=Advice("choose another model"),
            ) from None

    held = dict[str, tuple[Held, heads.Place]]()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for file, found in zip(weights, pool.map(read, weights), strict=True):
            if twice := held.keys() & found.keys():
                raise UsageProblem(
                    f"`{file.name}` and another file of `{repo}` both contain "
                    f"`{one_line(min(twice), most=100)}`.",
                    fix=Advice("choose another model, or another revision of it"),
                )
            held |= found
    return held


def _base_model(info: "ModelInfo") -> str:
    """Return the model that a model card names as its origin; empty if it names none or several."""
    stated = info.card_data.get("base_model") if info.card_data else None
    if isinstance(stated, list) and len(stated) == 1:
        stated = stated[0]
    said = stated if isinstance(stated, str) and len(stated) <= 200 else ""
    return said if is_harmless(said) else ""


def _license(info: "ModelInfo") -> str:
    """Return the license from the model card; for `other`, its own name."""
    card = info.card_data
    stated = card.get("license") if card else None
    if stated == "other":
        stated = card.get("license_name") or stated if card else stated
    said = stated if isinstance(stated, str) and len(stated) <= 100 else ""
    return said if is_harmless(said) else ""
