"""Trainings in several processes: what each is given, and what it leaves.

`python -m tests.ranks FOLDER` is one process of a training, whose `case.json` is in the folder.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lockfiles.lock import Method, Parallel, Train
from planner.data.tokens.example import IGNORED, Example, completion
from planner.data.tokens.order import epoch_order
from runner.engines.ddp import ENGINE, MEETING_VARIABLE
from runner.environments.variables import on_cpu
from runner.runs.pipe import Line
from tests import held
from tests.children import ended
from tests.gpu.several.busy import Busy, recompiled

SETTINGS = Train(
    micro_batch=2, accumulation=1, epochs=1, learning_rate=1e-3, schedule="cosine",
    warmup_ratio=0.1, weight_decay=0.01, gradient_clip=1.0, optimizer="adamw_torch",
    dtype="float32", attention="sdpa", checkpointing=False, keep="last", evaluate_steps=10, seed=17,
)  # fmt: skip
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SECONDS = 600.0


@dataclass(frozen=True)
class Case:
    """One training, whatever shares it."""

    base: str
    work: str
    """Where its checkpoints are; it resumes from the last one there."""
    method: str
    engine: str = "single"
    ranks: int = 1
    offload: str = "none"
    steps: int = 20
    step_rows: int = 8
    """Rows of a step, those of all processes."""
    micro_batch: int = 2
    missing: int = 3
    """Rows that the last step lacks."""
    longest: int = 24
    """Tokens of the longest row."""
    shortest: int = 6
    lengths: Sequence[int] = ()
    """Tokens of each row, in an order by the seed as a lock has it; random ones if empty."""
    vocabulary: int = 64
    pass_tokens: int = 0
    """Of padding-free passes; 0 for padded micro-batches."""
    held_out: int = 5
    """Rows of the evaluation."""
    settings: dict[str, Any] | None = None
    """Other values of the trainer's settings."""
    rank: int = 8
    """Of an adapter."""
    targets: Sequence[str] = TARGETS
    """The layers that it adapts."""
    dropout: float = 0.0
    """Of the adapter."""
    bias: str = "none"
    """The biases that are trained besides it."""
    stop_after: int = 0
    """The step after which it is asked to stop; 0 for none."""
    kill_after: int = 0
    """The step after which the last process kills itself; 0 for none."""
    saves: bool = True
    """Whether checkpoints and the result are written."""
    persistent: int = 0
    """Elements from which ZeRO stage 3 shares a parameter."""
    bucket: int = 500_000_000
    prefetch: int = 50_000_000
    epsilon: float = 1e-8
    """Of AdamW. With a larger one, the rounding of a gradient that is zero does not make a step."""
    in_order: bool = False
    """Whether rows come in the order in which they are made."""
    profiled: bool = False
    """Whether some steps are profiled, and the links are timed at the end."""
    bare: bool = False
    """Whether a plain script with the same engine trains (`tests.gpu.several.bare`)."""

    def at(self, work: Path | str, **changes: Any) -> "Case":
        """Return a case with another working folder."""
        return replace(self, work=str(work), **changes)

    @property
    def train(self) -> Train:
        """The settings of the trainer."""
        own = self.step_rows // self.ranks
        micro = own if self.pass_tokens else self.micro_batch
        given = {
            "micro_batch": micro, "accumulation": own // micro, "pass_tokens": self.pass_tokens,
            **(self.settings or {}),
        }  # fmt: skip
        return SETTINGS.model_copy(update=given)

    @property
    def methods(self) -> Method:
        """The method as a lock has it."""
        adapts = self.method != "full"
        return Method.model_validate({
            "kind": self.method, "rank": self.rank * adapts, "alpha": 2 * self.rank * adapts,
            "dropout": self.dropout, "targets": list(self.targets) * adapts, "bias": self.bias,
        })  # fmt: skip


def rows_of(case: Case) -> list[Example]:
    """Return random rows of different lengths."""
    source = random.Random(5)
    found = []
    for number in range(_count(case)):
        given = case.lengths[number : number + 1]
        length = given[0] if given else source.randint(case.shortest, case.longest)
        ids = tuple(source.randrange(3, case.vocabulary) for _ in range(length))
        found.append(completion(ids, (IGNORED, IGNORED, *ids[2:])))
    return found


