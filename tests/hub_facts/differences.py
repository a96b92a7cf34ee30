"""Compares every row of the program's catalogue of models with the facts on the Hub."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from planner.catalogue import lookup
from planner.models.architecture import architecture
from tests.hub_facts.table import HubModel, models, seen

ROWS = Path(lookup.__file__).with_name("models.toml")
UNNAMED = "other"
"""What a card says whose license has no identifier on the Hub."""
SPELLINGS: Mapping[str, str] = {"deepseek-license": "deepseek", "llama3.3,gemma": "llama3.3"}
"""Other spellings of a license on the cards of the same makers."""


def rows() -> list[dict[str, Any]]:
    """Return the rows of `models.toml`."""
    return list(tomllib.loads(ROWS.read_text("utf-8"))["model"])


def differences() -> list[str]:
    """Return what each row says that the Hub does not, one sentence each."""
    facts = {one.name.lower(): one for one in models()}
    return [
        f"{name}: {said}"
        for row in rows()
        for name in (*row["names"], *row.get("mirrors", ()))
        if (fact := facts.get(name.lower()))
        for said in of_row(name, row, fact)
    ]


def unknown() -> list[str]:
    """Return the names of the catalogue that the facts do not hold, so that nothing compares."""
    facts = {one.name.lower() for one in models()}
    return [name for name in lookup.model_ids() if name.lower() not in facts]


def of_row(name: str, row: Mapping[str, Any], fact: HubModel) -> Iterator[str]:
    """Yield what a row says of one of its names that the facts do not."""
    stored = row["parameters"] + sum(row.get("not_loaded", {}).values())
    if fact.parameters and stored != fact.parameters:
        yield f"its files hold {fact.parameters:,} parameters, the row {stored:,}"
    spelled = SPELLINGS.get(fact.license, fact.license)
    if name in row["names"] and spelled not in ("", UNNAMED, row["license"]):
        yield f"its license is `{fact.license}`, in the row `{row['license']}`"
    yield from _gate(name, row, fact)
    if fact.readable:
        yield from _shape(name, row, fact)


def _gate(name: str, row: Mapping[str, Any], fact: HubModel) -> Iterator[str]:
    gated, month = row["gated"] and name in row["names"], row.get("seen")
    if gated and fact.readable:
        yield "anyone could read its `config.json`, and the row says that it is gated"
    if not gated and month == seen() and not fact.readable:
        yield f"nothing shows that it was open in {month}: its `config.json` was not read"
    if month != seen() and (gated or fact.readable):
        yield f"its gate was seen in {seen()}, in the row in {month or 'no month'}"


def _shape(name: str, row: Mapping[str, Any], fact: HubModel) -> Iterator[str]:
    shape = architecture(lookup.config_of(row), name)
    for field in ("layers", "hidden", "heads", "kv_heads", "vocabulary"):
        ours, theirs = getattr(shape, field), getattr(fact, field)
        if theirs not in (0, ours):
            yield f"its `{field}` is {theirs}, in the row {ours}"
