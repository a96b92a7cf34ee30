"""Checks that the small files of a model have values that transformers can load.

transformers validates some fields when training starts, and others fail even later. Both are
refused here, each with one sentence.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from planner.models.families import FAMILIES
from planner.models.field_types import wrong_types
from planner.models.folder import CONFIG
from planner.models.loadable_kinds import FILES, RESERVED, Is
from planner.models.rope import check_rope
from planner.models.shapes import config_json


def check_loadable(folder: Path) -> None:
    """Raise UsageProblem if a field in a model's small files has a wrong type.

    Missing files are skipped.
    """
    for name, kinds in FILES.items():
        path = folder / name
        if not path.is_file():
            continue
        values = config_json.read(path)
        inner = values.get("text_config") if name == CONFIG else None
        for one in (values, *([inner] if isinstance(inner, Mapping) else [])):
            _check_kinds(one, kinds, path)
            if name == CONFIG:
                _check_names(one, path)
                _check_types(one, path)
                _check_together(one, path)
                check_rope(one, one.get("model_type", values.get("model_type")), path)


def _check_kinds(
    values: Mapping[str, Any], kinds: Mapping[str, tuple[Is, str]], path: Path
) -> None:
    for key, (fits, kind) in kinds.items():
        value = values.get(key)
        if value is not None and not fits(value):
            raise _wrong(key, value, path, f"must be {kind}")


def _check_types(values: Mapping[str, Any], path: Path) -> None:
    for key, kind in wrong_types(values):
        value = "null" if values[key] is None else values[key]
        raise _wrong(key, value, path, f"must be {kind}")


def _check_names(values: Mapping[str, Any], path: Path) -> None:
    """Refuse fields that would replace attributes of the configuration class."""
    for key in values:
        kind = values.get("model_type")
        family = FAMILIES.get(kind) if isinstance(kind, str) else None
        if family and key in family.written:
            continue
        if key in RESERVED or key.startswith("__"):
            raise UsageProblem(
                f"`{path}` has the reserved field `{one_line(key, most=60)}`.",
                fix=Advice(f"copy or download `{path.name}` again"),
            )


def _check_together(values: Mapping[str, Any], path: Path) -> None:
    """Refuse a padding token beyond the embedding, and a wrong number of layer types."""
    pad, vocabulary = values.get("pad_token_id"), values.get("vocab_size")
    beyond = type(pad) is int and type(vocabulary) is int and pad >= vocabulary > 0
    beyond = beyond and _pads(values.get("model_type"))
    if isinstance(pad, list) or beyond:
        raise _wrong("pad_token_id", pad, path, "must be one token id below `vocab_size`")
    types, layers = values.get("layer_types"), values.get("num_hidden_layers")
    if isinstance(types, list) and type(layers) is int and len(types) != layers:
        raise _wrong("layer_types", types, path, f"must have {layers:,} items")


def _pads(kind: object) -> bool:
    """Return whether a family's embedding is created with a padding token."""
    return not isinstance(kind, str) or kind not in FAMILIES or FAMILIES[kind].padding_row


def _wrong(key: str, value: Any, path: Path, what: str) -> UsageProblem:
    return UsageProblem(
        f"`{key}` in `{path}` is `{one_line(value, most=60)}`, but {what}.",
        fix=Advice(f"copy or download `{path.name}` again"),
    )
