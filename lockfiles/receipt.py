"""`receipt.json`: what came out of a run. The only one of the three files with measured values."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lockfiles import files
from lockfiles import text as toml
from lockfiles.errors import UsageProblem


@dataclass(frozen=True)
class Digests:
    """Digests of what a run left, named by what they cover."""

    adapter: str | None = None
    """sha256 of the adapter's tensors; None where no adapter was trained."""
    merged: str | None = None
    """sha256 of the merged model's tensors."""
    gguf: dict[str, str] = field(default_factory=dict)
    """sha256 of the tensors in each GGUF, by level such as `q8_0`."""


@dataclass(frozen=True)
class Measured:
    """What the training stage really took."""

    peak_bytes: int | None = None
    """Peak memory: of the process on CPU, of torch's allocator on an accelerator."""
    step_seconds: float | None = None
    """Median seconds of one optimizer step."""


@dataclass(frozen=True)
class Score:
    """One model on the held-out rows."""

    loss: float
    """Mean cross-entropy of the scored tokens, in nats."""
    accuracy: float
    """Share of rows whose greedy answer equals the row's, 0 to 1."""
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """The base against the tuned model, on the same rows."""

    base: Score | None = None
    tuned: Score | None = None


@dataclass(frozen=True)
class Receipt:
    """What a finished run has to show."""

    lock_sha256: str
    """Of the bytes of `run.lock`."""
    digests: Digests = Digests()
    measured: Measured = Measured()
    evaluation: Evaluation = Evaluation()
    packages: dict[str, str] = field(default_factory=dict)
    """The installed version of each package that the lock names; empty where there is none."""
    machine: str = ""
    """The processor's architecture and the accelerator that trained."""


def write(receipt: Receipt, path: Path) -> None:
    """Write a receipt whole: to a temporary name, flushed, then renamed."""
    files.write_whole(path, (json.dumps(asdict(receipt), indent=2) + "\n").encode())


def read(path: Path) -> Receipt:
    """Read a receipt. Raises UsageProblem where the file is not one."""
    try:
        value = json.loads(toml.read(path))
        scores = {
            name: Score(**score) if score else None for name, score in value["evaluation"].items()
        }
        return Receipt(
            lock_sha256=value["lock_sha256"],
            digests=Digests(**value["digests"]),
            measured=Measured(**value["measured"]),
            evaluation=Evaluation(**scores),
            packages=value["packages"],
            machine=value["machine"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise UsageProblem(
            f"`{path}` is no receipt of this version: {problem}.",
            hint="run the lock again: `tunelock run` writes the receipt anew from what is done",
        ) from None
