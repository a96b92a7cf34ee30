"""The record of a training that continues another run, in the folder of its stage."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from lockfiles.errors import RunFailed
from lockfiles.files import read_bounded
from lockfiles.fixes import Option
from lockfiles.receipt import Continued

RECORD = "continued.json"
_MOST_BYTES = 1 << 16


class Record(BaseModel):
    """The contents of `continued.json`."""

    model_config = ConfigDict(strict=True, frozen=True)

    source: Continued
    complete: bool
    """Whether the checkpoint is copied."""


def record_of(work: Path) -> Record | None:
    """Return the record in the folder of a training stage; None if it has none.

    Raises RunFailed if it is damaged.
    """
    try:
        return Record.model_validate_json(read_bounded(work / RECORD, _MOST_BYTES, follow=False))
    except FileNotFoundError:
        return None
    except ValueError:
        raise RunFailed(
            f"`{work / RECORD}` is damaged.", fix=Option("--fresh", to="start over with")
        ) from None
