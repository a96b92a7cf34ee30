"""`receipt.json`: the results of a run, including measured values."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from lockfiles import files, limits, refusal
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from lockfiles.fields import FEW_KEYS, InnerPath, Label, Rows, Sha256, SizeBytes
from lockfiles.fixes import Command

VERSION = 4
"""The version that is written; older ones are read, and a newer one is refused.

Version 2 adds `artifacts`, version 3 `objective`, and version 4 `continued`.
"""
LIMIT_BYTES = 4 * files.MIB
_CLOSED = ConfigDict(extra="forbid", strict=True)
_AGAIN = Command("tunelock run", to="recreate it from the finished stages")


@dataclass(frozen=True)
class Digests:
    """Digests of the results of a run."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    adapter: Sha256 | None = None
    """Of the adapter's tensors; None where no adapter was trained."""
    merged: Sha256 | None = None
    """Of the merged model's tensors."""
    gguf: Annotated[dict[Label, Sha256], FEW_KEYS] = field(default_factory=dict)
    """Of the tensors in each GGUF file, by level such as `q8_0`."""


@dataclass(frozen=True)
class Measured:
    """What the training stage actually took."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    peak_bytes: SizeBytes | None = None
    """Peak memory: of the process on CPU, of torch's allocator on an accelerator."""
    step_seconds: Annotated[float, Field(ge=0, le=limits.MOST_SECONDS)] | None = None
    """Median seconds of one optimizer step."""


@dataclass(frozen=True)
class Score:
    """The scores of one model on the held-out rows."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    loss: float
    """Mean cross-entropy of the scored tokens, in nats; not finite if training diverged."""
    accuracy: Annotated[float, Field(ge=0, le=1)]
    """Share of rows whose greedy answer equals the expected one, 0 to 1."""
    rows: Rows


@dataclass(frozen=True)
class Evaluation:
    """The base and the tuned model on the same rows."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    base: Score | None = None
    tuned: Score | None = None
    learnt_rows: Rows = 0
    """How many of those rows are also training rows, exactly or nearly."""


@dataclass(frozen=True)
class Artifact:
    """A file or folder that a stage wrote to the run folder."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    stage: Annotated[Label, Field(min_length=1)]
    """The stage's name in the lock."""
    what: Annotated[Label, Field(min_length=1)]
    """A description, such as `adapter`, `merged model` or `GGUF q8_0`."""
    path: InnerPath
    """Relative to the run folder."""
    digest: Sha256
    """Of its tensors, or of the bytes of a file without tensors."""
    size: SizeBytes
    """Bytes of the file, or of all files in the folder."""


@dataclass(frozen=True)
class Sent:
    """One file that was uploaded."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    name: Annotated[Label, Field(min_length=1)]
    """The path in the repository."""
    size_bytes: SizeBytes
    sha256: Sha256


@dataclass(frozen=True)
class Continued:
    """The checkpoint of another run that a training continued from."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    run: Label
    """The name of that run's folder."""
    step: Annotated[int, Field(ge=1, le=limits.MOST_ORDERED_ROWS)]
    """The optimizer steps that were made there."""
    lock_sha256: Sha256
    """Of the bytes of its `run.lock`."""
    sha256: Sha256 | None = None
    """Of the digests of the copied files; None while they are being copied."""


@dataclass(frozen=True)
class Receipt:
    """The content of `receipt.json`."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    lock_sha256: Sha256
    """Of the bytes of `run.lock`."""
    digests: Digests = Digests()
    measured: Measured = Measured()
    evaluation: Evaluation = Evaluation()
    packages: Annotated[dict[Label, Label], FEW_KEYS] = field(default_factory=dict)
    """The installed version of each package in the lock, empty where it is not installed, and of
    those whose kernels computed layers of the model."""
    machine: Label = ""
    """The processor's architecture and the accelerator that trained."""
    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
    """A receipt without a version is read as the first one."""
    sent_to: Label = ""
    """The repository on the Hub that files were uploaded to; empty where there is none."""
    sent: list[Sent] = field(default_factory=list)
    """Every file that the push stage uploaded."""
    artifacts: Annotated[list[Artifact], Field(max_length=limits.MOST_ARTIFACTS)] = field(
        default_factory=list
    )
    """What each stage wrote, in the order of the lock."""
    objective: Label = ""
    """What the loss taught, by its name in the lock; empty where nothing was trained, and before
    version 3."""
    continued: Continued | None = None
    """Where the training continued from with `--continue-from`; None if it began in this run, and
    before version 4."""


_READER = TypeAdapter(Receipt)


def measured_on(rows: int, learnt_rows: int) -> str:
    """Return the description of the rows of an evaluation; only unseen rows are called held-out."""
    if not learnt_rows:
        return f"{rows:,} held-out rows"
    return f"{rows:,} rows, {learnt_rows:,} of them training rows too"


def write(receipt: Receipt, path: Path) -> None:
    """Write a receipt atomically: to a temporary name, flushed, then renamed."""
    files.write_whole(path, (json.dumps(asdict(receipt), indent=2) + "\n").encode())


def read(path: Path) -> Receipt:
    """Read a receipt. Raises UsageProblem where it is invalid or of a newer version."""
    return parse(toml.read(path, limit_bytes=LIMIT_BYTES), path)


def parse(content: str | bytes, path: Path) -> Receipt:
    """Return the receipt in the content of a file; raises as `read` does."""
    try:
        return _READER.validate_json(content)
    except ValidationError as problem:
        found = refusal.fault(problem)
    what = f"`{found.key}` {found.words}" if found.key else found.words
    newer = Command("pip install --upgrade tunelock")
    fix = newer if found.key == "version" else _AGAIN
    raise UsageProblem(f"`{path}` is not a valid receipt of version {VERSION}: {what}.", fix=fix)
