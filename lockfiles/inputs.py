"""The tables of a lock for the inputs of a run: intent, model, template and rows."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lockfiles import known, limits
from lockfiles.fields import (
    FEW_KEYS,
    Commit,
    DataFileName,
    DataSource,
    Date,
    EndText,
    Family,
    Label,
    LayerKinds,
    ModelFileName,
    ModelSource,
    Name,
    OwnFact,
    Revision,
    RoleOfAName,
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
BAD_ROWS = 0.05


class Intent(Table):
    """The answers that the lock was planned from."""

    digest: Sha256
    """Of the normalized `run.toml`, with local paths replaced by logical names."""
    name: Name
    origin: Annotated[
        dict[Annotated[str, one_of(known.ANSWERS)], Literal["given", "default", "detected"]],
        FEW_KEYS,
    ]
    """Where each answer came from."""


class Decision(Table):
    """The verdict of the checklist."""

    verdict: Literal["prompt-engineering", "rag", "fine-tuning", "fine-tuning-and-rag"]
    reasons: list[Sentence] = Field(max_length=20, fail_fast=True)
    against: list[Sentence] = Field(max_length=20, fail_fast=True)
    overridden: Sentence
    """The person's reason to fine-tune against the verdict; empty where there is none."""


class ModelFile(Table):
    """One file of the base model."""

    name: ModelFileName
    size_bytes: SizeBytes
    sha256: Sha256


class Architecture(Table):
    """The facts of `config.json` that the plan used (`planner.models.architecture`)."""

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
    own: dict[OwnFact, Width | LayerKinds] = Field(
        default_factory=dict, max_length=limits.MOST_OWN_FACTS
    )
    """Further facts that only its family has, such as the heads of linear attention; `layers` has
    one letter for each layer. Omitted where it is empty."""

    @model_serializer(mode="wrap")
    def _with_own(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return {name: value for name, value in found.items() if value or name != "own"}


class Model(Table):
    """The base model, pinned."""

    source: ModelSource
    revision: Revision
    """The branch, tag or commit that was requested; empty for a local folder."""
    commit: Commit
    """The resolved commit, 40 hex digits; empty for a local folder."""
    license: Label
    gated: bool
    family: Family
    """The `model_type` of the decoder."""
    parameters: int = Field(gt=0, le=limits.MOST_PARAMETERS)
    dtype: str = Field(pattern=r"^[A-Z0-9_]{2,12}$")
    """The most common stored type, as safetensors names it: `BF16`."""
    context_tokens: int = Field(gt=0, le=limits.MOST_CONTEXT_TOKENS)
    architecture: Architecture
    files: list[ModelFile] = Field(min_length=1, max_length=limits.MOST_MODEL_FILES, fail_fast=True)


class Template(Table):
    """How messages are rendered, and which tokens are scored."""

    source: Literal["model", "local:template", "training"]
    """`training` is a variant of the model's own template, used in training only."""
    sha256: Sha256
    date: Date
    """The fixed date for templates that print today's date."""
    pad_id: int = Field(ge=0, le=limits.MOST_TOKEN_ID)
    end_ids: list[Annotated[int, Field(ge=0, le=limits.MOST_TOKEN_ID)]] = Field(
        min_length=1, max_length=100, fail_fast=True
    )
    """The tokens that end an answer."""
    loss_mask: Literal["assistant-turns-with-end"]
    golden_sha256: Sha256
    """Of a fixed conversation, rendered."""
    answer_end: EndText = ""
    """The end token of an answer, with white space before it, that the template prints only when
    the next turn begins: it is scored, and added to a last answer. Omitted where the template
    prints an end."""
    call_end: EndText = ""
    """The same of a turn that calls functions."""

    @model_serializer(mode="wrap")
    def _without_ends(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return {key: value for key, value in found.items() if value or not key.endswith("_end")}


class DataFile(Table):
    """One file of a dataset on the Hub."""

    name: DataFileName
    size_bytes: SizeBytes
    sha256: Sha256


class Data(Table):
    """One split of the rows."""

    split: SplitName
    """`general` rows are listed separately; they are also at the end of the `train` rows."""
    source: DataSource
    revision: Revision = ""
    """The branch, tag or commit of the dataset; empty for a local file."""
    commit: Commit = ""
    """The resolved commit, 40 hex digits; empty for a local file."""
    config: Label = ""
    """The config of the dataset; empty for a local file."""
    hub_split: Label = ""
    """The dataset's name for the split; empty for a local file."""
    format: Literal[
        "messages", "sharegpt", "alpaca", "prompt-completion", "columns", "classification", "text",
        "preference", "feedback", "mixed",
    ]  # fmt: skip
    """The format of the rows; `mixed` where they differ."""
    prompt_column: Label
    completion_column: Label
    system: System
    """The system message for rows without their own; empty adds none. For a classification, its
    instruction."""
    fraction: float = Field(ge=0, le=limits.MOST_FRACTION)
    """The share of the source that was split off for validation; 0 where the split is an entire
    file. For general rows, their requested share of the training rows."""
    split_seed: Seed
    """Seed for the choice of validation rows or of general rows."""
    split_by: Literal["rows", "groups", "groups-and-labels"] = "rows"
    """How rows are split off: one by one, in groups with nearly the same prompt, or in such groups
    per label."""
    rows: SomeRows
    sha256: Sha256
    """Of the split's rows in canonical JSON, in order."""
    tokens_sha256: Sha256
    """Of the split's token ids and loss masks; all but test rows are truncated as in training."""
    files: list[DataFile] = Field(
        default_factory=list, max_length=limits.MOST_DATA_FILES, fail_fast=True
    )
    """The dataset's files that contain the split; empty for a local file."""
    roles: list[RoleOfAName] = Field(
        default_factory=list, max_length=limits.MOST_TARGETS, fail_fast=True
    )
    """The roles of speakers whose names are not understood, as `npc=assistant`. Omitted where there
    are none."""
    labels: list[Label] = Field(default_factory=list, max_length=limits.MOST_LABELS, fail_fast=True)
    """The labels of a classification's training rows, sorted. Omitted for other rows and splits."""
    bad_rows: float = Field(default=BAD_ROWS, ge=0, le=limits.MOST_FRACTION)
    """The largest share of a file's rows that may be dropped as unreadable. Omitted where it is the
    default, 0.05."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return {key: value for key, value in found.items() if _OMITTED.get(key) != value}


_OMITTED: Mapping[str, object] = {"bad_rows": BAD_ROWS, "labels": [], "roles": []}
"""Keys that are omitted where they have their default, as in locks before revision 4."""


class Fix(Table):
    """One step that cleans the rows of a file before training; the file is not modified."""

    source: SplitName
    step: Literal["drop", "redact", "dedupe", "truncate", "split"]
    what: Name
    """The finding that it fixes."""
    rows: Rows
    """Rows that it drops or changes."""
