"""The complete plan on one page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lockfiles.harmless import joined
from planner.data.checks.wording import several
from tui.session.lines import bar
from tui.terminal.units import batch, memory, size
from tui.text import predicted

if TYPE_CHECKING:
    from lockfiles.lock import TrainingLock

_BAR_CELLS = 20


def render(
    lock: "TrainingLock",
    values: Mapping[str, object],
    *,
    stale_steps: Sequence[str],
    answer_lines: Sequence[str],
    answers_file: str,
) -> str:
    """Return the review panel: stale steps, the plan, the commands to run, the user's answers.

    `answers_file` is the name of the file of answers, such as `run.toml`.
    """
    banner = [f"STALE, review again: {', '.join(stale_steps)}"] if stale_steps else []
    answers = ["", f"Your answers in {answers_file}:", *(f"  {line}" for line in answer_lines)]
    return joined((*banner, *_plan(lock, values), *commands(answers_file), *answers))


def commands(answers_file: str) -> list[str]:
    """Return the commands that plan and run the answers without the wizard."""
    lock_file = f"{answers_file.removesuffix('.toml')}.lock"
    return [
        "Without this screen:",
        f"  tunelock plan {answers_file}",
        f"  tunelock run {lock_file}",
    ]


def start(lock: "TrainingLock", free_bytes: int) -> str:
    """Return what starting the run involves: time and disk space."""
    return joined(
        (
            f"Start {lock.intent.name}: {lock.stream.rows:,} rows x "
            f"{several(lock.train.epochs, 'epoch')}, "
            f"{lock.stream.tokens * lock.train.epochs:,} tokens in total.",
            f"Time: {predicted.time(lock)}.",
            f"Disk: {size(lock.prediction.disk_bytes)} of {size(free_bytes)} free.",
            *_beyond(lock),
            "Nothing starts until you choose yes.",
        )
    )


def _shared(lock: "TrainingLock") -> list[str]:
    """Return a line on how several processes share the work; empty for a single one."""
    from tui.text.plan import shared

    return [way] if (way := shared(lock)) else []


def _beyond(lock: "TrainingLock") -> list[str]:
    """Return a line on why this version cannot run a lock; empty if it can."""
    from tui.text.plan import beyond

    return [sentence] if (sentence := beyond(lock)) else []


def _plan(lock: "TrainingLock", values: Mapping[str, object]) -> list[str]:
    method, train, peak = lock.method, lock.train, lock.prediction.peak_bytes
    decision = lock.decision
    rank = f" rank {method.rank}, alpha {method.alpha}" if method.rank else ""
    rows = " · ".join(f"{part.split} {part.rows:,}" for part in lock.data)
    against = f" AGAINST fine-tuning; your reason: {decision.overridden}"
    return [
        f"Goal     {lock.intent.name} · verdict {decision.verdict}"
        f"{against if decision.overridden else ''}",
        f"Data     {values['data.train']} · {lock.data[0].format}",
        f"Rows     {rows}",
        *([f"         {leak}"] if (leak := lock.why.get("data.rows")) else []),
        f"Model    {values['model.source']} · {lock.model.parameters:,} parameters",
        f"Machine  {lock.machine.accelerator or lock.machine.kind}"
        f" · {memory(lock.machine.memory_bytes)} usable",
        f"Method   {method.kind}{rank} · batch "
        f"{batch(lock)}"
        f" · {several(train.epochs, 'epoch')} · lr {train.learning_rate:g}",
        *(f"Parallel {line}" for line in (*_shared(lock), *_beyond(lock))),
        f"Memory   {bar([peak], lock.machine.memory_bytes, _BAR_CELLS)} {memory(peak)}",
        f"Time     {predicted.time(lock)}",
        f"Results  {', '.join(stage.id for stage in lock.stage)}",
        f"Disk     {size(lock.prediction.disk_bytes)}",
    ]
