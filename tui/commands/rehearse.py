"""`tunelock rehearse run.lock`: try a plan with random weights here, before any download."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockfiles import fixes
from tui.commands.shared import options
from tui.terminal import output

if TYPE_CHECKING:
    from lockfiles.errors import UsageProblem
    from lockfiles.lock import TrainingLock
    from planner.machines.facts import MachineFacts
    from planner.search.rehearsal import Rehearsal
    from planner.search.tuned import Tuned
    from runner.rehearse.inputs import Inputs
    from runner.rehearse.report import Report


@click.command(name="rehearse")
@options.lock
@click.option("--memory", is_flag=True, help="Measure memory and step time (the default).")
@click.option(
    "--tune", is_flag=True,
    help="First time up to three of the fastest plans, in under a minute, and keep the fastest.",
)  # fmt: skip
@options.locate
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="The file to write, for `plan --facts`.  [default: rehearsal.json next to LOCK]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    lock: Path,
    memory: bool,
    tune: bool,
    located: dict[str, Path],
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure memory and step time of LOCK (default: run.lock) before weights are downloaded.

    Trains a few steps on the longest micro-batch, with random weights of the real shapes, and
    compares memory and time with the lock's predictions. As many processes run as the lock has on
    one machine, by its engine; how fast they exchange data is measured, too. With --tune, the plans
    that are estimated to be fastest compute the same rows first, and the fastest is measured. The
    lock is not modified: `tunelock plan --facts rehearsal.json` plans with the measurements.
    """
    from lockfiles.files import write_out
    from planner.search.rehearsal import MARK
    from runner.rehearse.report import out_of_memory
    from tui.session import planning
    from tui.text import rehearsal

    target = out or lock.with_name("rehearsal.json")
    planning.writable(target, MARK)
    held, report = _rehearsed(lock, located, tuning=tune)
    write_out(target, _text(report.found).encode(), MARK)
    if as_json:
        output.data_json(_record(report))
    else:
        output.lines(rehearsal.page(report, _again(lock, target)))
    output.note(f"wrote {target}")
    if not report.found.fitted:
        raise out_of_memory(held, report.found)


def _again(lock: Path, measured: Path) -> str:
    """Return the command that plans with the measurements in a file."""
    intent = fixes.beside(lock)[fixes.INTENT]
    own = [intent] if intent != fixes.INTENT else []
    return shlex.join(["tunelock", "plan", *own, "--facts", str(measured)])


def _rehearsed(
    at: Path, located: dict[str, Path], *, tuning: bool
) -> "tuple[TrainingLock, Report]":
    """Rehearse a lock and return it with its report; show progress. With `tuning`, the lock is a
    variant with the plan that was fastest."""
    from lockfiles import lock as locks
    from runner.inputs import verify
    from runner.rehearse import inputs, rehearse
    from runner.rehearse.lock import case_of
    from runner.rehearse.report import report
    from runner.rehearse.tune import check_alone
    from runner.training.timing import keep_step
    from tui.text.transfer import noting

    held = locks.read(at).training()
    verify.check_whole(held)
    if tuning:
        check_alone(held)
    machine = _machine(held)
    output.note("reading the model's configuration and the rows …")
    found = inputs.read(held, at, located, noting())
    if found.missing and not tuning:
        output.note(_made_up(held, found.missing))
    tuned = None
    if tuning:
        held, tuned = _tuned(held, at, found)
    case = case_of(held, found.config, found.rows)
    output.note(f"running {case.steps} steps with random weights{_by(held)} …")
    measured = rehearse(held, case, _heard)
    made = report(held, case, measured, machine, tuned)
    if made.found.fitted and held.parallel.nodes == 1:
        keep_step(held, made.found.timed())
    return held, made


