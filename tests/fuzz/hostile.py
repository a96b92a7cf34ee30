"""Values that nobody expects, and changes of a tree of them: of TOML's tables or of JSON."""

import copy
import datetime
import re
from collections.abc import Iterator
from random import Random
from typing import Any

TEXTS = (
    "", " ", "\x00", "\x1b[2J\x1b[31mred", "line\nerror: forged", "line\r\nhint: rm -rf ~",
    "\u202egnp.exe", "\u200b", "\ufeff", "../../etc/passwd", "/etc/passwd", "~nobody/x", "~",
    "/dev/zero", "/dev/stdin", "/proc/self/environ", "a" * 10_000, "a/" * 2_000 + "a", "ä" * 300,
    "$(id)", "`id`", "${HOME}", "%s%n", "{0.__class__}", "<script>alert(1)</script>",
    "[bold]x[/bold]", "local:UNKNOWN", "local:train", "hf:a/b", "hf:../..", "http://127.0.0.1:1/",
    "file:///etc/passwd", "NaN", "inf", "-1", "9" * 5_000, "1e999", "null", "true",
    "0x7fffffffffffffff", "2024-02-30", "0000-00-00", "9999-12-31", "١٢٣", "\U000e0041",
    "a\u0300" * 200, "\u2028", "\x85", "con", ".", "..", "-rf", "--help", "train", "__class__",
    "__proto__", "q_proj", "*", ".*", "(a+)+$", "torch==0", "BROWSER", "PYTHONPATH",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 7, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63,
    -(2**63), 2**64, 10**12, 10**18, 10**400, -(10**400), 0.0, -0.0, 0.5, 1.0, 1e-300, 5e-324,
    1.7e308, float("inf"), float("-inf"), float("nan"), 1e-9, 0.999999999, 1e9,
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    True, False, [], {}, [[]], [{}], [1, "a", 2.5], {"": 0}, {"a": {"b": {"c": 1}}},
    datetime.date(2024, 7, 26), datetime.datetime(1, 1, 1), datetime.time(23, 59, 59),
    [0] * 10_000, ["a"] * 3_000, {"x": []},
)  # fmt: skip
Path = tuple[str | int, ...]


DEEP = re.compile('"@deep ([0-9]+)"')


def deepened(text: str) -> str:
    """Return TOML or JSON in which lists in lists stand where a tree holds a mark for them."""
    return DEEP.sub(lambda mark: "[" * int(mark[1]) + "]" * int(mark[1]), text)


def nodes(tree: Any, at: Path = ()) -> Iterator[Path]:
    """Yield where each value of a tree is: the tables, the lists, and what they hold."""
    if at:
        yield at
    inside = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in inside:
        yield from nodes(value, (*at, key))


def get(tree: Any, at: Path) -> Any:
    """Return the value at a path."""
    for key in at:
        tree = tree[key]
    return tree


def words(tree: Any) -> list[Any]:
    """Return every value of a tree that holds no other."""
    found = (get(tree, at) for at in nodes(tree))
    return [value for value in found if not isinstance(value, (dict, list))]


def changed(random: Random, tree: Any, at: Path, known: list[Any]) -> tuple[Any, str]:
    """Return a copy of a tree with one change at a path, and the change in words.

    `known` are values that mean something where they are taken from.
    """
    made = copy.deepcopy(tree)
    holder, key = get(made, at[:-1]), at[-1]
    name = ".".join(map(str, at))
    action = random.random()
    if action < 0.08:
        del holder[key]
        return made, f"{name} removed"
    if action < 0.14 and isinstance(holder, dict):
        other = random.choice([f"{key}s", str(key).upper(), "", "a.b", random.choice(TEXTS)])
        holder[other] = holder.pop(key) if random.random() < 0.5 else random.choice(known)
        return made, f"{name}: the key {other!r:.60} added or renamed"
    if action < 0.2 and isinstance(holder, list):
        return made, f"{name}: {_listed(random, holder, int(key))}"
    value = holder[key]
    if isinstance(value, list) and value and random.random() < 0.6:
        return made, f"{name}: {_listed(random, value, random.randrange(len(value)))}"
    holder[key] = _other(random, value, known)
    return made, f"{name}: {value!r:.60} → {holder[key]!r:.60}"


def _listed(random: Random, values: list[Any], index: int) -> str:
    match random.randrange(6):
        case 0:
            values.insert(index, copy.deepcopy(values[index]))
            return "an item doubled"
        case 1:
            values.clear()
            return "emptied"
        case 2:
            random.shuffle(values)
            return "shuffled"
        case 3:
            values[:] = [
                copy.deepcopy(values[index]) for _ in range(random.choice([2, 100, 3_000]))
            ]
            return "one item many times"
        case 4:
            other = random.randrange(len(values))
            values[index], values[other] = values[other], values[index]
            return "two items swapped"
        case _:
            values.append(random.choice([*TEXTS, *NUMBERS]))
            return "an item added"


def _other(random: Random, value: Any, known: list[Any]) -> Any:
    """Return another value, as often as not one of the same type that might be taken."""
    kind = random.random()
    if kind < 0.12:
        return copy.deepcopy(random.choice(OTHERS))
    if kind < 0.15:
        return f"@deep {random.choice([20, 300, 900, 100_000])}"
    if kind < 0.4:
        alike = [one for one in known if type(one) is type(value)]
        return random.choice(alike or known)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int) and kind < 0.8:
        return random.choice(
            [value + 1, value - 1, value * 2, value // 2, -value, value * 10**6, float(value)]
        )
    if isinstance(value, float) and kind < 0.8:
        return random.choice([value * 1.5, value / 10, value + 1e-9, -value, 0.0, 1, value * 100])
    if isinstance(value, str) and value and kind < 0.75:
        return _text(random, value)
    return random.choice([*TEXTS, *NUMBERS])


def _text(random: Random, value: str) -> str:
    at = random.randrange(len(value))
    return random.choice(
        [
            value[:at] + random.choice(TEXTS) + value[at:], value.upper(), value + "x", value[:at],
            value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :], value * 50, value + " ",
            value[:at] + random.choice("0123456789abcdef") + value[at + 1 :],
        ]
    )  # fmt: skip
