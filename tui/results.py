"""What a finished run has to show, in a few lines."""

import json
from pathlib import Path

from lockfiles import lock as locks
from lockfiles import receipt as receipts
from runner.stages.context import place

_GB, _MB = 1e9, 1e6


def lines(folder: Path) -> list[str]:
    """Return verdict, plan, memory, accuracy, files and answers of the run in a folder."""
    lock, receipt = locks.read(folder / "run.lock"), receipts.read(folder / "receipt.json")
    method, train = lock.method, lock.train
    kind = method.kind if method.kind == "full" else f"{method.kind} of rank {method.rank}"
    predicted, measured = lock.prediction.peak_bytes, receipt.measured.peak_bytes or 0
    found = [
        f"verdict   {lock.decision.verdict}: {' '.join(lock.decision.reasons)}",
        f"method    {kind}: {lock.why['method.kind']} {lock.why.get('method.rank', '')}",
        f"batch     {train.micro_batch} x {train.accumulation}: {lock.why['train.micro_batch']}",
        f"memory    predicted {predicted / _GB:.3f} GB, measured {measured / _GB:.3f} GB "
        f"({predicted / measured - 1:+.1%})",
    ]
    base, tuned = receipt.evaluation.base, receipt.evaluation.tuned
    if base and tuned:
        found.append(
            f"accuracy  {base.accuracy:.1%} before, {tuned.accuracy:.1%} after, "
            f"on {tuned.rows} held-out rows"
        )
    return [*found, *_files(folder, lock), f"run       {folder}"]


def _files(folder: Path, lock: locks.Lock) -> list[str]:
    if "gguf" not in lock.integrity:
        return []
    done = place(lock, folder, "gguf").final / "done.json"
    made = json.loads(done.read_text(encoding="utf-8"))
    files = [
        f"gguf      {folder / file['path']}  {file['size_bytes'] / _MB:.2f} MB"
        for file in made["gguf"].values()
    ]
    return files + [_answer(one) for one in made["samples"]]


def _answer(one: dict[str, str]) -> str:
    verdict = "right" if one["answer"] == one["wanted"] else f"wanted {one['wanted']}"
    return f"answer    {one['prompt']} → {one['answer']} ({verdict})"
