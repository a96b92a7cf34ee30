"""The checkpoint that a training resumes from."""

import shutil
from pathlib import Path

from runner.engines.ranks import Ranks
from runner.runs.whole import CHECKPOINT, is_whole, newest_whole


def last_whole_checkpoint(work: Path) -> str | None:
    """Return the newest complete checkpoint; remove the incomplete ones."""
    for folder in work.glob(f"{CHECKPOINT}*"):
        if not is_whole(folder):
            shutil.rmtree(folder)
    newest = newest_whole(work)
    return str(work / f"{CHECKPOINT}{newest}") if newest else None


def agreed_checkpoint(work: Path, ranks: Ranks) -> str | None:
    """Return the checkpoint that all processes resume from: the last complete one of rank 0."""
    if ranks.count == 1:
        return last_whole_checkpoint(work)
    newest = last_whole_checkpoint(work) if ranks.rank == 0 else None
    step = int(newest.rpartition("-")[2]) if newest else 0
    first = ranks.gathered([step])[0][0]
    return str(work / f"{CHECKPOINT}{first}") if first else None