def order(case: Case) -> Callable[[int], list[int]]:
    """Return the order of the rows of each epoch."""
    count, seed = _count(case), case.train.seed
    if case.in_order:
        return lambda _: list(range(count))
    if case.lengths:
        return lambda epoch: list(epoch_order(count, seed, epoch))
    return lambda epoch: random.Random(epoch).sample(range(count), count)


def _count(case: Case) -> int:
    return len(case.lengths) or case.steps * case.step_rows - case.missing


class _Kept(Line):
    """A line that keeps what is sent, and stops or ends its process where a case asks for it."""

    def __init__(self, case: Case, rank: int) -> None:
        super().__init__(os.open(os.devnull, os.O_WRONLY))
        self._case, self._rank = case, rank
        self.sent: list[dict[str, Any]] = []
        self.first: dict[str, int] = {}
        """The peaks up to the end of the first step."""
        self.busy = Busy() if case.profiled else None

    def send(self, kind: Any, **fields: Any) -> None:
        """Keep an event."""
        self.sent.append({"kind": kind, **fields})
        if kind != "step":
            return
        if self.busy:
            self.busy.step(fields["step"])
        if fields["step"] == 1:
            self.first = held.memory(reset=True)
        if fields["step"] == self._case.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        if fields["step"] == self._case.kill_after and self._rank == self._case.ranks - 1:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> int:
    """Train as one process and leave its measurements. Exit code 75: it was stopped."""
    import torch

    from runner.training import train as training
    from runner.training import zero
    from runner.training.job import Job

    case = Case(**json.loads((folder / "case.json").read_bytes()))
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    if case.bare:
        import_module("tests.gpu.several.bare").main(case, folder)
        return 0
    rows, zero.PERSISTENT_ELEMENTS = rows_of(case), case.persistent
    joined = _alone if case.engine == "single" else ENGINE.joined
    with joined() as ranks:
        line = _Kept(case, ranks.rank)
        job = Job(
            base=Path(case.base), rows=rows, validation=rows[: case.held_out],
            order=order(case),
            method=case.methods, train=case.train, work=Path(case.work) / "train",
            packing=case.pass_tokens > 0, ranks=ranks,
            parallel=Parallel.model_validate({
                "engine": case.engine, "processes": case.ranks, "offload": case.offload,
                "bucket": case.bucket, "prefetch": case.prefetch,
            }),
        )  # fmt: skip
        with seen(training, saves=case.saves, epsilon=case.epsilon) as shares:
            result = training.train(job, line)
        found = {
            "events": line.sent, "shares": shares, "step_seconds": result.step_seconds,
            "result": str(result.folder), "stopped": result.stopped, "steps": result.steps,
            "first": line.first, **held.memory(),
        }  # fmt: skip
        if job.train.kernels == "compiled":
            found["recompiled"] = recompiled()
        if line.busy:
            found |= {"busy": line.busy.found, "exchanged": _exchanged(case, ranks)}
        (folder / f"rank-{ranks.rank}.json").write_text(json.dumps(found))
    return 75 if result.stopped else 0


def _exchanged(case: Case, ranks: Any) -> list[dict[str, Any]]:
    """Return the times of the operations by which an engine exchanges tensors."""
    from planner.parallelism.engine import of_engine
    from runner.rehearse.exchange import exchanged

    return [asdict(one) for one in exchanged(of_engine(case.engine), ranks)]


def _alone() -> Any:
    from contextlib import nullcontext

    from runner.engines.ranks import Alone

    return nullcontext(Alone())


class seen:
    """Notes how a trainer holds its parameters when its first step is made."""

    def __init__(self, training: Any, *, saves: bool, epsilon: float = 1e-8) -> None:
        self._training, self._made, self._saves = training, training.make_trainer, saves
        self._epsilon = epsilon
        self.shares: dict[str, Any] = {}

    def __enter__(self) -> dict[str, Any]:
        self._training.make_trainer = self._make
        return self.shares

    def __exit__(self, *_: object) -> None:
        self._training.make_trainer = self._made

    def _make(self, job: Any, model: Any, callbacks: Sequence[Any]) -> Any:
        trainer = self._made(job, model, callbacks)
        trainer.args.adam_epsilon = self._epsilon
        shares = self.shares

        def prepare(*given: Any, own: Any = trainer._prepare_for_training) -> Any:
            found = own(*given)
            optimizer = trainer.optimizer.optimizer
            shares.update(held.shares(trainer.model_wrapped, trainer.model, optimizer))
            return found

        trainer._prepare_for_training = prepare
        if not self._saves:
            trainer.args.save_strategy = type(trainer.args.save_strategy)("no")
            trainer.save_model = lambda *_: None
        return trainer


