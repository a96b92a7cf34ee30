"""Compares the program's tables with public facts: `python -m tests.hub_facts`.

With the path of a wheel of llmfit and a month, the facts are read from it anew:
`python -m tests.hub_facts llmfit-1.1.17-py3-none-manylinux_2_17_x86_64.whl 2026-10`.
"""

import sys
from pathlib import Path

from planner.catalogue import lookup
from tests.hub_facts import coverage, differences, llmfit, table

MOST_SHOWN = 20


def main(arguments: list[str]) -> int:
    """Print the shares, what is missing and what differs; return 1 if any row differs."""
    if arguments:
        _collect(Path(arguments[0]), arguments[1])
    families = coverage.families_missing()
    print(f"Facts of {table.seen()}, {sum(one.models for one in table.families()):,} models.")
    print(f"Families cover {coverage.of_families():.1%} of the downloads.")
    print(f"The catalogue covers {coverage.of_catalogue():.1%}: {len(lookup.model_ids())} models.")
    print("\nFamilies that are missing, by downloads:")
    for one in families[:MOST_SHOWN]:
        print(f"{one.downloads:>12,}  {one.model_type}")
    print("\nModels of known families that are missing, by downloads:")
    for model in coverage.models_missing()[:MOST_SHOWN]:
        print(f"{model.downloads:>12,}  {model.name}")
    print(f"\nNot in the facts: {', '.join(differences.unknown()) or 'none'}.")
    found = differences.differences()
    print("\n".join(["\nRows that differ:", *found]) if found else "\nNo row differs.")
    return 1 if found else 0


def _collect(wheel: Path, month: str) -> None:
    """Read the facts from a wheel and write them into `tests/data/hub`."""
    names = lookup.model_ids()
    found = llmfit.read(wheel, names)
    ours = {name.lower() for name in names}
    kept = [
        one for one in found if one.downloads >= llmfit.LEAST_DOWNLOADS or one.name.lower() in ours
    ]
    table.write(month, kept, llmfit.by_family(one for one in found if one.downloads))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