def _tuned(held: "TrainingLock", at: Path, found: "Inputs") -> "tuple[TrainingLock, Tuned | None]":
    """Time the finalists of a lock's search, and return the lock of the fastest with the times;
    None where there is nothing to compare."""
    from runner.inputs import locations
    from runner.rehearse.trials import trials
    from runner.rehearse.tune import LIMIT_SECONDS, tune
    from tui.session.planning import counted_on

    answers, rows = locations.planned_from(held, at), found.rows and found.rows.part("train")
    if answers is None or not rows:
        raise _no_answers(at) if answers is None else _no_rows(found.missing)
    some = trials(held, answers, found.config, rows.encoded, counted_on(held))
    if len(some.plans) < 2:
        output.note("only this plan is possible or likely to be fast, so there is none to compare")
        return held, None
    output.note(f"timing {len(some.plans)} plans, in at most {LIMIT_SECONDS:.0f} s …")
    compared = tune(some, found.config, _heard)
    if compared.log:
        output.note(f"warning: a plan failed; see {compared.log}")
    return some.variant(some.fastest(compared.tuned)), compared.tuned


def _by(lock: "TrainingLock") -> str:
    """Return which processes run, as the end of a sentence; empty for a single one."""
    from planner.parallelism.layouts import NAMES

    if lock.parallel.engine == "single":
        return ""
    count, of = lock.parallel.on_each, lock.parallel.processes
    share = f" of the lock's {of}" if of > count else ""
    noun = "process" if of == 1 else "processes"
    return f" in {count}{share} {noun} by {NAMES[lock.parallel.engine]}"


def _heard(seconds: float) -> None:
    output.note(f"… {seconds:.0f} s")


def _no_answers(at: Path) -> "UsageProblem":
    from lockfiles.errors import UsageProblem
    from lockfiles.fixes import Advice

    return UsageProblem(
        f"`--tune` needs the answers that `{at}` was planned from, which are not next to it.",
        fix=Advice("put its `run.toml` next to it"),
    )


def _no_rows(missing: tuple[str, ...]) -> "UsageProblem":
    from lockfiles.errors import UsageProblem
    from lockfiles.fixes import Option

    return UsageProblem(
        "`--tune` compares plans on the rows of the run, and some of its files are missing.",
        fix=Option(" ".join(["--locate {}"] * len(missing)), *(f"{one}=PATH" for one in missing)),
    )


def _machine(lock: "TrainingLock") -> "MachineFacts":
    """Return this machine. Raises if the lock cannot be rehearsed on it."""
    from planner.machines.occupancy import taken
    from planner.machines.probes.probe import probe
    from runner.environments import packages
    from runner.supervisor import preflight

    preflight.check_engine(lock)
    packages.check_training_packages(lock)
    for one in packages.package_differences(lock, packages.packages_found(lock)):
        output.note(f"warning: {one.field} is {one.locked} in the lock, but {one.found} here")
    machine = probe(Path("/"))
    preflight.check_kind(lock, machine)
    preflight.check_threads(lock, machine)
    if lock.machine.kind == "cuda":
        preflight.fullest(lock, machine)
    for gpu in machine.gpus[: lock.parallel.on_each] if lock.machine.kind == "cuda" else ():
        if busy := taken(gpu):
            preflight.check_device(lock)
            output.note(f"warning: `{gpu.name}` is busy: {busy}; steps may take longer")
    return machine


def _made_up(lock: "TrainingLock", missing: tuple[str, ...]) -> str:
    where = " ".join(f"--locate {name}=PATH" for name in missing)
    return (
        f"the real rows are missing, so random rows of {lock.stream.max_length_tokens} tokens are "
        f"used; to use the real ones: {where}"
    )


def _text(found: "Rehearsal") -> str:
    return json.dumps(found.model_dump(mode="json"), indent=2) + "\n"


def _record(report: "Report") -> dict[str, object]:
    """Return the JSON output."""
    predicted = {
        "phases": dict(report.phases),
        "peak_bytes": report.peak_bytes,
        "process_bytes": report.process_bytes,
        "step_seconds": report.step_seconds,
        "main_bytes": report.main_bytes,
        "card_bytes_per_second": round(report.bytes_per_second),
    }
    result = {"fits": report.found.fitted, "difference": report.error, "predicted": predicted}
    return result | report.found.model_dump(mode="json")