def start(case: Case) -> list["subprocess.Popen[bytes]"]:
    """Start the processes of a case, in the order of their ranks."""
    folder, found = ready(case), []
    for rank in range(case.ranks):
        own = {**os.environ, **({} if _has_card() else on_cpu()), **_variables(case, rank)}
        own |= {"PYTHONPATH": os.pathsep.join(sys.path)}
        with (folder / f"log-{rank}.txt").open("wb") as log:
            found.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.ranks", str(folder)],
                    env=own,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
    return found


def ready(case: Case) -> Path:
    """Write a case to its folder, without what an earlier run left there."""
    folder = Path(case.work)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.json").write_text(json.dumps(asdict(case)))
    for old in (*folder.glob("rank-*.json"), *folder.glob("group*")):
        old.unlink()
    return folder


def _variables(case: Case, rank: int) -> dict[str, str]:
    """Return what torchrun and the supervisor would tell a process."""
    found = dict(ENGINE.variables)
    if _has_card():  # a trainer in one process would use all that it sees
        every = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(case.ranks))))
        found["CUDA_VISIBLE_DEVICES"] = ",".join(every.split(",")[: case.ranks])
    if case.engine == "single":
        return found
    return found | {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(case.ranks),
        "LOCAL_WORLD_SIZE": str(case.ranks), MEETING_VARIABLE: case.work,
    }  # fmt: skip


@cache
def _has_card() -> bool:
    from planner.machines.probes.probe import probe

    return bool(probe(Path("/")).gpus)


def run_all(cases: Sequence[Case]) -> list[list[dict[str, Any]]]:
    """Run cases one after another, on a CPU, and return what each process of each left."""
    from tests.rank_server import Server

    with Server() as server:
        return [server.run(case) for case in cases]


def run_forked(case: Case, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Do the same as `run` in forks of this process, which must not have used a card."""
    codes = ended(forks(case, ready(case)), seconds)
    expected = {75} if case.stop_after else {0}
    assert set(codes) == expected, f"{codes}: {log_of(case)}"
    return left(case)


def forks(case: Case, folder: Path) -> list[int]:
    """Fork the processes of a case from this one, and return their ids by rank."""
    return [_forked(case, folder, rank) for rank in range(case.ranks)]


def _forked(case: Case, folder: Path, rank: int) -> int:
    if child := os.fork():
        return child
    log = os.open(folder / f"log-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(_variables(case, rank))
    code = 1
    try:
        code = main(folder)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(case: Case, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Run a case and return what each process left, by rank; raises AssertionError with the ends
    of the logs where one failed or took too long."""
    processes = start(case)
    ends = time.monotonic() + seconds
    try:
        codes = [one.wait(max(0.1, ends - time.monotonic())) for one in processes]
    except subprocess.TimeoutExpired:
        codes = [None]  # type: ignore[list-item]
    finally:
        for one in processes:
            one.kill()
    expected = {75} if case.stop_after else {0}
    assert set(codes) == expected, f"{codes}: {log_of(case)}"
    return left(case)


def left(case: Case) -> list[dict[str, Any]]:
    """Return what each process of a case left, by rank."""
    folder = Path(case.work)
    return [json.loads((folder / f"rank-{n}.json").read_bytes()) for n in range(case.ranks)]


def log_of(case: Case, most: int = 3000) -> str:
    """Return the ends of the logs of a case."""
    texts = [path.read_text("utf-8", "replace") for path in Path(case.work).glob("log-*.txt")]
    return "\n---\n".join(text[-most:] for text in texts)


def losses(found: Sequence[dict[str, Any]], kind: str = "step") -> list[float]:
    """Return the losses that rank 0 sent."""
    return [one["loss"] for one in found[0]["events"] if one["kind"] == kind]


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # as stages of several processes end: destructors of libraries may abort
