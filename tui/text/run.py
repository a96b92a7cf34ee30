"""The results of a finished run in a few lines."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockfiles import lock as locks
from lockfiles import receipt as receipts
from lockfiles.harmless import escaped
from lockfiles.measured import against_prediction
from runner.runs.folder import place
from tui.terminal.fit import fits
from tui.terminal.units import batch, memory, size
from tui.text import ending
from tui.text.ending import near
from tui.text.plan import objective

_COLUMNS = 100
_SENTENCES = ("verdict", "method", "batch", "accuracy", "leak")
"""Entries that are wrapped at `_COLUMNS` at the latest."""
_COPIED = ("gguf", "report", "load", "try it", "run")
"""Entries that are not wrapped, so that they can be copied."""
_EXPORTED = [("trained", "nothing: these are exports of the base model")]


def lines(folder: Path, columns: int | None = None) -> list[str]:
    """Return verdict, plan, memory, accuracy, files and answers of the run in a folder.

    What is not to be copied fits `columns`, if given.
    """
    lock, receipt = locks.read(folder / "run.lock"), receipts.read(folder / "receipt.json")
    found = _trained(lock, receipt) if isinstance(lock, locks.TrainingLock) else _EXPORTED
    here = near(folder)
    made = _converted(here, lock)
    used = ending.using(folder, lock, receipt)
    found = [*found, *_files(here, receipt.artifacts, made), *_answers(made), *used]
    found.append(("run", str(here)))
    return [line for name, text in found for line in _wrapped(name, text, columns)]


def _trained(lock: locks.TrainingLock, receipt: receipts.Receipt) -> list[tuple[str, str]]:
    method, why = lock.method, lock.why
    kind = method.kind if method.kind == "full" else f"{method.kind}, rank {method.rank}"
    split = batch(lock)
    found = [
        ("verdict", f"{lock.decision.verdict}: {' '.join(lock.decision.reasons)}"),
        *([("objective", other)] if (other := objective(lock)) else []),
        ("method", f"{kind}: {why.get('method.kind', '')} {why.get('method.rank', '')}".strip()),
        ("batch", f"{split}: {why.get('train.micro_batch', '')}".strip()),
        ("memory", _memory(lock.prediction.peak_bytes, receipt.measured.peak_bytes)),
    ]
    if one := receipt.continued:
        found.append(("continued", f"from step {one.step:,} of {one.run}"))
    if said := ending.outcome_of(lock, receipt):
        found.append(("accuracy", " ".join(said)))
    if leak := why.get("data.rows"):
        found.append(("leak", leak))
    return found


def _wrapped(name: str, text: str, columns: int | None) -> list[str]:
    line = f"{name:<10}{text}"
    if name in _COPIED:
        return ending.fitted(name, line, columns)
    if name not in _SENTENCES and fits(line, columns):
        return [line]
    width = min(_COLUMNS, columns or _COLUMNS)
    return textwrap.wrap(
        escaped(text), width, initial_indent=f"{name:<10}", subsequent_indent=" " * 10,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _memory(predicted_bytes: int, measured_bytes: int | None) -> str:
    line = f"predicted {memory(predicted_bytes)}, "
    if not measured_bytes:
        return line + "not measured"
    difference = against_prediction(measured_bytes, predicted_bytes).removeprefix("measured ")
    return f"{line}measured {memory(measured_bytes)}, {difference}"


def _converted(folder: Path, lock: locks.Lock) -> dict[str, Mapping[str, Any]]:
    """Return the report of each finished GGUF stage, by its id."""
    names = [stage.id for stage in lock.of_kind("gguf")]
    found = {name: place(lock, folder, name).done(lock.integrity[name]) for name in names}
    return {name: report for name, report in found.items() if report is not None}


def _files(
    folder: Path, left: Sequence[receipts.Artifact], made: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return the GGUF files: from the receipt, or for its version 1 from the stages' reports."""
    files = [(one.path, one.size) for one in left if one.stage in made] or [
        (file["path"], file["size_bytes"])
        for report in made.values()
        for file in report["gguf"].values()
    ]
    return [("gguf", f"{folder / path}  {size(size_bytes)}") for path, size_bytes in files]


def _answers(made: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    samples = [one for report in made.values() for one in report["samples"]]
    several = len({one["source"] for one in samples}) > 1
    return [("answer", _answer(one, several=several)) for one in samples]


def _answer(one: dict[str, str], *, several: bool) -> str:
    """Return an answer as text, with the level of its file if there are several."""
    file = f"{one['source']}: " if several else ""
    verdict = "correct" if one["answer"] == one["wanted"] else f"expected {one['wanted']}"
    return " ".join(f"{file}{one['prompt']} → {one['answer']} ({verdict})".split())
