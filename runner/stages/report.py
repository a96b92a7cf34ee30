"""Report: `receipt.json` with digests and measurements, and an HTML page."""

import platform
from pathlib import Path
from typing import Any

import jinja2

from lockfiles import digest, receipt
from lockfiles.files import write_whole
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, TrainingLock
from lockfiles.measured import against_prediction, rate
from lockfiles.rates import tokens_per_second
from lockfiles.receipt import (
    Continued,
    Digests,
    Evaluation,
    Measured,
    Receipt,
    Score,
    Sent,
    measured_on,
)
from planner.objectives.registry import title_of
from planner.plan import outcome
from runner.environments import packages
from runner.stages import artifacts
from runner.stages.context import Context


def run(given: Context) -> dict[str, Any]:
    """Write `receipt.json` and `report.html` from the reports of the earlier stages."""
    made = receipt_of(given)
    receipt.write(made, given.work / "receipt.json")
    write_whole(given.work / "report.html", page(given, made).encode())
    return {}


def receipt_of(given: Context) -> Receipt:
    """Return the receipt of a run whose stages are done."""
    trained, merged = _reported(given, "train"), _reported(given, "merge")
    scored, pushed = _reported(given, "evaluate"), _reported(given, "push")
    files = _files(given)
    digests = trained.get("digests", {}) | merged.get("digests", {})
    return Receipt(
        lock_sha256=digest.of_file(given.run / "run.lock"),
        digests=Digests(
            adapter=digests.get("adapter"),
            merged=digests.get("merged"),
            gguf={level: file["tensors_sha256"] for level, file in files.items()},
        ),
        measured=Measured(trained.get("peak_bytes"), trained.get("step_seconds")),
        evaluation=Evaluation(
            base=Score(**scored["base"]) if scored else None,
            tuned=Score(**scored["tuned"]) if scored else None,
            learnt_rows=given.learnt_rows if scored else 0,
        ),
        packages=packages.packages_found(given.lock) | packages.kernels_found(given.lock),
        machine=f"{platform.machine()} {_accelerator(given.lock)}",
        sent_to=pushed.get("repo", ""),
        sent=[
            Sent(one["name"], one["size_bytes"], one["sha256"]) for one in pushed.get("sent", ())
        ],
        artifacts=artifacts.of_run(given),
        objective=given.lock.objective.name if isinstance(given.lock, TrainingLock) else "",
        continued=Continued(**found) if (found := trained.get("continued")) else None,
    )


def _accelerator(lock: Lock) -> str:
    """Return the accelerator that the lock trains on, or `cpu`."""
    return (lock.machine.accelerator if isinstance(lock, TrainingLock) else "") or "cpu"


def _reported(given: Context, kind: str) -> dict[str, Any]:
    """Return the report of the stage of a kind; empty if the lock has none."""
    return next((given.report(stage) for stage in given.inputs(kind)), {})


def _files(given: Context) -> dict[str, Any]:
    """Return the GGUF files of all stages, by level."""
    reports = [given.report(stage)["gguf"] for stage in given.inputs("gguf")]
    return {level: file for report in reports for level, file in report.items()}


def page(given: Context, made: Receipt) -> str:
    """Return the report as one self-contained HTML page."""
    source = (Path(__file__).parent / "report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=_shown
    )
    tuned = made.evaluation.tuned
    samples = [one for stage in given.inputs("gguf") for one in given.report(stage)["samples"]]
    return environment.from_string(source).render(
        lock=given.lock,
        trains=isinstance(given.lock, TrainingLock),
        receipt=made,
        outcome=_outcome(given.lock, made),
        leak=_leak(given.lock),
        against_prediction=_against_prediction(given.lock, made),
        speeds=_speeds(given.lock, made),
        objective=title_of(made.objective),
        size=_size,
        on=measured_on(tuned.rows, made.evaluation.learnt_rows) if tuned else "",
        samples=samples,
        levels=len({one["source"] for one in samples}),
    )


def _outcome(lock: Lock, made: Receipt) -> list[str]:
    """Return what the accuracy means."""
    return outcome.sentences(lock, made.evaluation) if isinstance(lock, TrainingLock) else []


def _leak(lock: Lock) -> str:
    """Return the plan's sentence on held-out rows that are training rows too."""
    return lock.why.get("data.rows", "") if isinstance(lock, TrainingLock) else ""


def _against_prediction(lock: Lock, made: Receipt) -> str:
    """Return how far the measured peak is from the predicted one."""
    peak = made.measured.peak_bytes
    if not isinstance(lock, TrainingLock) or not peak:
        return ""
    return against_prediction(peak, lock.prediction.peak_bytes)


def _speeds(lock: Lock, made: Receipt) -> list[tuple[str, str]]:
    """Return the predicted and the measured tokens per second in words, where they are known."""
    if not isinstance(lock, TrainingLock):
        return []
    expected = tokens_per_second(lock, lock.prediction.step_seconds)
    found = tokens_per_second(lock, made.measured.step_seconds or 0.0)
    share = lock.prediction.flops_share
    return [
        (name, rate(speed, share * speed / expected if expected else 0.0))
        for name, speed in (("predicted speed", expected), ("measured speed", found))
        if speed
    ]


def _size(bytes_: int) -> str:
    """Return a size with its unit; kB only where less than 0.01 MB."""
    return f"{bytes_ / 1e6:.2f} MB" if bytes_ >= 1e4 else f"{bytes_ / 1e3:.2f} kB"


def _shown(value: object) -> object:
    """Return a value with invisible characters made visible; Jinja escapes HTML after this."""
    return one_line(value) if isinstance(value, str) else value
