"""The results of finished stages: those that are missing or damaged are made again, or refused."""

from pathlib import Path
from typing import Any

from lockfiles.errors import DigestDiffers
from lockfiles.fixes import Advice, Command
from lockfiles.lock import Lock
from runner.runs.folder import StagePlace, place
from runner.runs.kind import of_kind


def kept(at: StagePlace, digest: str) -> dict[str, Any] | None:
    """Return the report of a finished stage; None if it is not done, or an artifact is damaged."""
    report = at.done(digest)
    return None if report is None or at.damage(report) else report


def check(lock: Lock, folder: Path) -> None:
    """Raise DigestDiffers for a damaged result that only training makes again."""
    for one in lock.stage:
        if of_kind(one.kind).remade:
            continue
        at = place(lock, folder, one.id)
        try:
            report = at.done(lock.integrity[one.id])
            damage = at.damage(report) if report else ""
        except OSError:  # reported when the folder is locked
            return
        if damage:
            raise DigestDiffers(
                f"{damage}, and the stage `{one.id}` is done.",
                fix=(
                    Advice(f"restore it in `{folder}`"),
                    Command("tunelock run run.lock --fresh", to="train again"),
                ),
            )
