"""Every value of a lock replaced by what it should never be: a lock, or one sentence, quickly."""

import copy
import datetime
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from lockfiles import harmless, lock
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from planner.plan.gather import gather
from planner.plan.integrity import integrity
from planner.plan.plan import plan
from tests.few import few
from tests.planned import MACHINE, answers, few_rows

Place = tuple[str | int, ...]
HOSTILE: tuple[object, ...] = (
    "", " ", "x", "train", "../../etc/passwd", "/etc/passwd", "~nobody", "hf:a", "hf:a--b/c",
    "hf:../x", "local:UNKNOWN", "local:model", "a/b", "\x1b[2J", "a\nerror: forged", "\u202eabc",
    "\u2028", "\x00", "$(id)", "`id`", "{{ x }}", "%s%n", "{0}", "x" * 2000, "0" * 64, "0" * 40,
    True, False, 0, 1, -1, 2, 3, 100, 1001, 2**31, 2**32, 2**53, 2**63, 10**12, 10**18, 10**400,
    0.0, -0.0, 0.5, 1.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf"),
    [], [[]], ["x"], [0], [True], ["x"] * 3000, [{}], {}, {"x": "y"}, {"x": {"y": [1]}},
    {"\n": "x"}, {"\u202e": 1}, {f"k{n}": n for n in range(300)},
    datetime.date(2024, 7, 26), datetime.time(1, 2), datetime.datetime(2024, 7, 26, 1, 2),
)  # fmt: skip
MOST_SECONDS = 2.0


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The demo's lock as plain tables."""
    folder = few_rows(tmp_path_factory.mktemp("values"))
    made = answers(train__epochs=2, results__push_to="someone/tuned")
    return plan(made, gather(made, folder, machine=MACHINE)).model_dump()


def places(value: object, at: Place = ()) -> Iterator[Place]:
    """Yield the place of everything in some tables: of tables and lists, too."""
    inner = value.items() if isinstance(value, dict) else []
    for key, one in enumerate(value) if isinstance(value, list) else inner:
        yield (*at, key)
        yield from places(one, (*at, key))


def changed(tables: dict[str, Any], at: Place, value: object, *, key: str = "") -> str:
    """Return the text of a lock with one value replaced, and the digests made for it.

    With `key` it is the value's key that is replaced.
    """
    other = copy.deepcopy(tables)
    within: Any = other
    for part in at[:-1]:
        within = within[part]
    if key and isinstance(within, dict):
        within[key] = within.pop(at[-1])
    else:
        within[at[-1]] = value
    with suppress(Exception):  # of tables that are no lock's there are no digests
        other["integrity"] = {str(name): one for name, one in integrity(other).items()}
    return toml.write(other)


def check(text: str) -> bool:
    """Return whether a text is a lock; where it is none, that must be said in one sentence."""
    began = time.process_time()
    try:
        made = lock.parse(text)
    except UsageProblem as problem:
        assert problem.hint and len(problem.message) < 600, problem.message
        assert harmless.is_harmless(problem.message) or "not valid TOML" in problem.message
        return False
    finally:
        assert time.process_time() - began < MOST_SECONDS
    assert lock.parse(lock.write(made)) == made
    for shown in map(str, texts(made.model_dump())):
        assert harmless.is_harmless(shown.replace("\n", ""))
    return True


def texts(value: object) -> Iterator[object]:
    """Yield all texts and keys of some tables, but for the system message, which has lines."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


def test_the_demo_is_a_lock(tables: dict[str, Any]) -> None:
    assert check(toml.write(tables))


@pytest.mark.parametrize("draws", few([0, 700]))
def test_every_value_is_held_to_its_meaning(tables: dict[str, Any], draws: int) -> None:
    draw = random.Random(12)
    everywhere = list(places(tables))
    drawn = [(at, draw.choice(HOSTILE)) for at in everywhere]
    drawn += [(draw.choice(everywhere), draw.choice(HOSTILE)) for _ in range(draws)]
    accepted = [(at, value) for at, value in drawn if check(changed(tables, at, value))]
    assert 0 < len(accepted) < len(drawn) / 5


@pytest.mark.parametrize("key", few(range(7)))
def test_every_key_is_known(tables: dict[str, Any], key: int) -> None:
    name = (" ", "x", "a\nb", "\u202e\x1b[2J", "k" * 5000, "a.b", "[key]")[key]
    for at in list(places(tables))[key // 3 :: 3]:
        if isinstance(at[-1], str) and at[0] != "integrity":
            assert not check(changed(tables, at, None, key=name))


def test_every_key_that_is_missing_is_named_or_has_a_default(tables: dict[str, Any]) -> None:
    for at in places(tables):
        other = copy.deepcopy(tables)
        within: Any = other
        for part in at[:-1]:
            within = within[part]
        del within[at[-1]]
        check(toml.write(other))


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 500_000) + " = 1",
        ".".join(['"a"'] * 300_000) + " = 1",
        "".join(f"a{n} = 1\n" for n in range(110_000)),
        "[intent.origin]\n" + "".join(f"a{n} = 1\n" for n in range(110_000)),
        "data = [" + "{}," * 300_000 + "]",
        "[" + " " * 900_000 + "x",
        "x = " + "[" * 500_000,
        "x = 0x" + "f" * 900_000,
        'x = "' + '\\"' * 900_000,
        "x = '''" + "'" * 900_000,
        "#" * 5_000_000,
        "[[rejected]]\n" * 70_000,
    ],
    ids=range(12),
)
def test_what_costs_most_to_read_is_refused_before_it_costs(text: str) -> None:
    assert not check(text)
