"""The command line of a script of trials.

A line is written when its trial ends, so that a run that is cut short keeps what it measured,
and a later one to the same file goes on with what is missing.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tests.gpu.forked import each
from tests.gpu.lines import Line, gib, lines, told
from tests.gpu.trials import Trial

ROOM_BYTES = 136 << 30
"""Memory of an H200 that trials which share it may claim."""
IN_A_ROW = 4
"""Failures in a row that end a script."""


def run(trials: Iterable[Trial], path: Path, seconds: float, at_once: int) -> None:
    """Run the trials that `path` lacks, that failed or whose plan changed, in their order.

    One whose estimated time is more than what is left of `seconds` is left out, and
    `IN_A_ROW` failures in a row end it. `at_once` trials share the card.
    """
    ends = time.monotonic() + seconds
    done = {line["name"]: line["profile"] for line in lines(path) if not line["error"]}
    known = {t.name: t for t in trials if done.get(t.name) != told(t.plan.profile)}
    in_time = (t.case for t in known.values() if time.monotonic() + t.seconds / at_once < ends)
    path.parent.mkdir(parents=True, exist_ok=True)
    found_of = each(
        in_time, at_once=at_once, room_bytes=ROOM_BYTES, claim=lambda case: known[case.name].claim
    )
    with path.open("a", encoding="utf-8") as file:
        failed = 0
        for case, found in found_of:
            line = known[case.name].line(found) | {"alone": at_once == 1}
            failed = failed + 1 if line["error"] else 0
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(_told(known[case.name], line), flush=True)
            if failed == IN_A_ROW:
                return


def _told(trial: Trial, line: Line) -> str:
    said = f"{trial.name}: predicted {gib(line['predicted']['allocated_bytes'])}"
    if line["error"]:
        return f"{said}; FAILED: {line['error'].strip().splitlines()[-1]}"
    found = line["measured"]
    if found["out_of_memory"]:
        return f"{said}, out of memory ({found['out_of_memory']}), {found['seconds']:.1f} s"
    error = line["predicted"]["allocated_bytes"] / found["allocated_bytes"] - 1
    took = f"{found['seconds']:.1f} s of {trial.seconds:.1f} s"
    return f"{said}, measured {gib(found['allocated_bytes'])} ({error:+.1%}), {took}"


def main(trials: Sequence[Trial], summary: Callable[[Sequence[Line]], Iterable[str]]) -> None:
    """Run a script's command line: `OUT.jsonl [--seconds BUDGET]`; without OUT, list its trials.

    `summary` gives the lines of text that are said at the end.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("out", nargs="?", type=Path, help="file of lines; without it, list trials")
    parser.add_argument("--seconds", type=float, default=540.0, help="time for all of it")
    parser.add_argument("--at-once", type=int, default=1, help="trials that share the card")
    parser.add_argument("--shortest", action="store_true", help="run what takes least time first")
    given = parser.parse_args()
    if given.shortest:
        trials = sorted(trials, key=lambda trial: trial.seconds)
    if given.out is None:
        print("\n".join(_listed(trials)))
        return
    run(trials, given.out, given.seconds, given.at_once)
    print("\n".join(summary(lines(given.out))))


def _listed(trials: Sequence[Trial]) -> Iterator[str]:
    total = 0.0
    for trial in trials:
        total += trial.seconds
        profile = trial.plan.profile
        yield (
            f"{total:6.0f} s  {trial.name}: micro-batch {profile.micro_batch}"
            f"{', checkpointing' if profile.checkpointing else ''}"
            f", {gib(trial.plan.allocated_bytes)} of {gib(trial.plan.budget_bytes)}"
        )
