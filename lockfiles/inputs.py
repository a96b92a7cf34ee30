"""The tables of a lock for what a run is made from: the intent, the model, the rows."""

from typing import Annotated, Literal

from pydantic import Field

from lockfiles import known, limits
from lockfiles.fields import (
    FEW_KEYS,
    Commit,
    DataFileName,
    DataSource,
    Date,
    Label,
    ModelFileName,
    ModelSource,
    Name,
    Revision,
    Rows,
    Seed,
    Sentence,
    Sha256,
    SizeBytes,
    SomeRows,
    SomeWidth,
    System,
    Table,
    Width,
    one_of,
)

SplitName = Literal["train", "validation", "test", "general"]


class Intent(Table):
    """What the lock was planned from."""

    digest: Sha256
    """Of the normalised `run.toml`: local paths replaced by their logical names."""
    name: Name
    origin: Annotated[
        dict[Annotated[str, one_of(known.ANSWERS)], Literal["given", "default", "detected"]],
        FEW_KEYS,
    ]
    """For each answer where it came from, never by which face."""


class Decision(Table):
    """What the checklist recommends."""

    verdict: Literal["prompt-engineering", "rag", "fine-tuning", "fine-tuning-and-rag"]
    reasons: list[Sentence] = Field(max_length=20, fail_fast=True)
    against: list[Sentence] = Field(max_length=20, fail_fast=True)
    overridden: Sentence
    """The person's reason to go on against the verdict; empty where there was none."""


class ModelFile(Table):
    """One file of the base model."""

    name: ModelFileName
    size_bytes: SizeBytes
    sha256: Sha256


class Architecture(Table):
    """The facts of its `config.json` that the plan counted with (`planner.models.architecture`)."""

    hidden: SomeWidth
    layers: SomeWidth
    heads: SomeWidth
    kv_heads: SomeWidth
    head_dim: SomeWidth
    intermediate: SomeWidth
    vocabulary: SomeWidth
    tied: bool
    qk_norm: bool
    bias: bool
    experts: Width = 0
    experts_per_token: Width = 0
    moe_intermediate: Width = 0
    shared_intermediate: Width = 0
    dense_layers: Width = 0
    gated_mlp: bool = True
    sliding_window: Width = 0
    sliding_every: Width = 0
    mlp_bias: bool = False
    o_bias: bool = False
    soft_cap: bool = False
    norms_per_layer: int = Field(default=2, ge=1, le=4)
    head_bias: bool = False


class Model(Table):
    """The base model, pinned."""

    source: ModelSource
    revision: Revision
    """As asked for; empty for a local folder."""
    commit: Commit
    """As resolved: 40 hex digits; empty for a local folder."""
    license: Label
    gated: bool
    family: Annotated[str, one_of(known.FAMILIES)]
    """`model_type` of its decoder."""
    parameters: int = Field(gt=0, le=limits.MOST_PARAMETERS)
    dtype: str = Field(pattern=r"^[A-Z0-9_]{2,12}$")
    """The commonest stored type, as safetensors names it: `BF16`."""
    context_tokens: int = Field(gt=0, le=limits.MOST_CONTEXT_TOKENS)
    architecture: Architecture
    files: list[ModelFile] = Field(min_length=1, max_length=limits.MOST_MODEL_FILES, fail_fast=True)


class Template(Table):
    """How messages become text, and which tokens are scored."""

    source: Literal["model", "local:template", "training"]
    """`training` is the variant of the model's own that training needs; the model keeps its own."""
    sha256: Sha256
    date: Date
    """What a template that prints today's date prints, on every day."""
    pad_id: int = Field(ge=0, le=limits.MOST_TOKEN_ID)
    end_ids: list[Annotated[int, Field(ge=0, le=limits.MOST_TOKEN_ID)]] = Field(
        min_length=1, max_length=100, fail_fast=True
    )
    """The tokens that end an answer."""
    loss_mask: Literal["assistant-turns-with-end"]
    golden_sha256: Sha256
    """Of the rendering of a fixed conversation."""


class DataFile(Table):
    """One file of a dataset on the Hub."""

    name: DataFileName
    size_bytes: SizeBytes
    sha256: Sha256


class Data(Table):
    """One split of the rows."""

    split: SplitName
    """`general` rows stand at the end of those of `train`, and here once more by themselves."""
    source: DataSource
    revision: Revision = ""
    """The branch, tag or commit where the dataset was found; empty for a local file."""
    commit: Commit = ""
    """As resolved: 40 hex digits; empty for a local file."""
    config: Label = ""
    """Of the dataset; empty for a local file."""
    hub_split: Label = ""
    """As the dataset calls it; empty for a local file."""
    format: Literal[
        "messages", "sharegpt", "alpaca", "prompt-completion", "columns", "text", "preference",
        "feedback", "mixed",
    ]  # fmt: skip
    """Of its rows; `mixed` where they have several."""
    prompt_column: Label
    completion_column: Label
    system: System
    """Put before each row that has no system message of its own; empty adds none."""
    fraction: float = Field(ge=0, le=limits.MOST_FRACTION)
    """The validation share that was split off the source; 0 where the split is a whole file.
    Of general rows the share of the training rows that they were to be."""
    split_seed: Seed
    """Chooses which rows are split off, or which general ones are taken."""
    split_by: Literal["rows", "groups", "groups-and-labels"] = "rows"
    """What is split off: single rows, groups of rows that ask nearly the same, or those of each
    label; locks from before it was asked drew single rows."""
    rows: SomeRows
    sha256: Sha256
    """Of the canonical rows of this split, in their order."""
    tokens_sha256: Sha256
    """Of its token ids and loss masks: cut as training sees them, test rows whole."""
    files: list[DataFile] = Field(
        default_factory=list, max_length=limits.MOST_DATA_FILES, fail_fast=True
    )
    """Those of the dataset that hold the rows of its split; none for a local file."""


class Fix(Table):
    """One step that mends the rows of a file before they are trained on; the file stays."""

    source: SplitName
    step: Literal["drop", "redact", "dedupe", "truncate", "split"]
    what: Name
    """The finding that it mends."""
    rows: Rows
    """Rows that it leaves out or changes."""
