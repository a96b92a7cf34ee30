"""Values of a rehearsal and of a machine's facts replaced by what they should never be."""

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.harmless import is_harmless
from planner.machines import saved as machine
from planner.plan.gather import gather
from planner.search import rehearsal
from tests.few import few
from tests.lockfiles.test_values import HOSTILE, places
from tests.planned import answers, few_rows
from tests.planner.machines import recorded
from tests.planner.search.test_rehearsal import GPU_MACHINE, ON_CARD, chosen
from tests.planner.search.test_rehearsal import rehearsal as made

DRAWS = 200


def spoiled(value: dict[str, Any], draw: random.Random) -> str:
    """Return JSON in which one value is another one."""
    other = copy.deepcopy(value)
    *outer, last = draw.choice(list(places(other)))
    within: Any = other
    for part in outer:
        within = within[part]
    within[last] = draw.choice([one for one in HOSTILE if not hasattr(one, "isoformat")])
    return json.dumps(other)


def refused(read: Callable[[Path], object], path: Path, text: str) -> bool:
    """Return whether a file is refused; where it is, in one sentence."""
    path.write_text(text)
    try:
        read(path)
    except UsageProblem as problem:
        assert is_harmless(problem.message) and len(problem.message) < 700
        return True
    return False


def test_a_machine_is_read_or_refused(tmp_path: Path) -> None:
    path, draw = tmp_path / "m.json", random.Random(3)
    recorded.facts(tmp_path, "h100-busy").save(path)
    value = json.loads(path.read_text())
    found = [refused(machine.load, path, spoiled(value, draw)) for _ in range(DRAWS)]
    assert DRAWS / 2 < sum(found) < DRAWS


def test_a_rehearsal_is_read_or_refused(tmp_path: Path) -> None:
    path, draw = tmp_path / "rehearsal.json", random.Random(4)
    asked = answers(**ON_CARD)
    facts = gather(asked, few_rows(tmp_path), machine=GPU_MACHINE)
    value = made(chosen(asked, facts), facts).model_dump(mode="json")
    found = [refused(rehearsal.load, path, spoiled(value, draw)) for _ in range(DRAWS)]
    assert DRAWS / 2 < sum(found) < DRAWS


@pytest.mark.parametrize("read", [machine.load, rehearsal.load])
@pytest.mark.parametrize(
    "text",
    few(["[" * 200_000, "null", "", '{"a":' * 100_000, "9" * 5000, '"x"', "{" * 9, " " * 10**7]),
)
def test_what_is_no_such_file_is_refused(
    tmp_path: Path, read: Callable[[Path], object], text: str
) -> None:
    assert refused(read, tmp_path / "x.json", text)
