"""The files of a model's folder: the names that are read, and their real paths.

A folder is untrusted. A link in it could lead to a private or endless file, so only links that stay
inside the folder are followed. In the Hub's cache, which consists of links, a file in
`snapshots/COMMIT/` may be in `blobs/` of the same repository.
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
SMALL_FILE_NAMES = frozenset(
    [
        CONFIG, INDEX, "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt", "chat_template.jinja", "chat_template.json", "spiece.model",
        "sentencepiece.bpe.model", "preprocessor_config.json", "processor_config.json",
    ]
)  # fmt: skip
"""The files other than weights that loaders may read. An `adapter_config.json`, for example, is
excluded: it would make a loader read files that are not in the lock."""
TEMPLATES = "additional_chat_templates"
"""The folder of further chat templates in a model's folder, by name."""
SMALL_LIMIT_BYTES = 100 * files.MIB
"""The largest configuration or tokenizer file."""
MAX_ENTRIES = 10_000
"""Most files and folders in a model's folder."""
MOST_SHARDS = 2_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def is_weights(name: str) -> bool:
    """Return whether a name in a model's folder is that of a weight file."""
    return name.endswith(WEIGHTS_END) and _NAME.fullmatch(name) is not None


def is_small(name: str) -> bool:
    """Return whether loaders may read a file other than weights; `name` is relative to a model's
    folder."""
    inside, _, last = name.rpartition("/")
    template = inside == TEMPLATES and last.endswith(".jinja") and bool(_NAME.fullmatch(last))
    return name in SMALL_FILE_NAMES or template


def small_files(folder: Path) -> list[str]:
    """Return the names of the files other than weights that loaders may read, sorted.

    Raises UsageProblem as `list_entries` and `real_place` do.
    """
    names = list_entries(folder)
    if TEMPLATES in names and real_folder(folder, TEMPLATES):
        names += [f"{TEMPLATES}/{name}" for name in list_entries(folder / TEMPLATES)]
    return sorted(filter(is_small, names))


def real_folder(folder: Path, name: str) -> bool:
    """Return whether `name` is a folder in a model's folder. Raises UsageProblem for a link."""
    path = folder / name
    if path.is_symlink():
        raise UsageProblem(
            f"`{path}` is a link, not a folder.",
            fix=Command("ls -ld {}", path, to="put the folder itself there"),
        )
    return path.is_dir()


def list_entries(folder: Path) -> list[str]:
    """Return the sorted names of the files and folders in `folder`.

    Raises UsageProblem if it cannot be listed or has more than `MAX_ENTRIES` entries.
    """
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > MAX_ENTRIES:
                    raise UsageProblem(
                        f"`{folder}` has more than {MAX_ENTRIES:,} entries.",
                        fix=Advice("use the folder of a single model"),
                    )
    except FileNotFoundError:
        raise UsageProblem(
            f"The model folder `{folder}` does not exist.", fix=Command("ls {}", folder.parent)
        ) from None
    except NotADirectoryError:
        raise UsageProblem(
            f"`{folder}` is a file, not the folder of a model.",
            fix=Command("ls {}", folder.parent, to="name the folder that has it"),
        ) from None
    except (OSError, ValueError) as error:  # a null character in a path is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise UsageProblem(
            f"The model folder `{folder}` cannot be read: {reason}.",
            fix=Command("ls -ld {}", folder),
        ) from None
    return sorted(names)


def real_place(folder: Path, name: str) -> Path | None:
    """Return the real path of the file `name` in a model's folder; None if it is missing.

    Raises UsageProblem for a link that leads out of the folder and for anything but a regular file.
    """
    path = folder / name
    inside = Path(name).parent.name
    if inside and not real_folder(folder, inside):
        return None
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
        reason = getattr(problem, "strerror", None) or "its links form a loop"
        raise UsageProblem(
            f"`{path}` cannot be read: {reason}.", fix=Command("ls -l {}", folder)
        ) from None
    if not any(place.is_relative_to(root) for root in _roots(folder)):
        raise UsageProblem(
            f"`{path}` is a link to a file outside the model's folder.",
            fix=Command("ls -l {}", folder, to="put the file itself there, or remove the link"),
        )
    _check_plain(path, found)
    return place


def opened(folder: Path, name: str) -> tuple[Path, int]:
    """Return the real path of a file in a model's folder, and a descriptor for reading it.

    Raises UsageProblem if it is missing or as `real_place` does.
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
    """Return the names of the tensors in each file of an index.

    `place` is the name of the index in errors, and `there` are the files in its folder. Raises
    UsageProblem for an index without files, or with a file that is missing.
    """
    spread = index.get("weight_map") if isinstance(index, dict) else None
    found: dict[str, set[str]] = {}
    for tensor, name in spread.items() if isinstance(spread, dict) else ():
        if not isinstance(name, str) or not is_weights(name) or name not in there:
            raise UsageProblem(
                f"`{place}` names `{one_line(name, most=100)}`, which is missing.",
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
    """Return the folders that links may lead to: the model's, and its blobs in the cache."""
    here = folder.resolve()
    cached = here.parent.name == "snapshots" and here.parents[1].name.startswith("models--")
    return [here, *([here.parents[1] / "blobs"] if cached else [])]


def _check_plain(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UsageProblem(
            f"`{path}` is not a plain file.",
            fix=Command("ls -l {}", path.parent, to="put a plain file there"),
        )
