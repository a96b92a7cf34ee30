"""What is asked of the data: the answers about it, and the files behind them as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.files import at_home
from lockfiles.fixes import Answer, Answers, Change
from planner.hub.datasets.reference import is_reference

Values = Mapping[str, object]
SPLITS = ("train", "validation", "test")
"""The data files' keys, in order."""

_DATA = ("format", "prompt_column", "completion_column", "system", *SPLITS)
_MODEL = ("model.source", "model.revision", "model.template", "train.max_length")
_SMALL = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True)
class Asked:
    """Everything that a report on the data is made from; equal where it would be the same."""

    folder: Path
    """Where relative paths begin."""
    data: tuple[tuple[str, object], ...]
    """The answers that rows are read by."""
    files: tuple[object, ...]
    """The stamps of the data files."""
    model: tuple[tuple[str, object], ...]
    """The answers that tokens are counted by."""
    model_files: tuple[object, ...]
    """The stamps of the model's files, as far as they lie in a folder."""

    @property
    def values(self) -> dict[str, object]:
        """The answers by their keys."""
        return dict(self.data + self.model)

    def named(self, split: str) -> str:
        """Return the path of a split as it was answered; empty where it has none."""
        return str(self.values[f"data.{split}"])

    def path(self, split: str) -> Path:
        """Return the path of a split that has one, as short as it was typed where that leads.

        Rows on the Hub are fetched first, and lie in a folder.
        """
        if is_reference(self.named(split)):
            from planner.hub.datasets.local import local

            return local(self.named(split), split)[1]
        here = self.folder == Path.cwd()
        return located(Path() if here else self.folder, self.named(split))

    def same_rows(self, other: Asked) -> bool:
        """Return whether the rows are the same, whatever model will see them."""
        return (self.folder, self.data, self.files) == (other.folder, other.data, other.files)


def ask(values: Values, folder: Path) -> Asked:
    """Return what the answers ask of the data in `folder`, as it stands now."""
    model, template = (values[key] for key in ("model.source", "model.template"))
    return Asked(
        folder=folder,
        data=_answers([f"data.{name}" for name in _DATA], values),
        files=tuple(stamp_of(values[f"data.{split}"], folder) for split in SPLITS),
        model=_answers(_MODEL, values),
        model_files=(
            *(stamp(located(folder, model) / name) for name in _SMALL if model),
            stamp_of(template, folder),
        ),
    )


def located(folder: Path, value: object) -> Path:
    """Return the path that an answer names."""
    return folder / at_home(str(value))


def columns(values: Values) -> dict[str, str] | None:
    """Return the columns that were mapped by hand, or None where rows are recognised.

    Raises UsageProblem where one of them has no answer.
    """
    if values["data.format"] != "columns":
        return None
    prompt, completion = str(values["data.prompt_column"]), str(values["data.completion_column"])
    if not (prompt and completion):
        raise UsageProblem(
            "The format `columns` needs the column of the prompt and the column of the answer.",
            fix=(
                Answers((Change("data.prompt_column"), Change("data.completion_column"))),
                Answer("data.format", "auto"),
            ),
        )
    return {"prompt": prompt, "completion": completion}


def stamp_of(value: object, folder: Path) -> tuple[object, ...] | None:
    """Return the stamp of the file or folder that an answer names; None without an answer."""
    return stamp(located(folder, value)) if value else None


def stamp(path: Path) -> tuple[object, ...] | None:
    """Return when a file was changed last, and its size; of a folder, of each file in it."""
    try:
        status = path.stat()
        inside = sorted(path.iterdir()) if path.is_dir() else []
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, *(_stamped(one) for one in inside))


def _stamped(path: Path) -> tuple[object, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return path.name, status.st_mtime_ns, status.st_size


def _answers(keys: list[str] | tuple[str, ...], values: Values) -> tuple[tuple[str, object], ...]:
    return tuple((key, values[key]) for key in keys)
