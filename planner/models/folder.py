"""The files of a model's folder: which names are a model's, and where each really lies.

A folder may come from a stranger. A link in it can lead to a private file or to one that never
ends, so only a link that stays inside the folder is followed. The Hub's cache is made of links:
there a file of `snapshots/COMMIT/` may lie in `blobs/` of the same repository.
"""

import os
import re
import stat
from pathlib import Path

from lockfiles import files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
WEIGHTS_END = ".safetensors"
SMALL = frozenset(
    [
        CONFIG, INDEX, "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "chat_template.jinja", "chat_template.json", "spiece.model", "sentencepiece.bpe.model",
    ]
)  # fmt: skip
"""The files beside the weights that loaders read; others, such as an `adapter_config.json`, would
make a loader read what no lock names."""
SMALL_LIMIT_BYTES = 100 * files.MIB
"""What is larger is no configuration and no tokenizer."""
MOST_ENTRIES = 10_000
"""Entries of a folder that are looked at."""
MOST_SHARDS = 2_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def is_weights(name: str) -> bool:
    """Return whether a name in a model's folder is that of weights that can be listed."""
    return name.endswith(WEIGHTS_END) and _NAME.fullmatch(name) is not None


def names(folder: Path) -> list[str]:
    """Return the names in a folder, sorted. Raises UsageProblem where it is none, or too full."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) > MOST_ENTRIES:
                    raise UsageProblem(
                        f"`{folder}` holds more than {MOST_ENTRIES:,} files.",
                        fix=Advice("give the folder of one model"),
                    )
    except (OSError, ValueError):
        raise UsageProblem(
            f"The model folder `{folder}` does not exist.", fix=Command("ls {}", folder.parent)
        ) from None
    return sorted(found)


def real_place(folder: Path, name: str) -> Path | None:
    """Return where the file `name` of a model's folder really lies; None where there is none.

    Raises UsageProblem for a link that leads out of the folder and for what is no plain file.
    """
    path = folder / name
    try:
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode):
            _check_plain(path, found)
            return path
        place = path.resolve(strict=True)
        found = place.lstat()
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as problem:  # a loop of links is a RuntimeError
        reason = getattr(problem, "strerror", None) or "its links go round in a circle"
        raise UsageProblem(
            f"`{path}` cannot be read: {reason}.", fix=Command("ls -l {}", folder)
        ) from None
    if not any(place.is_relative_to(root) for root in _roots(folder)):
        raise UsageProblem(
            f"`{path}` is a link to a file outside of the model's folder.",
            fix=Command("ls -l {}", folder, to="put the file itself there, or remove the link"),
        )
    _check_plain(path, found)
    return place


def opened(folder: Path, name: str) -> tuple[Path, int]:
    """Return where a file of a model's folder really lies, and a descriptor that reads it.

    Raises UsageProblem where it is missing, no plain file or outside; see `real_place`.
    """
    place = real_place(folder, name)
    try:
        if place is not None:
            return place, files.open_regular(place, follow=False)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise UsageProblem(
            f"`{folder / name}` cannot be read: {reason}.", fix=Command("ls -l {}", folder)
        ) from None
    raise UsageProblem(f"`{folder / name}` is missing.", fix=Command("ls {}", folder))


def shards(index: object, place: str, there: frozenset[str]) -> dict[str, set[str]]:
    """Return the names of the tensors that each file of an index holds.

    `place` names the index in errors, and `there` are the files beside it. Raises UsageProblem
    for an index that names no file, or one that is not there.
    """
    spread = index.get("weight_map") if isinstance(index, dict) else None
    found: dict[str, set[str]] = {}
    for tensor, name in spread.items() if isinstance(spread, dict) else ():
        if not isinstance(name, str) or not is_weights(name) or name not in there:
            raise UsageProblem(
                f"`{place}` names `{one_line(name, most=100)}`, which is not there.",
                fix=Advice("copy or download the model again"),
            )
        found.setdefault(name, set()).add(tensor)
    if not found or len(found) > MOST_SHARDS:
        many = f"more than {MOST_SHARDS:,} files" if found else "no file"
        raise UsageProblem(
            f"`{place}` names {many}.", fix=Advice("copy or download the model again")
        )
    return found


def _roots(folder: Path) -> list[Path]:
    """Return the folders that a link may lead into: the model's, and its blobs in the cache."""
    here = folder.resolve()
    cached = here.parent.name == "snapshots" and here.parents[1].name.startswith("models--")
    return [here, *([here.parents[1] / "blobs"] if cached else [])]


def _check_plain(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UsageProblem(
            f"`{path}` is not a plain file.",
            fix=Command("ls -l {}", path.parent, to="put a plain file there"),
        )
