"""Train: fine-tune on the prepared rows; the result is an adapter or full weights."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lockfiles import digest
from lockfiles.errors import DigestDiffers, RunFailed, Stopped
from lockfiles.fixes import PLAN_AGAIN, Advice, Change, Command, Steps
from planner.data.tokens.example import Example
from planner.data.tokens.order import epoch_order
from planner.data.tokens.stored import stream_sha256
from runner.engines.ranks import Ranks
from runner.export.clean import cleaned, with_tokenizer
from runner.inputs import verify
from runner.runs.continued import record_of
from runner.stages import artifacts
from runner.stages.context import Context
from runner.stages.made import ending_of, own_template
from runner.stages.rows import prepared
from runner.training import train as training
from runner.training.determinism import keep_to
from runner.training.job import Job
from runner.training.timing import keep_times_of_run


def run(given: Context) -> dict[str, Any]:
    """Train to the end; rank 0 reports.

    Raises Stopped if the training was stopped and saved a checkpoint instead.
    """
    with given.engine.joined() as ranks, given.own_folder() as own:
        return _trained(given, ranks, own)


def _trained(given: Context, ranks: Ranks, own: Path) -> dict[str, Any]:
    lock = given.lock.training()
    keep_to(lock.exactness.threads, exact=lock.exactness.exact)
    rows, validation = prepared(given, "train"), prepared(given, "validation")
    check_rows(rows, lock.stream.sha256)
    with verify.model_of(lock, given.model, own, meanwhile=True) as base:
        job = Job(
            base=base.folder,
            rows=rows,
            validation=validation,
            order=lambda epoch: epoch_order(len(rows), lock.train.seed, epoch),
            method=lock.method,
            train=lock.train,
            work=given.work,
            packing=lock.stream.packing,
            predicted_bytes=lock.prediction.peak_bytes,
            pad_id=lock.template.pad_id,
            ranks=ranks,
            parallel=lock.parallel,
            objective=lock.objective,
            check_base=base.check,
        )
        result = training.train(job, given.line)
        if result.stopped:
            raise Stopped("the run was stopped and a checkpoint saved")
        if ranks.rank:
            return {}
        keep_times_of_run(lock, rows, validation, result.times)
        cleaned(result.folder, lock.model)
        template = own_template(given)
        ending = ending_of(given, base.folder, rows)
        with_tokenizer(result.folder, base.folder, template, ending)
    trained = "merged" if lock.method.kind == "full" else "adapter"
    tensors = digest.of_tensors(sorted(result.folder.glob("*.safetensors")))
    return {
        "artifacts": [artifacts.made(given, artifacts.NAMES[trained], result.folder.name, tensors)],
        "digests": {trained: tensors},
        "steps": result.steps,
        "peak_bytes": result.peak_bytes,
        "step_seconds": result.step_seconds,
        **({"continued": asdict(record.source)} if (record := record_of(given.work)) else {}),
    }


def check_rows(rows: list[Example], locked: str) -> None:
    """Raise DigestDiffers for other tokens than the lock's, RunFailed for rows without labels."""
    if stream_sha256(rows) != locked:
        raise DigestDiffers(
            "The prepared tokens differ from those in the lock.",
            fix=Command("tunelock run run.lock --fresh"),
        )
    empty = sum(row.scored == 0 for row in rows)
    if empty:
        raise RunFailed(
            f"All labels are masked in {empty} of {len(rows)} rows.",
            fix=(
                Advice("remove those rows"),
                Steps((Change("train.max_length", "a larger number"), PLAN_AGAIN)),
            ),
        )
