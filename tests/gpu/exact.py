"""Which kernels repeat and resume a training bit for bit on this card, and what that costs.

    python -m tests.gpu.exact OUT.jsonl [--cpu] [--untimed | --timed] [--only TEXT]

A small model of Qwen2's shape is trained by the runner's own `train`, from the base on disk to the
result: twice, and once with a stop and a resumption, each in a process of its own. The tensors of
the results are compared, and the losses of all steps. Then each way is timed alone, on steps of
about 10,000 tokens. Each is done with torch's deterministic algorithms and without.
"""

import argparse
import json
import math
import multiprocessing
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from planner.data.tokens.example import Example, completion
from tests.gpu.shapes import write_base
from tests.gpu.variants import ROWS, VARIANTS, Trained, Training, apart, ready, unknown

SHAPE: Mapping[str, Any] = {
    "hidden_size": 1536, "intermediate_size": 4096, "num_hidden_layers": 3, "vocab_size": 16384,
    "num_attention_heads": 12,
}  # fmt: skip
TINY: Mapping[str, Any] = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 1024,
    "num_attention_heads": 4,
}  # fmt: skip
METHODS = ("lora", "qlora", "full")
STEPS, STOP = 8, 4
TIMED = 16
"""Steps of a timed training, a quarter of which are left out."""
DROPOUT = 0.05
LONGEST_SECONDS = 150.0
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Cell:
    """One way to train."""

    method: str
    variant: str
    exact: bool

    @property
    def name(self) -> str:
        """What it is."""
        return f"{self.method} {self.variant} {'deterministic' if self.exact else 'default'}"


def cells(only: str) -> Iterator[Cell]:
    """Yield every way whose name has a text and whose keys a lock has."""
    for exact, method, variant in product((True, False), METHODS, VARIANTS):
        cell = Cell(method, variant, exact)
        if only in cell.name and not unknown(variant):
            yield cell


def rows(count: int, median: float, longest: int, vocabulary: int) -> list[Example]:
    """Return rows of random tokens with log-normal lengths."""
    source, found = random.Random(11), []
    for _ in range(count):
        length = max(8, min(longest, int(source.lognormvariate(math.log(median), 0.7))))
        ids = tuple(source.randrange(3, vocabulary) for _ in range(length))
        found.append(completion(ids, ids))
    return found


def compared(cell: Cell, given: Training) -> dict[str, Any]:
    """Return whether a training repeats and resumes bit for bit."""
    one, two, three = (replace(given, work=given.work / name) for name in ("one", "two", "three"))
    first = apart(one, LONGEST_SECONDS)
    found: dict[str, Any] = {
        "cell": cell.name, "method": cell.method, "variant": cell.variant, "exact": cell.exact,
        "steps": len(first.losses),
    }  # fmt: skip
    if first.error:
        return found | {"error": first.error}
    again = apart(two, LONGEST_SECONDS)
    begun = apart(replace(three, stop_after=STOP), LONGEST_SECONDS)
    ended = apart(three, LONGEST_SECONDS)
    resumed = Trained(losses=begun.losses + ended.losses, digest=ended.digest)
    errors = [one.error for one in (again, begun, ended) if one.error]
    return found | {
        "repeats": same(first, again), "repeated_to": until(first, again),
        "resumes": bool(begun.losses and not begun.digest) and same(first, resumed),
        "resumed_to": until(first, resumed), "error": errors[0] if errors else "",
    }  # fmt: skip


def same(one: Trained, other: Trained) -> bool:
    """Return whether two results are the same, bit for bit."""
    return bool(one.digest) and one.digest == other.digest and one.losses == other.losses


def until(one: Trained, other: Trained) -> int:
    """Return the number of steps from the first on whose losses are equal."""
    pairs = zip(one.losses, other.losses, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), len(one.losses))


