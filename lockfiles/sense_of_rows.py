"""Checks that the tables of a lock about rows are consistent; a part of `lockfiles.sense`."""

from collections.abc import Iterable, Iterator

from lockfiles import known, limits
from lockfiles.inputs import Data
from lockfiles.tables import TrainingTables

Contradiction = tuple[str, str]
"""The field that is wrong, dotted, and words to follow it."""
_SPLITS = ("train", "validation", "test", "general")


def data(lock: TrainingTables) -> Iterator[Contradiction]:
    """Yield the contradictions in the splits."""
    splits = [part.split for part in lock.data]
    yield from unique("data", splits)
    if splits[:1] != ["train"]:
        yield "data", "must begin with the split `train`"
    if splits != [name for name in _SPLITS if name in splits]:
        yield "data", f"must have its splits in this order: {shown(_SPLITS)}"
    for index, part in enumerate(lock.data):
        yield from _part(f"data.{index}", part)
        yield from _labels(f"data.{index}", part)
    yield from _alike(lock.data)
    yield from _split_off(lock.data)
    yield from _held_out(lock.data)


def _alike(data: list["Data"]) -> Iterator[Contradiction]:
    """All files of a run are read with the same columns and system message."""
    for index, part in enumerate(data):
        for name in ("prompt_column", "completion_column", "system", "roles", "bad_rows"):
            if getattr(part, name) != getattr(data[0], name):
                yield f"data.{index}.{name}", "differs from that of the training rows"


def _split_off(data: list["Data"]) -> Iterator[Contradiction]:
    """Split-off validation rows and the remaining training rows name the same split."""
    train = data[0]
    split = next((part.fraction for part in data if part.split == "validation"), 0.0)
    for index, part in enumerate(data):
        half = part.split in ("train", "validation")
        if part.split != "general" and part.fraction != (split if half else 0.0):
            yield f"data.{index}.fraction", "is set, but no rows are split off"
        other = part.split_seed != train.split_seed or (half and part.split_by != train.split_by)
        if split and part.split != "test" and other:
            yield f"data.{index}.split_seed", "differs from that of the training rows"


def _part(key: str, part: "Data") -> Iterator[Contradiction]:
    yield from pinned(key, part.source, part.revision, part.commit)
    local = part.source.startswith("local:")
    if local == bool(part.files):
        yield f"{key}.files", "is for rows on the Hub" if local else "has no file of the dataset"
    if local and (part.config or part.hub_split):
        yield f"{key}.hub_split", "is for rows on the Hub"
    yield from unique(f"{key}.roles", [one.rpartition("=")[0].strip() for one in part.roles])
    yield from unique(f"{key}.files", [file.name for file in part.files])
    if sum(file.size_bytes for file in part.files) > limits.MOST_BYTES:
        yield f"{key}.files", "is larger than any disk"
    if local and part.source.removeprefix("local:") not in _sources(part):
        yield f"{key}.source", f"must be {shown(f'local:{name}' for name in _sources(part))}"
    columns = bool(part.prompt_column), bool(part.completion_column)
    if part.format == "columns" and columns != (True, True):
        yield f"{key}.prompt_column", "is missing: the format `columns` needs two columns"


def _labels(key: str, part: "Data") -> Iterator[Contradiction]:
    """The training rows of a classification name its labels and columns."""
    labelled = part.format == "classification" or (part.format == "mixed" and bool(part.labels))
    if part.split != "train" or not labelled:
        if part.labels:
            yield f"{key}.labels", "is only for the training rows of a classification"
        return
    if len(part.labels) < 2:
        yield f"{key}.labels", "must have at least two labels"
    if part.labels != sorted(set(part.labels)):
        yield f"{key}.labels", "must be sorted, without duplicates"
    if not part.system:
        yield f"{key}.system", "is missing: a classification needs an instruction"
    if not (part.prompt_column and part.completion_column):
        yield f"{key}.prompt_column", "is missing: a classification needs two columns"


def _sources(part: "Data") -> tuple[str, ...]:
    """Return the files that the rows of a split may come from."""
    return ("train",) if part.split == "validation" and part.fraction else (part.split,)


def _held_out(data: list["Data"]) -> Iterator[Contradiction]:
    """Held-out rows are never the training rows under another name."""
    train = data[0]
    for index, part in enumerate(data):
        if part.split in ("validation", "test") and (
            part.sha256 == train.sha256 or part.tokens_sha256 == train.tokens_sha256
        ):
            yield (
                f"data.{index}.sha256",
                (f"equals that of the training rows: the `{part.split}` rows are not held out"),
            )


def fix(lock: TrainingTables) -> Iterator[Contradiction]:
    """Yield the contradictions in the cleaning steps."""
    yield from unique("fix", [(step.source, step.step, step.what) for step in lock.fix])
    for index, step in enumerate(lock.fix):
        if step.what not in known.FIXES[step.step]:
            yield f"fix.{index}.what", f"must be {shown(sorted(known.FIXES[step.step]))}"


def pinned(key: str, source: str, revision: str, commit: str) -> Iterator[Contradiction]:
    """Yield wrong pins: sources on the Hub have a commit, local ones only digests."""
    on_hub = source.startswith("hf:")
    for name, value in (("revision", revision), ("commit", commit)):
        if bool(value) != on_hub:
            state = (
                "missing: sources on the Hub are pinned"
                if on_hub
                else "set, but the files are local"
            )
            yield f"{key}.{name}", f"is {state}"


def unique(key: str, values: Iterable[object]) -> Iterator[Contradiction]:
    """Yield a contradiction where a value occurs twice."""
    listed = list(values)
    if len(set(listed)) != len(listed):
        yield key, "has a duplicate"


def shown(names: Iterable[str]) -> str:
    """Return names as a list for a sentence."""
    return ", ".join(f"`{name}`" for name in names)
