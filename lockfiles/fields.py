"""The types of a lock's values: every text is harmless and bounded, every number finite.

Free text in a lock is only ever shown. Values that the program acts on (a name, a source, a
digest) have a pattern.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from lockfiles import limits
from lockfiles.harmless import is_harmless


class Table(BaseModel):
    """A table of a lock: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def harmless(text: str) -> str:
    """Return a text unchanged. Raises a validation error for line breaks and control characters."""
    if not is_harmless(text):
        raise PydanticCustomError("harmful", "must be text on one line, without control characters")
    return text


def one_of(names: frozenset[str]) -> AfterValidator:
    """Return a validator for a closed set of names that is too long to list in an error."""

    def check(text: str) -> str:
        if text not in names:
            raise PydanticCustomError("unknown_name", "is not a known name")
        return text

    return AfterValidator(check)


def _few(table: object) -> object:
    if isinstance(table, dict) and len(table) > _MOST_KEYS:
        raise PydanticCustomError("too_many_keys", f"must have at most {_MOST_KEYS} keys")
    return table


def _system(text: str) -> str:
    harmless(text.replace("\n", " ").replace("\t", " "))
    return text


def _hub_name(source: str) -> str:
    """Refuse names that the Hub does not allow (`huggingface_hub.utils.validate_repo_id`)."""
    if "--" in source or ".." in source or source.endswith((".git", ".", "-")):
        raise PydanticCustomError("hub_name", "must be the name of a repository on the Hub")
    return source


_MOST_KEYS = 200
FEW_KEYS = BeforeValidator(_few)
"""Limits the number of keys of an open table, before any key is validated."""
PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
"""The pattern of an owner or a repository name on the Hub."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")]
"""40 hex digits; empty for a local file or folder."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Sentence = Annotated[str, Field(max_length=limits.MOST_SENTENCE_CHARS), AfterValidator(harmless)]
Label = Annotated[str, Field(max_length=limits.MOST_LABEL_CHARS), AfterValidator(harmless)]
Revision = Annotated[str, Field(pattern=r"^[!-~]{0,200}$")]
"""A branch, tag or commit as requested; only shown, since the commit is what is fetched."""
System = Annotated[str, Field(max_length=limits.MOST_SYSTEM_CHARS), AfterValidator(_system)]
"""A system message; unlike other texts it may have several lines."""
EndText = Annotated[str, Field(pattern=r"^([\n ]{0,8}\S{1,100})?$"), AfterValidator(_system)]
"""One end token as text, with white space before it."""
Version = Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.!]{0,39}$")]
"""Of a package, without a local label such as `+cpu`."""
Date = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$")]
"""A day that every month has."""

RoleOfAName = Annotated[str, Field(pattern=rf"^{limits.ROLE_OF_A_NAME}$"), AfterValidator(harmless)]

HubName = Annotated[str, Field(pattern=rf"^{PART}/{PART}$"), AfterValidator(_hub_name)]
"""`owner/name`."""
ModelSource = Annotated[
    str, Field(pattern=rf"^(local:model|hf:({PART}/)?{PART})$"), AfterValidator(_hub_name)
]
DataSource = Annotated[
    str,
    Field(pattern=rf"^(local:(train|validation|test|general)|hf:({PART}/)?{PART})$"),
    AfterValidator(_hub_name),
]
ModelFileName = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,199}\.(json|jinja|model|safetensors)"
        r"|additional_chat_templates/[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.jinja)$"
    ),
]
"""A file name in the model's folder, with an extension that is read; further chat templates are in
a folder of their own."""
_NAME_PART = r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*"
_DATA_FILE_NAME = rf"^{_NAME_PART}(/{_NAME_PART})*$"
InnerPath = Annotated[
    str,
    Field(pattern=_DATA_FILE_NAME, max_length=1000),
    AfterValidator(harmless),
]
"""A relative path with `/` between its parts that stays inside its folder."""
DataFileName = InnerPath
"""A file of a dataset: any name that stays inside the dataset's folder."""

SizeBytes = Annotated[int, Field(ge=0, le=limits.MOST_BYTES)]
Rows = Annotated[int, Field(ge=0, le=limits.MOST_ROWS)]
SomeRows = Annotated[int, Field(ge=1, le=limits.MOST_ROWS)]
Width = Annotated[int, Field(ge=0, le=limits.MOST_WIDTH)]
"""A dimension of a model or a number of parts; 0 where it has none."""
SomeWidth = Annotated[int, Field(ge=1, le=limits.MOST_WIDTH)]
Family = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""The `model_type` of a decoder; the planner knows which ones there are."""
OwnFact = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""The name of a fact that only some families of models have."""
LayerKinds = Annotated[str, Field(pattern=r"^[a-zA-Z]+$", max_length=limits.MOST_LAYERS)]
"""A letter for each layer of a model."""
Seed = Annotated[int, Field(ge=0, le=limits.MOST_SEED)]
Seconds = Annotated[float, Field(ge=0, le=limits.MOST_SECONDS)]


def is_data_file_name(name: str) -> bool:
    """Return whether a name is allowed for a dataset's file in a lock."""
    return bool(re.fullmatch(_DATA_FILE_NAME, name)) and len(name) <= 1000 and is_harmless(name)


def tables_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the table types in a field's annotation: itself, list items, or union members."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not dict:
        for inner in get_args(annotation):
            yield from tables_in(inner)


def keys(table: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of every value in a table, without the indices of list items."""
    for name, field in table.model_fields.items():
        inner = list(tables_in(field.annotation))
        for one in inner:
            yield from keys(one, f"{prefix}{name}.")
        if not inner:
            yield prefix + name