def timed(cell: Cell, given: Training) -> dict[str, Any]:
    """Return how fast a way trains when nothing else uses the card."""
    found = apart(given, LONGEST_SECONDS)
    rates = [n / took for n, took in zip(found.tokens, found.seconds, strict=True)]
    kept = rates[len(rates) // 4 :]
    return {
        "timed": cell.name, "method": cell.method, "variant": cell.variant, "exact": cell.exact,
        "tokens_per_second": round(statistics.median(kept)) if kept else 0,
        "peak_bytes": found.peak_bytes, "error": found.error,
    }  # fmt: skip


def training(cell: Cell, folder: Path, *, at_length: bool, on_card: bool) -> Training:
    """Return the training of a cell in a folder that has the base."""
    words = (SHAPE if on_card else TINY)["vocab_size"]
    if at_length:
        some, most, steps = rows(TIMED * ROWS, 500, 2048, words), 16384, TIMED
    else:
        some, most, steps = rows(4 * ROWS, 200, 1024, words), 2048, STEPS
    if not on_card:
        some, most = rows(4 * ROWS, 8, 24, words), 80
    work = folder / cell.name.replace(" ", "-") / ("timed" if at_length else "compared")
    return Training(
        folder / "base", work, some, cell.variant, cell.method, steps, DROPOUT, exact=cell.exact,
        most_tokens=most, on_card=on_card,
    )  # fmt: skip


def main() -> None:
    """Measure all ways; those with a text in their names."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--only", default="")
    given.add_argument("--cpu", action="store_true", help="with a tiny model, and untimed")
    given.add_argument("--untimed", action="store_true", help="compare bits only")
    given.add_argument("--timed", action="store_true", help="take times only")
    given.add_argument("--seconds", type=float, default=1e9)
    given.add_argument("--at-once", type=int, default=6, help="ways that are compared at a time")
    asked = given.parse_args()
    ready()
    ends = time.monotonic() + asked.seconds
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        base = FORK.Process(
            target=write_base, args=(folder / "base",), kwargs=TINY if asked.cpu else SHAPE
        )
        base.start()
        base.join()
        every = list(cells(asked.only))
        if missing := [f"{one} ({unknown(one)})" for one in VARIANTS if unknown(one)]:
            print("no lock has", ", ".join(missing))
        if not asked.timed:
            _compare(every, folder, asked, ends)
        for cell in () if asked.cpu or asked.untimed else every:
            if time.monotonic() < ends:
                _write(timed(cell, training(cell, folder, at_length=True, on_card=True)), asked.out)
    print("\n".join(summary(_read(asked.out))))


def _compare(every: Sequence[Cell], folder: Path, asked: argparse.Namespace, ends: float) -> None:
    """Compare some cells at a time, each in a process of its own."""
    waiting, running = list(every), list[BaseProcess]()
    while waiting or running:
        while waiting and len(running) < asked.at_once and time.monotonic() < ends:
            cell = waiting.pop(0)
            own = training(cell, folder, at_length=False, on_card=not asked.cpu)
            process = FORK.Process(target=_kept, args=(cell, own, asked.out))
            process.start()
            running.append(process)
        if not running:
            print("no time for", ", ".join(cell.name for cell in waiting))
            return
        ended = wait([one.sentinel for one in running], timeout=5)
        running = [one for one in running if one.sentinel not in ended]


def _kept(cell: Cell, given: Training, out: Path) -> None:
    _write(compared(cell, given), out)
    shutil.rmtree(given.work, ignore_errors=True)


def summary(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table of what was found: which ways are exact, and the cost of it."""
    speeds = {one["timed"]: one["tokens_per_second"] for one in found if "timed" in one}
    yield "| method | kernels | algorithms | repeats | resumes | tokens/s | of default |"
    yield "|---|---|---|---|---|---|---|"
    known = {one["cell"]: one for one in found if "cell" in one}
    for one in known.values() or found:
        cell = Cell(one["method"], one["variant"], one["exact"])
        speed = speeds.get(cell.name, 0)
        usual = speeds.get(replace(cell, exact=False).name, 0)
        cells = [
            one["method"],
            one["variant"],
            cell.name.split()[-1],
            _said(one, "repeats", "repeated_to"),
            _said(one, "resumes", "resumed_to"),
            f"{speed:,}" if speed else "",
            f"{speed / usual:.2f}" if speed and usual and cell.exact else "",
        ]
        yield f"| {' | '.join(cells)} |"
    for one in found:
        if one.get("error"):
            yield f"{one.get('cell') or one.get('timed')}: {one['error']}"


def _said(one: Mapping[str, Any], what: str, to: str) -> str:
    if what not in one:
        return "refused"
    return "yes" if one[what] else f"no, losses equal for {one[to]} of {one['steps']} steps"


def _write(found: Mapping[str, Any], out: Path) -> None:
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")
    print(dict(found), flush=True)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    main()
