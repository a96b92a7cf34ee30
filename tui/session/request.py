"""A request to check the data: the answers about it, and the state of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockfiles.errors import UsageProblem
from lockfiles.files import at_home
from lockfiles.fixes import Answer, Answers, Change
from planner.hub.datasets.reference import is_reference

if TYPE_CHECKING:
    from planner.data.reading.classification import Labelled

Values = Mapping[str, object]
SPLITS = ("train", "validation", "test")
"""The data files' keys, in order."""

_DATA = ("format", "prompt_column", "completion_column", "system", "roles", *SPLITS)
_MODEL = ("model.source", "model.revision", "model.template", "train.max_length")
_SMALL = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True)
class DataRequest:
    """Everything that a report on the data depends on; equal requests have the same report."""

    folder: Path
    """The folder of relative paths."""
    data: tuple[tuple[str, object], ...]
    """The answers that affect how rows are read."""
    files: tuple[object, ...]
    """The stamps of the data files."""
    model: tuple[tuple[str, object], ...]
    """The answers that affect how tokens are counted."""
    model_files: tuple[object, ...]
    """The stamps of the model's files, if it is a local folder."""

    @property
    def values(self) -> dict[str, object]:
        """The answers by their keys."""
        return dict(self.data + self.model)

    def named(self, split: str) -> str:
        """Return the path of a split as answered; empty if it has none."""
        return str(self.values[f"data.{split}"])

    def path(self, split: str) -> Path:
        """Return the path of a split that has one, as it was typed if that path exists.

        Rows on the Hub are downloaded to a folder first.
        """
        if is_reference(self.named(split)):
            from planner.hub.datasets.local import local

            return local(self.named(split), split)[1]
        here = self.folder == Path.cwd()
        return located(Path() if here else self.folder, self.named(split))

    def same_rows(self, other: DataRequest) -> bool:
        """Return whether the rows are the same, for any model."""
        return (self.folder, self.data, self.files) == (other.folder, other.data, other.files)


def data_request(values: Values, folder: Path) -> DataRequest:
    """Return the request for the answers and the current state of the data in `folder`."""
    model, template = (values[key] for key in ("model.source", "model.template"))
    return DataRequest(
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
    """Return the chosen columns, or None if the format is detected.

    Raises UsageProblem if one of them has no answer.
    """
    if values["data.format"] != "columns":
        return None
    prompt, completion = str(values["data.prompt_column"]), str(values["data.completion_column"])
    if not (prompt and completion):
        raise UsageProblem(
            "The format `columns` needs both a prompt column and an answer column.",
            fix=(
                Answers((Change("data.prompt_column"), Change("data.completion_column"))),
                Answer("data.format", "auto"),
            ),
        )
    return {"prompt": prompt, "completion": completion}


def labelled(
    values: Values, train: Path, tokens: Callable[[str], int] | None = None
) -> Labelled | None:
    """Return how to read the rows of a classification, from its training file; None for others.

    `tokens` counts the tokens of a text. Raises UsageProblem as `labelled_in` does.
    """
    from planner.data.reading.classification import estimated
    from planner.data.reading.detection import labelled_in

    named = {
        "prompt": str(values["data.prompt_column"]),
        "completion": str(values["data.completion_column"]),
    }
    return labelled_in(
        train,
        str(values["data.format"]),
        columns=named if values["data.format"] == "classification" else None,
        system=str(values["data.system"]),
        tokens=tokens or estimated,
    )


def roles(values: Values) -> dict[str, str]:
    """Return the roles that were given to names of speakers."""
    from planner.data.reading.roles import mapping

    given = values["data.roles"]
    return mapping(tuple(map(str, given))) if isinstance(given, list | tuple) else {}


def stamp_of(value: object, folder: Path) -> tuple[object, ...] | None:
    """Return the stamp of the file or folder that an answer names; None without an answer."""
    return stamp(located(folder, value)) if value else None


def stamp(path: Path) -> tuple[object, ...] | None:
    """Return a file's modification time and size, or those of each file in a folder."""
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
