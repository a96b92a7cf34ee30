"""The contents of a dataset repository at a revision, cached for offline use.

A commit does not change, so it is looked up only once.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lockfiles import files, text
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Steps
from planner.hub.cache import cache_folder, writing
from planner.hub.client import client, sentences
from planner.hub.datasets.isolated import card_configs
from planner.models.facts import FileFact

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CONVERTED = "refs/convert/parquet"
"""The branch with the Hub's Parquet conversion of `main`."""
_CARD = "README.md"
_CARD_LIMIT_BYTES = 10 << 20
"""Larger cards are not read."""
_MOST_FILES = 200_000
"""Most files of a repository; the Hub recommends at most 100,000."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TIMEOUT_SECONDS = 30.0

Say = Callable[[str], None]
"""Called with a sentence before and during slow work."""


@dataclass(frozen=True)
class Contents:
    """The files of one commit of a dataset, with the configs of its card."""

    repo: str
    revision: str
    """The requested branch, tag or commit."""
    commit: str
    """40 hex digits."""
    files: tuple[FileFact, ...]
    """All files; the digest is empty if the Hub has none, as for small files."""
    card: Any = None
    """The value of `configs` in its card."""


Look = Callable[[str, str], Contents | None]
"""Called with a repository and a revision; see `contents`."""


def looking(say: Say) -> Look:
    """Return a cached `contents`, so that a branch that moves meanwhile stays at one commit."""
    return cache(lambda repo, revision: contents(repo, revision, say))


def contents(repo: str, revision: str, say: Say) -> Contents | None:
    """Return the contents of a repository; None if a requested `CONVERTED` branch is missing.

    Raises UsageProblem for a repository or revision that is unknown or not accessible, and if the
    Hub cannot be reached; with `HF_HUB_OFFLINE`, if it is not in the cache.
    """
    api = client()
    from huggingface_hub import is_offline_mode

    place = folder(repo) / f"{quote(revision, safe='')}.json"
    kept = _kept(repo, revision, place)
    if kept and (is_offline_mode() or _COMMIT.fullmatch(revision)):
        return kept
    if is_offline_mode():
        raise UsageProblem(
            f"`HF_HUB_OFFLINE` is set, and the dataset `{repo}` at `{revision}` is not in the "
            "cache.",
            fix=(Command("export HF_HUB_OFFLINE=0"), Advice("name a local file")),
        )
    say(f"looking up `{repo}` on the Hub")
    found = _asked(api, repo, revision, kept)
    if found and found is not kept:
        _keep(found, place)
    return found


def folder(repo: str) -> Path:
    """Return the cache folder of a dataset."""
    return cache_folder() / "datasets" / repo


def _asked(api: "HfApi", repo: str, revision: str, kept: Contents | None) -> Contents | None:
    from huggingface_hub import RepoFile
    from huggingface_hub.errors import RevisionNotFoundError

    with sentences(repo, revision, kind="dataset"):
        try:
            info = api.dataset_info(repo, revision=revision, timeout=_TIMEOUT_SECONDS)
        except RevisionNotFoundError:
            if revision != CONVERTED:
                raise
            return None
        assert info.sha is not None, "the Hub names the commit of every revision"
        if kept and kept.commit == info.sha:
            return kept
        tree = api.list_repo_tree(repo, recursive=True, revision=info.sha, repo_type="dataset")
        entries = list(islice(tree, _MOST_FILES + 1))
        if len(entries) > _MOST_FILES:
            raise UsageProblem(
                f"The dataset `{repo}` has more than {_MOST_FILES:,} files and folders.",
                fix=Steps(
                    (
                        Command(
                            "hf download --repo-type dataset {} FILE",
                            repo,
                            to="download the files that you need",
                        ),
                        Advice("name one of them"),
                    )
                ),
            )
        found = [file for file in entries if isinstance(file, RepoFile)]
        card = None
        if any(file.path == _CARD and file.size <= _CARD_LIMIT_BYTES for file in found):
            path = api.hf_hub_download(repo, _CARD, revision=info.sha, repo_type="dataset")
            card = card_configs(files.read_bounded(path, _CARD_LIMIT_BYTES))
    facts = (FileFact(f.path, f.size, f.lfs.sha256 if f.lfs else "") for f in found)
    ordered = tuple(sorted(facts, key=lambda file: file.name))
    return Contents(repo, revision, info.sha, ordered, card)


def _kept(repo: str, revision: str, place: Path) -> Contents | None:
    if not place.is_file():
        return None
    try:
        found = text.read_json_object(place)
        files = tuple(FileFact(**file) for file in found["files"])
        return Contents(repo, revision, str(found["commit"]), files, found["card"])
    except (UsageProblem, KeyError, TypeError):
        return None  # a broken cache file is fetched again


def _keep(found: Contents, place: Path) -> None:
    kept = {"commit": found.commit, "files": list(map(asdict, found.files)), "card": found.card}
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write_together({place: json.dumps(kept).encode()}, durable=False, shared=True)
