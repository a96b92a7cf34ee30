"""Cards of datasets that mean more than memory holds, or that never end: one sentence each."""

import time
from itertools import pairwise

import pytest

from planner.hub.datasets import isolated
from planner.hub.datasets.configs import Config
from planner.hub.datasets.kinds import Unreadable
from tests.few import few


def _card(front: str) -> bytes:
    return f"---\n{front}\n---\n# A dataset\n".encode()


def _times(form: str, last: str) -> str:
    """Return YAML in which each name stands nine times in the next."""
    names = "abcdefghijklmnop"
    lines = [f"{names[0]}: &{names[0]} {last}"]
    for before, name in pairwise(names):
        lines.append(f"{name}: &{name} " + form.format(", ".join([f"*{before}"] * 9)))
    return "\n".join([*lines, f"configs: *{names[-1]}"])


BOMBS = {
    "aliases": _times("[{}]", "[x, x]"),
    "merges": _times("{{<<: [{}]}}", "{{x: 1}}".format()),
    "itself": "configs: &a [*a]",
    "deep": "configs: " + "[" * 100_000,
    "deep mappings": "configs: " + "{a: " * 100_000,
    "indented": "\n".join(" " * n + "a:" for n in range(3000)),
    "digits": "configs: " + "9" * 100_000,
    "sixties": "configs: " + ":".join(["59"] * 100_000),
    "tag": "configs: !!python/object/apply:os.system [id]",
    "no mapping": "- a",
    "binary": "\0",
}


@pytest.mark.parametrize("front", few(BOMBS.values()), ids=BOMBS)
def test_a_card_is_read_in_bounds(front: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_SECONDS", 1.0)
    begun = time.monotonic()
    found = isolated.card_configs(_card(front))
    assert time.monotonic() - begun < 20
    with pytest.raises(Unreadable):
        isolated.configs(found if found is not None else 5, ["a.jsonl"])


def test_patterns_without_end_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_SECONDS", 0.5)
    names = [f"{'a/' * 30}{'a' * 100}{n}.jsonl" for n in range(5000)]
    card = [{"config_name": f"c{n}", "data_files": "**/*a*/" * 10 + "*b*a*"} for n in range(500)]
    with pytest.raises(Unreadable, match="takes longer than"):
        isolated.configs(card, names)


def test_a_card_in_use_is_read() -> None:
    front = "configs:\n- config_name: a\n  data_files: '*.jsonl'\n- &b\n  config_name: b"
    card = isolated.card_configs(_card(front))
    assert card == [{"config_name": "a", "data_files": "*.jsonl"}, {"config_name": "b"}]
    found = isolated.configs(card[:1], ["x.jsonl", "README.md"])
    assert found == (Config("a", True, {"train": ("x.jsonl",)}),)
    assert isolated.card_configs(b"# No front matter") is None
