"""The checkpoint that a training resumes from."""

import shutil
from pathlib import Path

from runner.engines.ranks import Ranks
from runner.training.callback import is_whole


def last_whole_checkpoint(work: Path) -> str | None:
    """Return the newest complete checkpoint; remove the incomplete ones."""
    numbers: dict[int, Path] = {}
    for folder in work.glob("checkpoint-*"):
        if is_whole(folder):
            numbers[int(folder.name.removeprefix("checkpoint-"))] = folder
        else:
            shutil.rmtree(folder)
    return str(numbers[max(numbers)]) if numbers else None


def agreed_checkpoint(work: Path, ranks: Ranks) -> str | None:
    """Return the checkpoint that all processes resume from: the last complete one of rank 0."""
    if ranks.count == 1:
        return last_whole_checkpoint(work)
    newest = last_whole_checkpoint(work) if ranks.rank == 0 else None
    step = int(newest.rpartition("-")[2]) if newest else 0
    first = ranks.gathered([step])[0][0]
    return str(work / f"checkpoint-{first}") if first else None
