"""What people read is plain English: no phrase of `tests.words` in the code or in the papers."""

from pathlib import Path

import pytest

from tests.words import FLOORS, PAPERS, ROOT, Found, everywhere, found

CODE = '''\
"""What a stage leaves, by hand."""

NAME = "told"
KEY = "the `whole` file"
SENTENCE = f"the run goes on with {NAME}"  # it lies there
'''
PAGE = """\
# The whole road

```console
$ tunelock status
the whole run
```

It is `anew` that
the lock stands in vain.
"""


def shown(phrases: list[Found]) -> str:
    return "\n".join(map(str, phrases))


@pytest.mark.parametrize("floor", FLOORS)
def test_the_code_says_it_in_plain_english(floor: str) -> None:
    phrases = everywhere([floor], papers=())
    assert not phrases, shown(phrases)


def test_the_papers_say_it_in_plain_english() -> None:
    phrases = everywhere(floors=())
    assert not phrases, shown(phrases)


@pytest.mark.parametrize("pattern", PAPERS)
def test_each_pattern_of_papers_names_some(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


def phrases_of(path: Path, text: str) -> list[tuple[str, int, str]]:
    path.write_text(text, encoding="utf-8")
    return [(one.kind, one.line, one.word) for one in found(path)]


def test_phrases_are_found_in_docstrings_sentences_and_comments(tmp_path: Path) -> None:
    """A single word may be a key, and what is in backticks is a name."""
    assert sorted(phrases_of(tmp_path / "code.py", CODE)) == [
        ("comment", 5, "lies"), ("docstring", 1, "by hand"), ("string", 5, "goes on with"),
    ]  # fmt: skip


def test_phrases_are_found_in_pages_but_not_in_what_a_command_prints(tmp_path: Path) -> None:
    assert phrases_of(tmp_path / "page.md", PAGE) == [
        ("paper", 1, "whole"), ("paper", 1, "road"),
        ("paper", 9, "stands"), ("paper", 9, "in vain"),
    ]  # fmt: skip


def test_of_examples_the_comments_are_read(tmp_path: Path) -> None:
    text = '# It goes on\nname = "told by hand"\n'
    assert phrases_of(tmp_path / "run.toml", text) == [("paper", 1, "goes on")]


def test_of_a_makefile_the_help_is_read(tmp_path: Path) -> None:
    text = "all: whole  ## the whole road\n\techo told\n"
    assert [word for *_, word in phrases_of(tmp_path / "Makefile", text)] == ["whole", "road"]
