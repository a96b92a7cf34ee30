"""Locks of earlier revisions, as the tables of the newest one.

A migrated lock means what it meant, and its stages keep their digests.
"""

from typing import Any

from lockfiles.stage_kinds.registry import KINDS

Raw = dict[str, Any]
"""The tables of a lock before their types are checked."""


def migrated(tables: Raw) -> Raw:
    """Return the tables of a lock of any revision in the form of the newest.

    Tables that do not have the form of their revision are returned unchanged, and fail to parse.
    """
    revision = tables.get("revision")
    if revision in (0, 1):
        tables = _with_stage_ids(tables)
    if revision in (0, 1, 2):
        tables = _with_objective(_with_license(tables))
    return tables


def _with_stage_ids(tables: Raw) -> Raw:
    """Before revision 2 a stage was named by its kind, and its inputs followed from its name."""
    stages = tables.get("stage")
    if not isinstance(stages, list) or not all(isinstance(one, dict) for one in stages):
        return tables
    before: list[str] = []
    made = []
    for one in stages:
        name = one.get("name")
        if not isinstance(name, str) or "kind" in one or "id" in one:
            return tables
        rest = {key: value for key, value in one.items() if key != "name"}
        inputs = [one for one in before if name in KINDS and KINDS[name].may_read(one)]
        made.append({"id": name, "kind": name, "inputs": inputs, **rest})
        before.append(name)
    return {**tables, "stage": made}


def _with_license(tables: Raw) -> Raw:
    """Before revision 3 the key was spelled `licence`."""
    model = tables.get("model")
    if not isinstance(model, dict) or "license" in model:
        return tables
    names = {"licence": "license"}
    return {**tables, "model": {names.get(key, key): value for key, value in model.items()}}


def _with_objective(tables: Raw) -> Raw:
    """Before revision 3 the objective was named by `method.objective`, and had no table."""
    method = tables.get("method")
    if not isinstance(method, dict) or "objective" not in method or "objective" in tables:
        return tables
    rest = {key: value for key, value in method.items() if key != "objective"}
    return {**tables, "objective": {"name": method["objective"]}, "method": rest}
