"""How many planted faults the scan finds, and what else it finds that the clean file has not."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from tests.planner.data.planted import copies, masks, texts, turns, whole
from tests.planner.data.planted.file import WHOLE_FILE, File, Plant

PLANTS: dict[str, Plant] = whole.PLANTS | turns.PLANTS | copies.PLANTS | texts.PLANTS | masks.PLANTS
"""Each fault by the name of its finding."""
SEED = 2_026


@dataclass(frozen=True)
class Score:
    """What the scan says of one fault."""

    planted: int
    """Rows that have it and were not found before; 1 for a file that has it as a whole."""
    found: int
    """Of them."""
    false: int
    """Others that are found, and were not before it was planted."""


@cache
def score(fault: str, file: File, seed: int) -> Score | None:
    """Plant a fault and look for it; None where these rows cannot have it, or all do."""
    planted = PLANTS[fault](file, Random(f"{fault} {seed}"))
    if planted is None:
        return None
    found = _rows_found(planted.faulty)[fault]
    before = _rows_found(planted.clean)[fault]
    sought = planted.at - before
    if not sought:
        return None
    return Score(len(sought), len(sought & found), len(found - before - planted.at))


@cache
def _rows_found(file: File) -> dict[str, frozenset[int]]:
    """Return the numbers of the rows that each finding names, or that it is the file's."""
    found: dict[str, frozenset[int]] = dict.fromkeys(PLANTS, frozenset())
    for finding in file.report().findings:
        found[finding.id] |= frozenset(finding.rows) or WHOLE_FILE
    return found


def table(name: str, file: File, seed: int) -> Iterator[str]:
    """Yield a line for each fault: how many were planted and found, and false alarms."""
    yield f"{name}: {len(file.rows):,} rows, seed {seed}"
    yield "  fault                planted  found  false alarms"
    for fault in PLANTS:
        told = score(fault, file, seed)
        if told:
            yield f"  {fault:20} {told.planted:7,} {told.found:6,} {told.false:13,}"
        else:
            yield f"  {fault:20}       -  these rows cannot have it, or all do"
