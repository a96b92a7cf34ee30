"""Where the time of a step goes, beside what the estimate expects of each part.

    python -m tests.gpu.misses OUT.jsonl [--table TABLE] [--steps 7] [--cpu]
    python -m tests.gpu.misses OUT.jsonl --summary

A line of the table is a plan, as `points.py` reads it. Each is trained in a process of its own, for
`--steps` timed steps and two more under torch's profiler: of the card, whose kernels are grouped
like the parts of the estimate, and of the host. The host's seconds are those until a call returns,
without waiting for the card: where the card is the slower one, they include waiting in the backward
pass. The host itself is measured first. Lines that OUT has are not run again.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from planner import speed
from planner.models.architecture import architecture
from planner.models.facts import ModelFacts
from planner.models.parameters import parameter_count
from planner.speed import step as steps
from planner.speed.accelerator import FITTED, Rated
from planner.speed.passes import backward, forward, recomputed
from planner.speed.updates import updated_bytes
from planner.speed.work import Work
from runner.rehearse.case import Case
from tests.gpu.forked import prepared
from tests.gpu.lines import added, every
from tests.gpu.points import cases, on_cpu
from tests.gpu.queue import LEFT
from tests.gpu.several.here import card_of, here
from tests.gpu.speed.profiled import NOTHING, StepProfile

TABLE = Path(__file__).with_suffix(".txt")
LONGEST_SECONDS = 150.0
PARTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "matrix products": (("matrix_flops", "fp8_flops", "expert_bytes"), ("matrix products",)),
    "attention": (("attention_flops", "masked_flops"), ("attention",)),
    "dequantization": (("dequantized_bytes",), ("dequantization",)),
    "elementwise": (
        ("traffic_bytes", "launches"),
        ("elementwise and reductions", "copies", "compiled", "other"),
    ),
}
"""Of each part, the amounts of work in the estimate, and the kinds of kernels."""
Line = dict[str, Any]


def expected(case: Case, card: Rated) -> dict[str, float]:
    """Return what the estimate expects of a step of a case, in seconds by part."""
    shape, profile, times = architecture(case.config, case.name), case.profile, case.accumulation
    model = ModelFacts(case.name, (), shape, parameter_count(shape), "")
    there = forward(shape, profile), recomputed(shape, profile)
    back, found = backward(shape, profile), dict[str, float]()
    for part, (names, _) in PARTS.items():
        took = sum(FITTED.forward_seconds(_only(one, names), card) for one in there)
        found[part] = times * (took + FITTED.backward_seconds(_only(back, names), card))
    moved = updated_bytes(model, profile) / FITTED.traffic_share
    found["optimizer"] = moved / card.bandwidth_bytes_per_second
    passes = steps._passes(shape, profile, card, FITTED)
    found["host: forward"] = times * passes.host_forward
    found["host: backward"] = times * passes.host_backward
    found["launches"] = times * sum(one.launches for one in (*there, back))
    found["step"] = speed.step_seconds(model, profile, card, times) or 0.0
    return found


def _only(work: Work, names: Sequence[str]) -> Work:
    """Return some amounts of a work, and none of the others."""
    return replace(Work(), **{name: getattr(work, name) for name in names})


def measured(case: Case, count: int) -> Line:
    """Train `count` timed steps of a case and one under the profiler, in this process."""
    import torch
    from transformers import set_seed
    from transformers.utils.logging import disable_progress_bar

    from runner.engines.ranks import Alone
    from runner.rehearse.job import job_of
    from runner.rehearse.random_model import random_model
    from runner.training.make import make_trainer

    on_card, watch = torch.cuda.is_available(), _Watch(count)
    disable_progress_bar()
    set_seed(42)
    with tempfile.TemporaryDirectory() as work:
        model = random_model(case.config, case.profile, case.accumulation)
        own = replace(case, steps=1 + count + 2, evaluate=False)
        job = job_of(own, Alone(), lambda: model, Path(work))
        trainer = make_trainer(job, model, [watch.callback()])
        trainer.args.save_strategy = type(trainer.args.save_strategy)("no")
        trainer.compute_loss = watch.timed("host: forward", trainer.compute_loss)
        backward = trainer.accelerator.backward
        trainer.accelerator.backward = watch.timed("host: backward", backward)
        trainer.train()
    profile = watch.profile.found
    kinds: dict[str, float] = profile["profile"]
    found = {part: sum(kinds.get(one, 0.0) for one in own) for part, (_, own) in PARTS.items()}
    found["optimizer"] = kinds.get("optimizer", 0.0)
    found |= {name: statistics.median(took[1:]) for name, took in watch.host.items()}
    return {
        "case": case.name,
        "card": torch.cuda.get_device_name() if on_card else "",
        "step_seconds": watch.seconds[1:],
        "measured": found | {
            "step": statistics.median(watch.seconds[1:]), "launches": profile["profile_launches"],
            "profiled step": sum(kinds.values()), "nothing computed": kinds[NOTHING],
        },
        "kinds": kinds,
        "kernels": profile["profile_kernels"], "calls": watch.calls.found["profile_host"],
    }  # fmt: skip


class _Watch:
    """Times steps and what the host calls in them, and profiles the last one."""

    def __init__(self, count: int) -> None:
        self.profile, self.seconds = StepProfile(), list[float]()
        self.calls = StepProfile(host=True)
        self.host: dict[str, list[float]] = {"host: forward": [], "host: backward": []}
        self._count = count

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call whose seconds count for a step."""

        def watched(*given: Any, **named: Any) -> Any:
            began = time.monotonic()
            found = call(*given, **named)
            if len(self.seconds) <= self._count:
                self.host[name][-1] += time.monotonic() - began
            return found

        return watched

    def callback(self) -> Any:
        """Return the trainer's callback."""
        import torch
        from transformers import TrainerCallback

        def now() -> float:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            return time.monotonic()

        watch = self

        class Steps(TrainerCallback):  # type: ignore[misc]
            began = 0.0

            def on_step_begin(self, *_: Any, **__: Any) -> None:
                if len(watch.seconds) > watch._count:
                    (watch.calls if watch.profile.found else watch.profile).begin()
                    return
                for one in watch.host.values():
                    one.append(0.0)
                self.began = now()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                ended = now()
                if len(watch.seconds) > watch._count:
                    (watch.calls if watch.profile.found else watch.profile).end()
                    return
                watch.seconds.append(ended - self.began)

        return Steps()


