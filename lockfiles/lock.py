"""`run.lock`, version 1: every value of a run, resolved. The only input of the runner.

Tables stand in the order of the fields here, and keys in the order of theirs. Nothing in a lock
is a time, a host, an absolute path or a secret; a local file stands in it under a logical name.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from lockfiles.nearest import nearest

VERSION = 1
"""The version that this program writes and reads; a newer one is refused."""

HEADER = "Written by `tunelock plan run.toml`, which also writes it again. Do not edit."

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
FileName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")
]
_PART = r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*"
_DATA_FILE_NAME = rf"^{_PART}(/{_PART})*$"
DataFileName = Annotated[str, Field(pattern=_DATA_FILE_NAME)]
"""Of a file in a dataset, which may be called as it likes, but for what leads out of a folder."""
Source = Annotated[str, Field(pattern=r"^(local:[a-z]+|hf:[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?)$")]


class Table(BaseModel):
    """A table of the lock: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Intent(Table):
    """What the lock was planned from."""

    digest: Sha256
    """Of the normalised `run.toml`: local paths replaced by their logical names."""
    name: Name
    origin: dict[str, Literal["given", "default", "detected"]]
    """For each answer where it came from, never by which face."""


class Decision(Table):
    """What the checklist recommends."""

    verdict: Literal["prompt-engineering", "rag", "fine-tuning", "fine-tuning-and-rag"]
    reasons: list[str]
    against: list[str]
    overridden: str
    """The person's reason to go on against the verdict; empty where there was none."""


class ModelFile(Table):
    """One file of the base model."""

    name: FileName
    size_bytes: int = Field(ge=0)
    sha256: Sha256


class Model(Table):
    """The base model, pinned."""

    source: Source
    revision: str
    """As asked for; empty for a local folder."""
    commit: str = Field(pattern=r"^([0-9a-f]{40})?$")
    """As resolved: 40 hex digits; empty for a local folder."""
    licence: str
    gated: bool
    family: str
    parameters: int = Field(gt=0)
    dtype: str
    context_tokens: int = Field(gt=0)
    architecture: dict[str, int | bool | str]
    """The facts of its `config.json` that the plan counted with."""
    files: list[ModelFile]


class Template(Table):
    """How messages become text, and which tokens are scored."""

    source: Literal["model", "local:template", "training"]
    """`training` is the variant of the model's own that training needs; the model keeps its own."""
    sha256: Sha256
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """What a template that prints today's date prints, on every day."""
    pad_id: int = Field(ge=0)
    end_ids: list[int]
    """The tokens that end an answer."""
    loss_mask: Literal["assistant-turns-with-end"]
    golden_sha256: Sha256
    """Of the rendering of a fixed conversation."""


class DataFile(Table):
    """One file of a dataset on the Hub."""

    name: DataFileName
    size_bytes: int = Field(ge=0)
    sha256: Sha256


class Data(Table):
    """One split of the rows."""

    split: Literal["train", "validation", "test", "general"]
    """`general` rows stand at the end of those of `train`, and here once more by themselves."""
    source: Source
    revision: str = ""
    """The branch, tag or commit where the dataset was found; empty for a local file."""
    commit: str = Field(default="", pattern=r"^([0-9a-f]{40})?$")
    """As resolved: 40 hex digits; empty for a local file."""
    config: str = ""
    """Of the dataset; empty for a local file."""
    hub_split: str = ""
    """As the dataset calls it; empty for a local file."""
    format: str
    prompt_column: str
    completion_column: str
    system: str
    """Put before each row that has no system message of its own; empty adds none."""
    fraction: float = Field(ge=0, lt=1)
    """The validation share that was split off the source; 0 where the split is a whole file.
    Of general rows the share of the training rows that they were to be."""
    split_seed: int = Field(ge=0)
    """Chooses which rows are split off, or which general ones are taken."""
    split_by: Literal["rows", "groups", "groups-and-labels"] = "rows"
    """What is split off: single rows, groups of rows that ask nearly the same, or those of each
    label; locks from before it was asked drew single rows."""
    rows: int = Field(ge=0)
    sha256: Sha256
    """Of the canonical rows of this split, in their order."""
    tokens_sha256: Sha256
    """Of its token ids and loss masks: cut as training sees them, test rows whole."""
    files: list[DataFile] = []
    """Those of the dataset that hold the rows of its split; none for a local file."""


class Fix(Table):
    """One step that mends the rows of a file before they are trained on; the file stays."""

    source: Literal["train", "validation", "test", "general"]
    step: Literal["drop", "redact", "dedupe", "truncate", "split"]
    what: Name
    """The finding that it mends."""
    rows: int = Field(ge=0)
    """Rows that it leaves out or changes."""


class Stream(Table):
    """The tokens that training sees, and their order."""

    max_length_tokens: int = Field(gt=0)
    packing: bool
    """Whether the rows of a step are joined into rows as long as the longest; the step reads the
    same rows, in fewer passes than `train.accumulation`."""
    rows: int = Field(gt=0)
    tokens: int = Field(gt=0)
    scored_tokens: int = Field(gt=0)
    sha256: Sha256
    """Of the token ids and loss masks of the training rows."""
    order_sha256: list[Sha256]
    """Of the row order, one for each epoch."""


class Method(Table):
    """What is trained."""

    objective: Literal["sft"]
    kind: Literal["lora", "qlora", "full"]
    rank: int = Field(ge=0)
    alpha: int = Field(ge=0)
    dropout: float = Field(ge=0, lt=1)
    targets: list[Name]
    bias: Literal["none", "lora_only", "all"] = "none"
    """Which biases are trained beside the adapter; locks from before it was asked train none."""


