"""Model facts of a repository on the Hub, pinned to a commit, without downloading weights."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lockfiles import digest, text
from lockfiles.errors import UsageProblem
from planner.hub_client import client, sentences
from planner.models import FileFact, ModelFacts, architecture

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SMALL = (".json", ".jinja", ".model")
_SMALL_LIMIT_BYTES = 100 << 20
"""What is larger is no configuration, and is left alone."""
_CONFIG = "config.json"
_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_TIMEOUT_SECONDS = 30.0
_CONNECTIONS = 8


def from_hub(repo: str, revision: str = "main", *, folder: Path) -> ModelFacts:
    """Read the model in a repository at a branch, a tag or a commit.

    The configuration and the tokenizer are fetched and copied to `folder`, in place of those of
    another commit. Of the weights only the safetensors headers are read; their digests are those
    that the Hub states. Weights are chosen as transformers chooses them: `model.safetensors`, or
    the shards of its index.
    Raises UsageProblem for a repository or revision that is unknown or closed, one without
    safetensors weights, and a Hub that cannot be reached.
    """
    api = client()
    with sentences(repo, revision):
        info = api.model_info(
            repo, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS
        )
        commit, listed = _listed(info, repo)
        small = _fetch(api, repo, commit, listed, folder)
        weights = _weights(folder, listed, repo)
        sizes = _elements(api, repo, commit, weights)
    config = text.read_json_object(folder / _CONFIG)
    return ModelFacts(
        source=repo,
        files=tuple(sorted((*small, *weights), key=lambda file: file.name)),
        architecture=architecture(config, f"{repo}/{_CONFIG}"),
        parameters=sizes.total(),
        dtype=sizes.most_common(1)[0][0] if sizes else "",
        revision=revision,
        commit=commit,
        licence=_licence(info),
        gated=bool(info.gated),
    )


def _listed(info: "ModelInfo", repo: str) -> tuple[str, dict[str, "RepoSibling"]]:
    """Return the commit and its files by name, where they are a model that can be trained."""
    assert info.sha is not None, "the Hub names the commit of every revision"
    listed = {file.rfilename: file for file in info.siblings or ()}
    if _SINGLE not in listed and _INDEX not in listed:
        raise UsageProblem(
            f"`{repo}` holds no `.safetensors` weights, and pickled weights can run code.",
            hint="choose another model, or one whose owner has converted it",
        )
    if _CONFIG not in listed:
        raise UsageProblem(f"`{repo}` holds no `{_CONFIG}`.", hint="choose another model")
    return info.sha, listed


def _fetch(
    api: "HfApi", repo: str, commit: str, listed: Mapping[str, "RepoSibling"], folder: Path
) -> list[FileFact]:
    """Copy the small files of a commit to `folder`, in place of those of another, and hash them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name.endswith(_SMALL) and path.name not in listed:
            path.unlink()
    facts = []
    for name, file in listed.items():
        is_small = name.endswith(_SMALL) and (file.size or 0) <= _SMALL_LIMIT_BYTES
        if not (is_small and _NAME.fullmatch(name)):
            continue
        path = folder / name
        shutil.copyfile(api.hf_hub_download(repo, name, revision=commit), path)
        facts.append(FileFact(name, path.stat().st_size, digest.of_file(path)))
    return facts


def _weights(folder: Path, listed: Mapping[str, "RepoSibling"], repo: str) -> list[FileFact]:
    """Return the weights' files with the digests that the Hub states."""
    names = {_SINGLE}
    if _SINGLE not in listed:
        index = text.read_json_object(folder / _INDEX).get("weight_map")
        names = set(index.values()) if isinstance(index, dict) else set()
    facts = []
    for name in sorted(map(str, names)):
        file = listed.get(name)
        if file is None or not (_NAME.fullmatch(name) and name.endswith(".safetensors")):
            raise UsageProblem(
                f"`{_INDEX}` of `{repo}` names `{name}`, which is not there.",
                hint="choose another model",
            )
        if file.lfs is None:
            raise UsageProblem(
                f"The Hub states no digest for `{name}` of `{repo}`.", hint="choose another model"
            )
        facts.append(FileFact(name, file.lfs.size, file.lfs.sha256))
    if not facts:
        raise UsageProblem(f"`{_INDEX}` of `{repo}` names no file.", hint="choose another model")
    return facts


def _elements(api: "HfApi", repo: str, commit: str, weights: Iterable[FileFact]) -> Counter[str]:
    """Return the number of elements of each stored type, from the headers of the weights."""

    def read(file: FileFact) -> dict[str, int]:
        header = api.parse_safetensors_file_metadata(repo, file.name, revision=commit)
        return {str(dtype): count for dtype, count in header.parameter_count.items()}

    sizes = Counter[str]()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for counts in pool.map(read, weights):
            sizes.update(counts)
    return sizes


def _licence(info: "ModelInfo") -> str:
    """Return what the card states; a licence of its own goes by its own name."""
    card = info.card_data
    stated = card.get("license") if card else None
    if stated == "other":
        stated = card.get("license_name") or stated if card else stated
    return stated if isinstance(stated, str) else ""
