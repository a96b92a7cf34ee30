"""Patterns of names: as fsspec has them, and never slow."""

import random
import re
import time

import pytest
from fsspec.utils import glob_translate

from planner.hub.datasets.globs import NoPattern, matcher

_PIECES = ("a", "b", "-", "*", "?", "[ab]", "/", "/", "/**/", ".", "[", "]", "!", "[0-9]", "1")


def _made(source: random.Random, pieces: tuple[str, ...]) -> str:
    made = "".join(source.choice(pieces) for _ in range(source.randrange(1, 8)))
    return re.sub(r"/+", "/", made).strip("/") or "a"


def test_patterns_match_what_they_match_there() -> None:
    source, matched, compared = random.Random(7), 0, 0
    for _ in range(4000):
        pattern = _made(source, _PIECES)
        try:
            ours = matcher(pattern)
            theirs = re.compile(glob_translate(pattern))
        except (NoPattern, ValueError):
            continue
        for _ in range(20):
            name = _made(source, ("a", "b", "-", "/", ".", "1", "[", "]"))
            if {".", ".."} & {*name.split("/"), *pattern.split("/")}:
                continue  # what normalising changes; no path of the Hub has such a part
            if "[!" in pattern and "/" in name:
                continue  # there, what is not in a set may be the end of a part
            compared += 1
            matched += ours(name)
            assert ours(name) == bool(theirs.match(name)), (pattern, name)
    assert compared > 50_000 and matched > 2_000


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*a*a*a*a*a*a*a*b", "a" * 2000),
        ("**/" * 30 + "b", "/".join("a" * 200)),
        ("**/*a*/" * 20 + "*b", "/".join(["aaaa"] * 100)),
        ("[" * 1000, "a" * 5000),
        ("[a" * 400 + "]", "a" * 5000),
    ],
    ids=["stars", "folders", "both", "brackets", "a set"],
)
def test_no_pattern_takes_long(pattern: str, name: str) -> None:
    begun = time.monotonic()
    assert not matcher(pattern)(name)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "pattern", ["a**", "**a/b", "/a", "../a", "hf://a/*", "zip://*::a.zip", "a" * 1001]
)
def test_what_can_match_nothing_is_no_pattern(pattern: str) -> None:
    with pytest.raises(NoPattern):
        matcher(pattern)