class Train(Table):
    """Every argument that reaches the trainer."""

    micro_batch: int = Field(gt=0)
    accumulation: int = Field(gt=0)
    epochs: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["cosine"]
    warmup_ratio: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    gradient_clip: float = Field(gt=0)
    optimizer: Literal["adamw_torch", "adamw_torch_fused"]
    dtype: Literal["float32", "bfloat16"]
    attention: Literal["sdpa", "eager"]
    checkpointing: bool
    keep: Literal["best", "last"]
    evaluate_steps: int = Field(gt=0)
    seed: int = Field(ge=0)


class Parallel(Table):
    """How the work is spread."""

    engine: Literal["single"]
    processes: Literal[1]


class Exactness(Table):
    """What is promised about the trained tensors."""

    exact: bool
    """True: the same bits, run twice or killed and resumed, or a refusal."""
    threads: int = Field(ge=0)
    """Threads of one operation on CPU; 0 leaves it to torch."""
    environment: dict[Name, str]
    """Variables that the stage processes get."""


class Machine(Table):
    """The machine that the plan counts on."""

    kind: Literal["cpu", "cuda"]
    accelerator: str
    capability: str
    """Such as `9.0`; empty on a CPU."""
    count: int = Field(ge=0)
    memory_bytes: int = Field(gt=0)
    """Rounded down to 0.5 GiB."""


class Prediction(Table):
    """What the plan will need."""

    estimator: str
    phase: str
    peak_bytes: int = Field(gt=0)
    components: dict[str, int]
    """Bytes by component."""
    disk_bytes: int = Field(ge=0)
    """Checkpoints, the merged model and every export together."""
    step_seconds: float = Field(default=0.0, ge=0)
    """Mean of the optimizer's steps; 0 where the device's speed is not known."""
    seconds: float = Field(default=0.0, ge=0)
    """Training with its evaluations; 0 where that is not known."""
    cost: float = Field(default=0.0, ge=0)
    """Of those seconds, in the money of `machine.price_per_hour`; 0 where either is not known."""


class Rejected(Table):
    """An alternative that was considered."""

    what: str
    needed_bytes: int = Field(ge=0)
    reason: str


class Stage(Table):
    """One step of the run with its settings."""

    name: Literal["prepare", "train", "evaluate", "merge", "gguf", "push", "report"]
    settings: dict[str, str | int | bool | list[str]]


class Lock(Table):
    """A whole run, in words."""

    version: Literal[1]
    revision: int = Field(ge=0)
    requires_runner: Name
    """The oldest Tunelock that carries it out."""
    intent: Intent
    decision: Decision
    model: Model
    template: Template
    data: list[Data]
    fix: list[Fix] = Field(default_factory=list)
    """In the order in which it is done; locks from before it was asked mend nothing."""
    stream: Stream
    method: Method
    train: Train
    parallel: Parallel
    exactness: Exactness
    packages: dict[str, str]
    machine: Machine
    prediction: Prediction
    why: dict[str, str]
    """The reason of each value that the plan chose, by its dotted name."""
    rejected: list[Rejected]
    stage: list[Stage]
    integrity: dict[str, Sha256]
    """One digest for each stage, over its settings and its inputs' digests."""


def is_data_file_name(name: str) -> bool:
    """Return whether a lock can hold the name of a dataset's file."""
    return re.fullmatch(_DATA_FILE_NAME, name) is not None


def write(lock: Lock) -> str:
    """Return the canonical text of a lock."""
    return toml.write(lock.model_dump(), header=HEADER)


def parse(source: str, *, name: str = "run.lock") -> Lock:
    """Return the lock in `source`.

    Raises UsageProblem for text that is no TOML, a newer version, an unknown or missing key
    (named with its line and the nearest known key) or a value outside its range.
    """
    table = toml.parse(source, name=name)
    _check_version(table, name)
    try:
        return Lock.model_validate(table)
    except ValidationError as problem:
        raise _sentence(problem, source, name) from None


def read(path: Path) -> Lock:
    """Read a lock from disk; see `parse`."""
    return parse(toml.read(path), name=str(path))


def _check_version(table: Mapping[str, object], name: str) -> None:
    version = table.get("version")
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        raise UsageProblem(
            f"`{name}` is a lock of version {version}, and this program reads version {VERSION}.",
            hint="pip install --upgrade tunelock",
        )


def _sentence(problem: ValidationError, source: str, name: str) -> UsageProblem:
    found = problem.errors(include_url=False)
    first = next((error for error in found if error["type"] == "extra_forbidden"), found[0])
    location = first["loc"]
    key = ".".join(str(part) for part in location if not isinstance(part, int))
    line = toml.key_lines(source).get(".".join(str(part) for part in location))
    place = f"`{key}` on line {line} of `{name}`" if line else f"`{key}` of `{name}`"
    if first["type"] == "extra_forbidden":
        like = nearest(str(location[-1]), _known(Lock, location[:-1]))
        known = f"; the nearest known one is `{like}`" if like else ""
        return UsageProblem(f"{place} is an unknown key{known}.", hint="tunelock plan run.toml")
    if first["type"] == "missing":
        return UsageProblem(f"{place} is missing.", hint="tunelock plan run.toml")
    return UsageProblem(f"{place} is wrong: {first['msg']}.", hint="tunelock plan run.toml")


def _known(table: Any, location: Iterable[str | int]) -> list[str]:
    """Return the keys that stand beside the one at `location`."""
    for part in location:
        if isinstance(part, int):
            continue
        table = table.model_fields[part].annotation
        if get_origin(table) is list:
            table = get_args(table)[0]
    return list(table.model_fields) if hasattr(table, "model_fields") else []
