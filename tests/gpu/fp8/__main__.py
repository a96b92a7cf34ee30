"""`python -m tests.gpu.fp8 OUT.jsonl [--seconds 235] [--steps 10] [--curve-steps 100] [--cpu]`.

Measures LoRA with the products of the frozen base in bfloat16 and in FP8 (`linear.py`), each case
in a process of its own that is forked from this one:

1. whether a product may have an odd number of tokens;
2. all losses of the 0.5B's shape, three seeds in bfloat16 and one in each way, at the same time,
   with two layers of the 8B, so that their code is in torch's caches;
3. one after another, tokens per second of the plans that the planner chooses, in bfloat16 before
   and after FP8, and the products of the 8B's layers alone.

A JSON line of each is added to OUT, and errors to OUT.err; cases that OUT has are not run again.
`--only` runs the cases whose names have a text, `--summary` prints what OUT has.
"""

import argparse
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.gpu.fp8.summary import summary
from tests.gpu.lines import added, every
from tests.gpu.speed import rows as same
from tests.gpu.speed.line import Line

FORK = multiprocessing.get_context("fork")
LARGE, SMALL = "Llama-3.1-8B-Instruct", "Qwen2.5-0.5B"
SPEEDS = (
    (LARGE, "bf16", "profile"), (LARGE, "fp8", "profile"), (LARGE, "fp8-forward", ""),
    (LARGE, "bf16", "again"), (SMALL, "bf16", ""), (SMALL, "fp8", ""), (SMALL, "bf16", "again"),
)  # fmt: skip
CURVES = (
    ("bf16", 17), ("bf16", 18), ("bf16", 19), ("fp8", 17), ("fp8-forward", 17), ("fp8-e5m2", 17)
)  # fmt: skip
WARMED = ("bf16", "fp8", "fp8-forward")
EACH_SECONDS = {"odd": 30.0, "products": 40.0, "curve": 125.0, "warm": 125.0, "chosen": 75.0}
"""After which a case is ended, by the first word of its name."""
SHORTEST = 20.0
"""The seconds that must be left for a case to begin."""


@dataclass(frozen=True)
class Case:
    """What one process measures."""

    name: str
    measured: Callable[[], dict[str, Any]]

    @property
    def seconds(self) -> float:
        """After which it is ended."""
        return EACH_SECONDS[self.name.split()[0]]


