"""Runs a case's steps on this device and measures their memory and time."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers.trainer_utils import IntervalStrategy, SaveStrategy
from transformers.utils import logging

from planner.machines.probes.visible import visible
from planner.search.budget import CUDA_CONTEXT_BYTES
from runner.engines.ranks import Alone, Ranks
from runner.rehearse.case import Case, Measured
from runner.rehearse.host import HOST
from runner.rehearse.job import job_of
from runner.rehearse.random_model import random_model
from runner.rehearse.rows import held_out
from runner.training.job import Job
from runner.training.make import dataset, make_trainer

ALONE = Alone()


def measure(case: Case, ranks: Ranks = ALONE, before_bytes: int | None = None) -> Measured:
    """Run the steps and an evaluation, and return peak memory and times of this process.

    Running out of GPU memory is a result (`Measured.out_of_memory`), not an error. `before_bytes`
    is what `taken_bytes` returned before this process used its card; None to ask now. A collective
    call, unless memory runs out.
    """
    before = taken_bytes() if before_bytes is None else before_bytes
    found = _measured(case, ranks, before)
    if not case.times_host or found.out_of_memory or not found.card or ranks.count > 1:
        return found
    return replace(found, host_seconds=_measured(HOST, ALONE, before).warm_step_seconds)


def _measured(case: Case, ranks: Ranks, before: int) -> Measured:
    began = time.monotonic()
    if case.cap_bytes:
        _hold_to(case.cap_bytes)
    logging.disable_progress_bar()
    watch = _Watch(ranks, case.limit_seconds)
    out_of_memory = ""
    load_seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        try:
            set_seed(42)
            watch.enter("load")
            job = job_of(case, ranks, lambda: _made(case), Path(folder))
            model = _made(case, job)
            _synchronise()
            load_seconds = time.monotonic() - began
            _run(case, job, model, watch)
        except RuntimeError as error:
            if not _ran_out(error):
                raise
            out_of_memory = watch.phase
        watch.enter("end")
    return Measured(
        peaks=watch.peaks,
        reserved_bytes=watch.reserved,
        process_bytes=max(0, taken_bytes(ranks.rank) - before),
        step_seconds=tuple(watch.seconds),
        evaluation_seconds=watch.evaluation_seconds,
        load_seconds=load_seconds,
        seconds=time.monotonic() - began,
        out_of_memory=out_of_memory,
        card=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        main_bytes=_main_bytes() if torch.cuda.is_available() else max(watch.peaks.values()),
    )


def _ran_out(error: RuntimeError) -> bool:
    """Return whether the card ran out of memory, in torch or in a library of kernels."""
    said = str(error)
    known = "out of memory" in said or "ALLOC_FAILED" in said
    return isinstance(error, torch.OutOfMemoryError) or known


def _made(case: Case, job: Job | None = None) -> Any:
    return random_model(case.config, case.profile, case.accumulation, job)


def _run(case: Case, job: Job, model: Any, watch: "_Watch") -> None:
    trainer = watch.trainer = make_trainer(job, model, [watch])
    if job.ranks.rank:
        torch.manual_seed(42 + job.ranks.rank)
    trainer.args.save_strategy = SaveStrategy.NO
    trainer.args.eval_strategy = IntervalStrategy.NO
    trainer.remove_callback(PrinterCallback)
    trainer.compute_loss = watch.around(trainer.compute_loss)
    trainer.train()
    if case.evaluate:
        watch.enter("evaluation")
        rows = dataset(case.profile.objective, held_out(case))
        trainer.evaluate(rows)
        with watch.timing_evaluation():
            trainer.evaluate(rows)


class _Watch(TrainerCallback):  # type: ignore[misc]  # transformers ships no types mypy follows
    """Measures the peak of each phase and the time of each step."""

    trainer: Any = None

    def __init__(self, ranks: Ranks, limit_seconds: float = 0.0) -> None:
        self._ranks = ranks
        self._ends = time.monotonic() + limit_seconds if limit_seconds else float("inf")
        self.peaks: dict[str, int] = {}
        self.reserved = 0
        self.seconds: list[float] = []
        self.evaluation_seconds = 0.0
        self.phase = ""
        self._began = 0.0

    def enter(self, phase: str) -> None:
        """End a phase and start the next."""
        if self.phase:
            self.peaks[self.phase] = max(self.peaks.get(self.phase, 0), _peak_bytes())
        if torch.cuda.is_available():
            self.reserved = max(self.reserved, torch.cuda.max_memory_reserved())
        _forget_peak()
        self.phase = phase

    def around(self, compute_loss: Callable[..., Any]) -> Callable[..., Any]:
        """Return the trainer's forward pass, with its phases marked."""

        def watched(model: Any, *arguments: Any, **named: Any) -> Any:
            if not model.training:
                return compute_loss(model, *arguments, **named)
            self.enter("forward")
            loss = compute_loss(model, *arguments, **named)
            self.enter("backward")
            return loss

        return watched

    @contextmanager
    def timing_evaluation(self) -> Iterator[None]:
        """Time an evaluation."""
        _synchronise()
        began = time.monotonic()
        yield
        _synchronise()
        self.evaluation_seconds = time.monotonic() - began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the optimizer's phase where DeepSpeed makes its step with the last backward pass."""
        if not self.trainer.is_deepspeed_enabled:
            return
        engine = self.trainer.model_wrapped
        own = engine.step

        def step(*arguments: Any, **named: Any) -> Any:
            if engine.is_gradient_accumulation_boundary():
                self.enter("optimizer")
            return own(*arguments, **named)

        engine.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock of a step."""
        _synchronise()
        self._began = time.monotonic()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the phase of the backward pass."""
        self.enter("optimizer")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop the clock, and end training where no time is left for another step."""
        _synchronise()
        now = time.monotonic()
        self.seconds.append(now - self._began)
        late = len(self.seconds) > 1 and now + self.seconds[-1] > self._ends
        if self._ends < float("inf") and any(one for (one,) in self._ranks.gathered([int(late)])):
            control.should_training_stop = True


def _hold_to(cap_bytes: int) -> None:
    """Limit torch's allocator to the memory that a card of `cap_bytes` would leave it."""
    total = torch.cuda.get_device_properties(0).total_memory
    share = (cap_bytes - CUDA_CONTEXT_BYTES) / total
    torch.cuda.set_per_process_memory_fraction(min(1.0, share))


def taken_bytes(rank: int = 0) -> int:
    """Return this process's GPU memory in bytes, including its context; 0 without an NVIDIA driver.

    If the driver does not report it per process, return all used memory of the card of `rank`, by
    its number among the visible ones.
    """
    import pynvml as n

    try:
        n.nvmlInit()
    except n.NVMLError:
        return 0
    cards = [n.nvmlDeviceGetHandleByIndex(index) for index in range(n.nvmlDeviceGetCount())]
    for card in cards:
        for process in n.nvmlDeviceGetComputeRunningProcesses(card):
            if process.pid == os.getpid() and process.usedGpuMemory:
                return int(process.usedGpuMemory)
    names = [str(n.nvmlDeviceGetUUID(card)) for card in cards]
    shown = visible(names, os.environ.get("CUDA_VISIBLE_DEVICES"))
    return int(n.nvmlDeviceGetMemoryInfo(cards[shown[rank]]).used) if rank < len(shown) else 0


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _peak_bytes() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return _main_bytes()


def _main_bytes() -> int:
    """Return the peak resident main memory of this process since `_forget_peak`, on a card since
    its start."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
