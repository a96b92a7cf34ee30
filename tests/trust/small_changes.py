"""Changes of a lock's training settings that a stranger might hope nobody sees: small, possible."""

import copy
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from lockfiles import lock as locks
from tests.fuzz.bases import Base, text_of

TABLES: dict[str, type[BaseModel]] = {
    "method": locks.Method, "train": locks.Train, "stream": locks.Stream,
    "exactness": locks.Exactness,
}  # fmt: skip


def changes(base: Base) -> Iterator[tuple[str, str]]:
    """Yield locks that differ from a base in one setting, each with the change in words."""
    for table, model in TABLES.items():
        for key, value in base.tables[table].items():
            for other in _others(value, model.model_fields[key].annotation):
                tables = copy.deepcopy(base.tables)
                tables[table][key] = other
                yield text_of(tables), f"{table}.{key}: {value!r:.40} → {other!r:.40}"
    for key, sentence in base.tables["why"].items():
        tables = copy.deepcopy(base.tables)
        tables["why"][key] = "".join("7" if sign.isdigit() else sign for sign in sentence)
        if tables["why"][key] != sentence:
            yield text_of(tables), f"why.{key}: its numbers changed"


def _others(value: Any, annotation: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return sorted({value + 1, max(0, value - 1), value * 2, max(1, value // 2)} - {value})
    if isinstance(value, float):
        return sorted({value * 1.5, value / 2, 0.1, 0.0} - {value})
    if isinstance(value, str):
        return [one for one in get_args(annotation) if isinstance(one, str) and one != value]
    if isinstance(value, list) and len(value) > 1:
        return [value[1:], value[::-1], [*value, value[0]]]
    return []
