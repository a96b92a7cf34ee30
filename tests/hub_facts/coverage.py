"""Which share of the downloads on the Hub the program's families and catalogue cover."""

from collections.abc import Iterable

from planner.catalogue import lookup
from planner.models.families import FAMILIES, TEXT_FAMILIES
from tests.hub_facts.table import HubFamily, HubModel, families, models


def has_family(model_type: str) -> bool:
    """Return whether the program has the family of this `model_type`."""
    return TEXT_FAMILIES.get(model_type, model_type) in FAMILIES


def of_families() -> float:
    """Return the share of downloads of models whose family the program has."""
    found = families()
    return _sum(one for one in found if has_family(one.model_type)) / _sum(found)


def of_catalogue() -> float:
    """Return the share of downloads of the models that the catalogue names.

    Models that are not in the table count as not downloaded.
    """
    named = {name.lower() for name in lookup.model_ids()}
    return _sum(one for one in models() if one.name.lower() in named) / _sum(families())


def families_missing() -> list[HubFamily]:
    """Return the families that the program lacks, the most downloaded first."""
    return [one for one in families() if not has_family(one.model_type)]


def models_missing() -> list[HubModel]:
    """Return the models of known families that the catalogue lacks, the most downloaded first."""
    named = {name.lower() for name in lookup.model_ids()}
    return [one for one in models() if has_family(one.model_type) and one.name.lower() not in named]


def _sum(rows: Iterable[HubFamily | HubModel]) -> int:
    return sum(one.downloads for one in rows)
