"""Checks that the attention of a lock computes its model."""

from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.lock import TrainingLock
from planner.memory.family_quirks import has_bounds
from planner.models.architecture import drops_scores, of_lock, rescales
from planner.models.folder import CONFIG
from planner.models.shapes import config_json

_AGAIN = Command("tunelock plan run.toml")


def check_attention(lock: TrainingLock) -> None:
    """Raise UsageProblem for attention by the bounds of rows in a model whose layers compute more
    than that."""
    if lock.train.attention == "varlen" and not has_bounds(of_lock(lock.model)):
        raise UsageProblem(
            f"`train.attention` is `varlen`, which does not compute the layers of this "
            f"`{lock.model.family}` model.",
            fix=_AGAIN,
        )


def check_dropout(lock: TrainingLock, folder: Path) -> None:
    """Raise UsageProblem for such attention in a model whose `config.json` has dropout in it."""
    path = folder / CONFIG
    if lock.train.attention == "varlen" and drops_scores(config_json.read(path), str(path)):
        raise UsageProblem(
            f"`train.attention` is `varlen`, which has no dropout, but `{path}` has "
            "`attention_dropout`.",
            fix=_AGAIN,
        )


def check_recordable(lock: TrainingLock, folder: Path) -> None:
    """Raise UsageProblem for recorded passes of a model whose `config.json` makes the host read
    positions from the card in each pass."""
    path = folder / CONFIG
    if lock.train.graph_sizes and rescales(config_json.read(path), str(path)):
        raise UsageProblem(
            f"`train.graph_sizes` is set, but `{path}` scales positions in each pass (`dynamic`), "
            "which CUDA graphs cannot record.",
            fix=_AGAIN,
        )