def summary(found: Sequence[Line], table: Path = TABLE) -> Iterator[str]:
    """Yield a table for each case: the seconds of a step's parts, expected and measured."""
    known = {case.name: case for case in cases(table)}
    for line in found:
        if "missing" in line:
            yield f"FAILED: {line['case']}: {line['missing'].strip().splitlines()[-1]}"
            continue
        case = known.get(line["case"])
        if case is None:
            continue
        wanted, own = expected(case, card_of(line["machine"])), line["measured"]
        yield f"{line['case']} ({line['card']})"
        yield "| part | expected | measured | difference |"
        yield "|---|---|---|---|"
        for part in (*wanted, *(one for one in own if one not in wanted)):
            yield _row(part, wanted.get(part), own.get(part))
        for name, took, count in (*line["kernels"][:8], *line.get("calls", ())):
            yield f"  {1000 * took:8.1f} ms {count:6} x {name[:90]}"
        yield ""


def _row(part: str, wanted: float | None, own: float | None) -> str:
    if part == "launches":
        return f"| {part} | {wanted:,.0f} | {own:,.0f} | {(wanted or 0) - (own or 0):+,.0f} |"
    cells = ["" if one is None else f"{1000 * one:.1f} ms" for one in (wanted, own)]
    both = wanted is not None and own is not None
    cells.append(f"{1000 * (wanted - own):+.1f} ms" if both else "")  # type: ignore[operator]
    return f"| {part} | {' | '.join(cells)} |"


def _run(case: Case, count: int, out: Path, machine: Line) -> None:
    try:
        found = measured(case, count)
    except Exception:
        found = {"case": case.name, "missing": traceback.format_exc()[-2000:]}
    added(out, found | {"machine": machine})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the plans that are due, and print the tables; the exit code is `LEFT` where time was over
    before."""
    given = argparse.ArgumentParser(prog="tests.gpu.misses")
    given.add_argument("out", type=Path)
    given.add_argument("--table", type=Path, default=TABLE)
    given.add_argument("--steps", type=int, default=7)
    given.add_argument("--only", default="", help="plans with this text")
    given.add_argument("--seconds", type=float, default=1e9, help="start no plan after this")
    given.add_argument("--cpu", action="store_true", help="train tiny models")
    given.add_argument("--summary", action="store_true", help="print what OUT has")
    asked = given.parse_args(arguments)
    ends = time.monotonic() + asked.seconds
    done = {one["case"] for one in every(asked.out) if "missing" not in one}
    due = [case for case in cases(asked.table) if asked.only in case.name and case.name not in done]
    code = 0
    if due and not asked.summary:
        prepared()
        machine = here()
        for case in due:
            if time.monotonic() > ends:
                print("no time for", case.name, flush=True)
                code = LEFT
                continue
            own = on_cpu(case) if asked.cpu else case
            fork = multiprocessing.get_context("fork").Process(
                target=_run, args=(own, asked.steps, asked.out, machine)
            )
            fork.start()
            fork.join(LONGEST_SECONDS)
            if fork.is_alive():
                fork.kill()
                fork.join()
                added(asked.out, {"case": case.name, "missing": "took too long"})
    print("\n".join(summary(every(asked.out), asked.table)), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
