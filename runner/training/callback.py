"""The trainer's callback: sends events, saves a checkpoint on a stop, ends a run on a NaN loss."""

import math
import re
import signal
import statistics
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_utils import rotate_checkpoints

from lockfiles.errors import RunFailed
from lockfiles.fixes import PLAN_AGAIN, Change, Steps
from runner.engines.ranks import Alone, Ranks
from runner.runs.pipe import Line
from runner.runs.whole import CHECKPOINT, is_whole, mark_whole
from runner.training.clock import Clock, Times
from runner.training.writing import Writer

KEPT = 2
"""Checkpoints that are kept, the best one among them."""
_CHECKPOINT = re.compile(r"checkpoint-\d+", re.ASCII)
_NAMES = {"loss": "loss", "learning_rate": "learning_rate", "grad_norm": "gradient_norm"}


def memory_bytes() -> tuple[int, int]:
    """Return current and peak memory in bytes: torch's allocator on a GPU, else this process's."""
    if torch.cuda.is_available():
        found = torch.cuda.memory_stats_as_nested_dict()["allocated_bytes"]["all"]
        return int(found["current"]), int(found["peak"])
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kib = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(kib["VmRSS"]) * 1024, int(kib["VmHWM"]) * 1024


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers ships no types mypy follows
    """Reports a training's progress; SIGTERM or a lost supervisor stops it at the next step."""

    def __init__(
        self,
        line: Line,
        predicted_bytes: int,
        earlier_peak_bytes: int,
        ranks: Ranks | None = None,
        health: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Watch what `health` names: by measure, the multiple of its first value from which
        training diverges."""
        self._line = line
        self._ranks = ranks or Alone()
        self.writer = Writer()
        """Completes the checkpoints."""
        self._peaks: list[int] = []
        self._predicted_bytes = predicted_bytes
        self._peak_bytes = earlier_peak_bytes
        self._clock = Clock()
        self._step_began = self._step_ended = 0.0
        self._seconds: list[float] = []
        self._tokens = 0
        self._health = health
        self._first: dict[str, float] = {}
        self._warned = False
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    @property
    def begun(self) -> bool:
        """Whether this process has started a step."""
        return self._step_began > 0

    def peak_bytes(self) -> int:
        """Return the peak memory so far, in bytes."""
        self._peak_bytes = max(self._peak_bytes, memory_bytes()[1], *self._peaks)
        return self._peak_bytes

    def share(self) -> None:
        """Share the stop flag and the peak memory with the other processes.

        A collective call: every process has to make it at the same step.
        """
        states = self._ranks.gathered([int(self.stopping), memory_bytes()[1]])
        self.stopping = any(stop for stop, _ in states)
        self._peaks = [peak for _, peak in states]

    def median_step_seconds(self) -> float:
        """Return the median seconds of a step; the first of several is skipped as warm-up."""
        return statistics.median(self._seconds[1:] or self._seconds or [0.0])

    @property
    def times(self) -> Times:
        """The seconds of the steps, evaluations and checkpoints so far."""
        return self._clock.times

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Find the best checkpoint that a resumed state names in this run's own folder, where it
        was copied or moved together with the state; forget one that is not there."""
        best = state.best_model_checkpoint
        if best is None:
            return
        own = Path(args.output_dir) / Path(best).name
        if _CHECKPOINT.fullmatch(own.name) and is_whole(own):
            state.best_model_checkpoint = str(own)
        else:
            state.best_model_checkpoint = state.best_metric = None

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock of a step."""
        self._step_began = time.monotonic()
        self._clock.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop the clock, and stop the training if a stop was requested.

        Raises what went wrong with a checkpoint that was written meanwhile.
        """
        self.writer.check()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # a GPU's backward pass and optimizer may still be running
        self._step_ended = time.monotonic()
        self._seconds.append(self._step_ended - self._step_began)
        self._clock.step(state.global_step)
        self.stopping = self.stopping or self._line.broken
        self.share()
        if self.stopping:
            control.should_training_stop = control.should_save = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any
    ) -> None:
        """Send a `step` event. Raises RunFailed for a loss that is NaN or infinite."""
        fields = {ours: logs[theirs] for theirs, ours in _NAMES.items() if theirs in logs}
        if "loss" not in fields:
            return
        self._check(state.global_step, fields["loss"])
        for measure, multiple in self._health.items():
            if measure in logs:
                self._follow(state, measure, logs[measure], multiple)
        self._line.send(
            "step",
            step=state.global_step,
            steps=state.max_steps,
            **fields,
            **self._measured(state, logs),
        )

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, float], **_: Any
    ) -> None:
        """Send an `evaluation` event with the validation loss."""
        self._clock.evaluation()
        self._line.send("evaluation", step=state.global_step, loss=metrics["eval_loss"])

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Complete a checkpoint, once every process has written its part: with a single process
        while training continues."""
        self._ranks.wait()
        if self._ranks.rank == 0:
            complete = partial(
                self._complete, Path(args.output_dir), state.global_step,
                state.best_model_checkpoint, self.peak_bytes(), self._step_ended,
            )  # fmt: skip
            self.writer.add(complete)
            self.writer.begin(aside=self._ranks.count == 1)
        self._ranks.wait()
        self._clock.save()

    def _complete(
        self, work: Path, step: int, best: str | None, peak_bytes: int, began: float
    ) -> None:
        """Mark a checkpoint as complete, and only then remove older ones."""
        folder = work / f"{CHECKPOINT}{step}"
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's, of a base model without a name
        mark_whole(folder, peak_bytes)
        rotate_checkpoints(str(work), KEPT, best)
        self._line.send("checkpoint", step=step, seconds=round(time.monotonic() - began, 3))

    def _measured(self, state: Any, logs: Mapping[str, float]) -> dict[str, Any]:
        now, _ = memory_bytes()
        seconds = self._seconds[-1]
        tokens, self._tokens = (
            int(logs.get("num_tokens", 0)) - self._tokens,
            int(logs.get("num_tokens", 0)),
        )
        return {
            "tokens": tokens,
            "tokens_per_second": round(tokens / seconds, 1) if seconds else 0.0,
            "step_seconds": round(seconds, 4),
            "memory_bytes": now,
            "peak_bytes": self.peak_bytes(),
            **({"rank_peak_bytes": self._peaks} if self._ranks.count > 1 else {}),
            "predicted_bytes": self._predicted_bytes,
            "eta_seconds": round(
                (state.max_steps - state.global_step) * self.median_step_seconds(), 1
            ),
        }

    def _check(self, step: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise RunFailed(
                f"The loss became NaN or infinite at step {step}.",
                fix=Steps((Change("train.learning_rate", "a smaller number"), PLAN_AGAIN)),
            )

    def _follow(self, state: Any, measure: str, value: float, multiple: float) -> None:
        """Warn once of a value far above the first one, which is that of step 1 in a resumed run,
        too: a checkpoint has all logs before it."""
        if measure not in self._first:
            known = (one.get(measure) for one in state.log_history if isinstance(one, dict))
            self._first[measure] = next((one for one in known if isinstance(one, float)), value)
        first = self._first[measure]
        if value > multiple * first and not self._warned:
            self._warned = True
            self._line.send(
                "warning",
                text=f"the {measure} rose from {first:.3f} to {value:.3f} by step "
                f"{state.global_step}: "
                "training is diverging; stop it and plan with a smaller `train.learning_rate`",
            )
