"""Prepare: check the model and the data against the lock, and write the rows to disk as tokens."""

from typing import Any

from lockfiles.lock import TrainingLock
from planner.data.corpus import held_out
from planner.data.corpus.corpus import Corpus
from planner.data.tokens.stored import write_encoded
from planner.machines.probes import digests
from planner.objectives.registry import objective_of
from runner.export.convertible import check_exports
from runner.inputs import rows as hub_rows
from runner.inputs import verify
from runner.stages.context import Context
from runner.stages.rows import picked, write_shown


def run(given: Context) -> dict[str, Any]:
    """Check every digest, and write the encoded splits to `rows/`, where the lock has any."""

    def on_progress(what: str, done: int, total: int, unit: str) -> None:
        given.line.send("progress", what=what, done=done, total=total, unit=unit)

    if given.lock.model.source.startswith("hf:"):
        from runner.inputs.model import download

        model = download(
            given.lock.model,
            None,
            lambda done, total: on_progress("downloading", done, total, "bytes"),
        )
    else:
        model = given.places["model"]
    places = hub_rows.fetched(given.lock, given.places, on_progress)
    fetched = given.lock.model.source.startswith("hf:")  # its weights were just hashed
    sha256 = None if fetched else digests.remembered
    with verify.model_of(
        given.lock, model, given.work, on_progress, sha256=sha256, meanwhile=True
    ) as base:
        check_exports(given.lock, base.folder)
        if not isinstance(given.lock, TrainingLock):
            return {"rows": {}}
        rows = verify.corpus_of(given.lock, base.folder, places, on_progress)
        base.check()
    return _written(given, rows)


def _written(given: Context, rows: Corpus) -> dict[str, Any]:
    leaked = held_out.leaked(rows)
    for sentence in held_out.sentences(rows, leaked):
        given.line.send("warning", text=sentence)
    sequences = objective_of(given.lock.training().objective.name).sequences
    for part in rows.parts:
        write_encoded(given.work / "rows" / part.split, part.encoded, sequences)
    held = rows.part(given.held) if given.held else None
    if held is not None:
        write_shown(given.work, picked(held.rows, given.lock.samples))
    return {
        "rows": {part.split: len(part.rows) for part in rows.parts},
        "learnt": leaked,
        "samples": given.lock.samples,
    }