def main() -> None:
    """Measure all cases."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--seconds", type=float, default=235.0, help="time for all cases")
    given.add_argument("--steps", type=int, default=10, help="timed steps of each plan")
    given.add_argument("--curve-steps", type=int, default=100)
    given.add_argument("--at-once", type=int, default=len(CURVES) + len(WARMED))
    given.add_argument("--only", default="", help="run cases with this text")
    given.add_argument("--cpu", action="store_true", help="with tiny models")
    given.add_argument("--summary", action="store_true", help="print what OUT has")
    asked = given.parse_args()
    if not asked.summary:
        _measure(asked)
    print("\n".join(summary(every(asked.out))), flush=True)


def _measure(asked: argparse.Namespace) -> None:
    ends = time.monotonic() + asked.seconds
    _prepared(asked.cpu)
    _run([_alone("odd", "probed", asked)], asked, 1, ends)
    found = [one for one in every(asked.out) if "multiple" in one]
    multiple = found[-1]["multiple"] if found else 16
    _run([*_warm(asked, multiple), *_curves(asked, multiple)], asked, asked.at_once, ends)
    large, small = (list(_speeds(asked, multiple, model)) for model in (LARGE, SMALL))
    _run([*large, _alone("products", "measured", asked), *small], asked, 1, ends)
    _run(list(_curves(asked, multiple)), asked, 1, ends)  # those that failed for want of memory


def _alone(name: str, function: str, asked: argparse.Namespace) -> Case:
    """Return a case of single products."""
    measured = getattr(import_module("tests.gpu.fp8.products"), function)
    return Case(name, lambda: dict(measured(not asked.cpu)))


def _curves(asked: argparse.Namespace, multiple: int) -> Iterator[Case]:
    from tests.gpu.fp8.training import trained

    for base, seed in CURVES:
        given = (base, seed, asked.curve_steps, multiple, not asked.cpu)
        yield Case(f"curve {base} {seed}", lambda given=given: trained(*given))  # type: ignore[misc]


def _warm(asked: argparse.Namespace, multiple: int) -> Iterator[Case]:
    """Yield runs of two layers of the large model, whose code is that of all its layers."""
    for base in WARMED if not asked.cpu else ():
        line = _line(LARGE, base, "layers=2")
        given = (line, base, 1, multiple)
        yield Case(f"warm {base}", lambda given=given: _warmed(*given))  # type: ignore[misc]


def _warmed(*given: Any) -> dict[str, Any]:
    from tests.gpu.fp8.training import planned

    return {"first_step_seconds": planned(*given)["first_step_seconds"]}


def _speeds(asked: argparse.Namespace, multiple: int, large_or_small: str) -> Iterator[Case]:
    from tests.gpu.fp8.training import planned

    for model, base, more in SPEEDS:
        if model == large_or_small:
            line = _line(model, base, f"{more}{' tiny' * asked.cpu}".strip())
            given = (line, base, asked.steps, multiple)
            yield Case(line.text, lambda given=given: planned(*given))  # type: ignore[misc]


def _line(model: str, base: str, more: str) -> Line:
    line = Line(f"chosen {model} lora chat step=16 base={base} {more}".strip())
    same.rows(line, same.lengths(line))  # once for all forks
    return line


def _prepared(on_cpu: bool) -> None:
    """Import what all cases need, without touching a card.

    Code is compiled by few processes for each case, since many cases compile at the same time.
    """
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1" if on_cpu else "4")
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:False")
    from tests.gpu.variants import ready

    ready()
    for name in ("datasets", "trl.trainer.sft_trainer", "runner.training.make"):
        import_module(name)
    import_module("datasets.utils.logging").disable_progress_bar()


def _run(cases: Sequence[Case], asked: argparse.Namespace, at_once: int, ends: float) -> None:
    """Run cases, some at a time, each until its time is over."""
    done = {one["name"] for one in every(asked.out) if "missing" not in one}
    waiting = [one for one in cases if one.name not in done and asked.only in one.name]
    running: list[tuple[Case, BaseProcess, float]] = []
    while waiting or running:
        while waiting and len(running) < at_once:
            case = waiting.pop(0)
            if time.monotonic() + SHORTEST > ends:
                added(asked.out, {"name": case.name, "missing": "no time was left"})
                continue
            process = FORK.Process(target=_kept, args=(case, asked.out))
            process.start()
            running.append((case, process, min(ends, time.monotonic() + case.seconds)))
        if running:
            soonest = min(until for _, _, until in running) - time.monotonic()
            wait([process.sentinel for _, process, _ in running], timeout=max(0.0, soonest))
            running = [one for one in running if not _ended(*one, asked.out)]


def _ended(case: Case, process: BaseProcess, until: float, out: Path) -> bool:
    """Return whether a case is over, or ended here."""
    if process.is_alive() and time.monotonic() < until:
        return False
    late = process.is_alive()
    if late:
        process.kill()
    process.join()
    if late or process.exitcode:
        said = "took too long" if late else f"ended with {process.exitcode}"
        if case.name not in {one["name"] for one in every(out) if "missing" not in one}:
            added(out, {"name": case.name, "missing": said})
    return True


def _kept(case: Case, out: Path) -> None:
    """Measure a case in this process, whose prints go to OUT.err."""
    errors = os.open(out.with_suffix(".err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the trainer prints every step
    os.dup2(errors, 2)
    began = time.monotonic()
    try:
        found = case.measured()
    except Exception as problem:
        traceback.print_exc()
        said = str(problem).strip().partition("\n")[0]
        found = {"missing": f"{type(problem).__name__}: {said}"[:300]}
    added(out, {"name": case.name, **found, "took": round(time.monotonic() - began, 1)})


if __name__ == "__main__":
    main()
