"""The ways to compute the passes of a training, and trainings in processes of their own."""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lockfiles.lock import Method, Train
from planner.data.tokens import layout, sizes
from planner.data.tokens.example import Example
from planner.data.tokens.order import epoch_order
from runner.runs.pipe import Line

ROWS = 16
"""Rows of a step."""
GRAPHS = 6
"""Sizes of recorded passes, at most."""
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PASSES: Mapping[str, Any] = {"micro_batch": ROWS, "accumulation": 1}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "padded": {"micro_batch": 4, "accumulation": 4, "attention": "sdpa"},
    "mask": {**PASSES, "attention": "sdpa", "pass_tokens": 1},
    "varlen": {**PASSES, "attention": "varlen", "pass_tokens": 1},
    "compiled": {**PASSES, "attention": "varlen", "pass_tokens": 1, "kernels": "compiled"},
    "graphs": {
        **PASSES, "attention": "varlen", "pass_tokens": 1, "kernels": "compiled",
        "graph_sizes": [1],
    },
}  # fmt: skip
"""Fields of a lock's `train` table; passes and graphs get their sizes from the rows."""


@dataclass(frozen=True)
class Training:
    """One training."""

    base: Path
    work: Path
    """Where its checkpoints are; it resumes from the last one there."""
    rows: Sequence[Example]
    variant: str
    method: str
    steps: int
    dropout: float = 0.0
    seed: int = 17
    stop_after: int = 0
    """The step after which it is asked to stop; 0 for none."""
    exact: bool = False
    """Whether torch's deterministic algorithms are on."""
    most_tokens: int = 4096
    """Tokens of a pass, at most."""
    learning_rate: float = 1e-3
    on_card: bool = True


@dataclass
class Trained:
    """What a training gave."""

    losses: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    digest: str = ""
    """Of the tensors of its result; empty if it was stopped."""
    peak_bytes: int = 0
    error: str = ""


class Recorder(Line):
    """Keeps what a training sends, and stops it after a step."""

    def __init__(self, stop_after: int) -> None:
        super().__init__(-1)
        self.found, self._stop_after = Trained(), stop_after

    def send(self, kind: str, **fields: Any) -> None:
        """Keep the figures of a step."""
        if kind != "step":
            return
        self.found.losses.append(float(fields["loss"]))
        self.found.tokens.append(int(fields["tokens"]))
        self.found.seconds.append(float(fields["step_seconds"]))
        if fields["step"] == self._stop_after:
            os.kill(os.getpid(), signal.SIGTERM)


def unknown(variant: str) -> str:
    """Return the first key of a variant that locks do not have; empty if they have all."""
    return next((key for key in VARIANTS[variant] if key not in Train.model_fields), "")


def table(given: Training) -> Train:
    """Return the `train` table of a training."""
    fields = dict(VARIANTS[given.variant])
    if "pass_tokens" in fields:
        fields["pass_tokens"] = given.most_tokens
    epochs = -(-given.steps * ROWS // len(given.rows))
    if "graph_sizes" in fields:
        fields["graph_sizes"] = graph_sizes(given, epochs)
    usual = Train(
        micro_batch=1, accumulation=1, epochs=epochs, learning_rate=given.learning_rate,
        schedule="cosine", warmup_ratio=0.03, weight_decay=0.01, gradient_clip=1.0,
        optimizer="adamw_torch_fused" if given.on_card else "adamw_torch",
        dtype="bfloat16" if given.on_card else "float32", attention="sdpa", checkpointing=False,
        keep="last", evaluate_steps=1_000_000, seed=given.seed,
    )  # fmt: skip
    return Train.model_validate(usual.model_dump() | fields)


def graph_sizes(given: Training, epochs: int) -> list[int]:
    """Return the sizes that a plan would record for the passes of a training."""
    lengths = [row.length for row in given.rows]
    tokens = []
    for epoch in range(epochs):
        order = epoch_order(len(lengths), given.seed, epoch)
        for step in layout.steps(lengths, order, ROWS, given.most_tokens):
            tokens += [sum(lengths[row] for row in one) for one in step]
    return list(sizes.sizes(tokens, GRAPHS))


def method_of(given: Training) -> Method:
    """Return the `method` table of a training."""
    full = given.method == "full"
    return Method.model_validate(
        {
            "kind": given.method, "rank": 0 if full else 16, "alpha": 0 if full else 32,
            "dropout": 0.0 if full else given.dropout, "targets": [] if full else TARGETS,
        }
    )  # fmt: skip


def run(given: Training) -> Trained:
    """Train in this process, as the runner's stage does."""
    if given.exact:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    from lockfiles import digest
    from runner.training.determinism import keep_to
    from runner.training.job import Job
    from runner.training.train import train

    keep_to(0 if given.on_card else 1, exact=given.exact)
    settings = table(given)
    given.work.mkdir(parents=True, exist_ok=True)
    line = Recorder(given.stop_after)
    job = Job(
        base=given.base, rows=given.rows, validation=(),
        order=lambda epoch: epoch_order(len(given.rows), given.seed, epoch),
        method=method_of(given), train=settings, work=given.work,
        packing=settings.pass_tokens > 0,
    )  # fmt: skip
    result = train(job, line)
    line.found.peak_bytes = result.peak_bytes
    if not result.stopped:
        line.found.digest = digest.of_tensors(sorted(result.folder.glob("*.safetensors")))
    return line.found


def ready() -> None:
    """Import what trainings need, for all forks, and let transformers print nothing."""
    from importlib import import_module

    from tests.gpu.forked import prepared

    prepared()
    import_module("runner.training.train")
    logging = import_module("transformers.utils.logging")
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def apart(given: Training, seconds: float) -> Trained:
    """Train in a process of its own that is forked from this one."""
    return forked(run, given, seconds)


def forked(work: Callable[[Training], Trained], given: Training, seconds: float) -> Trained:
    """Return what a function gives in a forked process, or its error."""
    context = multiprocessing.get_context("fork")
    reading, writing = context.Pipe(duplex=False)
    process = context.Process(target=_sent, args=(work, given, writing))
    process.start()
    writing.close()
    try:
        if not reading.poll(seconds):
            return Trained(error=f"took more than {seconds:.0f} s")
        found: Trained = reading.recv()
        return found
    except EOFError:
        return Trained(error="the process died")
    finally:
        process.join(5)
        if process.is_alive():
            process.kill()


def _sent(work: Callable[[Training], Trained], given: Training, pipe: Connection) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the trainer prints every step
    try:
        found = work(given)
    except BaseException as problem:
        traceback.print_exc()
        first = str(problem).strip().partition("\n")[0]
        found = Trained(error=f"{type(problem).__name__}: {first}"[:300])
    pipe.send(found)
