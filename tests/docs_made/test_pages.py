"""The reference pages are what the code says, and every link between papers leads to a file."""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import Field, TypeAdapter

from lockfiles.fields import Table
from lockfiles.tables import field_names
from planner.data.rows.rows import Message, Row
from planner.interview.questions import QUESTIONS
from runner.runs.events import Kind
from tests.docs_made import events, exit_codes, models
from tests.docs_made.pages import FOLDER, PAGES
from tests.docs_made.types import words
from tui import cli

ROOT = Path(__file__).parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LIVING = [paper for paper in PAPERS if paper.name not in ("LOG.md", "CHANGELOG.md")]
"""Those that speak of the code of today."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def named(path: Path) -> str:
    """Return how a test of a paper is called."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    again = "python -m tests.docs_made"
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), f"`{again}` writes it again"


def test_no_page_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_key_of_a_lock_is_described() -> None:
    page = PAGES["lock.md"]()
    missing = {name for name in field_names() if f"- `{name.rpartition('.')[2]}`" not in page}
    assert missing == set()


def test_every_question_and_command_has_a_heading() -> None:
    assert all(f"\n### {one.key}\n" in PAGES["run-toml.md"]() for one in QUESTIONS)
    assert all(f"\n## tunelock {verb}\n" in PAGES["commands.md"]() for verb in cli._VERBS)


def test_every_kind_of_event_is_described() -> None:
    assert set(events.FIELDS) == set(get_args(Kind))


def _sent() -> Iterator[tuple[str, str]]:
    """Yield each kind and field that a stage sends by name, from the source of the runner."""
    for path in (ROOT / "runner").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            kind, named_send = call.args[0], getattr(call.func, "attr", "") == "send"
            if named_send and isinstance(kind, ast.Constant) and kind.value in events.FIELDS:
                yield from ((str(kind.value), one.arg) for one in call.keywords if one.arg)


def test_every_field_that_a_stage_sends_is_described() -> None:
    sent = set(_sent())
    assert ("artifact", "size_bytes") in sent
    assert {(kind, field) for kind, field in sent if field not in events.FIELDS[kind]} == set()


def test_every_exit_code_has_a_row() -> None:
    codes = re.findall(r"^\| (\d+) ", exit_codes.page(), re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "75", "130"]


class _Inner(Table):
    """What is inside."""

    size: int = Field(gt=0, le=5)
    """In metres."""


class _Outer(Table):
    """What is outside."""

    several: list[_Inner]
    name: str = "plain"


@dataclass(frozen=True)
class _Record:
    """A record."""

    inner: _Inner | None = None


def test_a_model_is_described_with_types_meanings_and_inner_tables() -> None:
    assert models.page(_Outer, "toml") == (
        "- `several`: a list of tables.\n- `name`: text; default `plain`.\n\n"
        "## [[several]]\n\nWhat is inside.\n\n- `size`: integer from 1 to 5. In metres."
    )
    assert models.page(_Record, "json").startswith("- `inner`: a table or nothing.\n\n## inner\n\n")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (bool, "`true` or `false`"),
        (dict[str, int], "a table of values by name, each integer"),
        (list[str], "a list, each text"),
        (float | None, "number or nothing"),
    ],
)
def test_a_type_in_words(kind: Any, said: str) -> None:
    assert words(TypeAdapter(kind).json_schema(), {}) == said


_PLACE = re.compile(r"(?<![\w./-])(?:lockfiles|planner|runner|tui|tests|examples)(?:/[\w.-]+)+/?")
_PROGRAM = re.compile(r"python -m ((?:planner|tests)[\w.]*)")


@pytest.mark.parametrize("paper", LIVING, ids=named)
def test_a_file_or_program_that_a_paper_names_is_there(paper: Path) -> None:
    text = paper.read_text("utf-8")
    places = [
        place for place in _PLACE.findall(text) if "NAME" not in place and "TABLE" not in place
    ]
    places += [name.rstrip(".").replace(".", "/") for name in _PROGRAM.findall(text)]
    there = (ROOT / place.rstrip(".") for place in places)
    assert [one for one in there if not one.exists() and not one.with_suffix(".py").exists()] == []


def test_the_documented_check_finds_what_it_says() -> None:
    page = (ROOT / "docs" / "add-a-check.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(code), names)
    check = names["Shouting"]()
    for number, answer in enumerate(("fine", "NO", "Not now")):
        check.see(number, Row((Message("user", "well?"), Message("assistant", answer))))
    (found,) = check.findings()
    assert (found.id, list(found.rows), found.said) == (
        "shouting", [1], "1 of 3 rows has an answer in capitals.",
    )  # fmt: skip


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_a_link_between_papers_leads_to_a_file(paper: Path) -> None:
    links = [link for link in _LINK.findall(paper.read_text("utf-8")) if "://" not in link]
    ends = {link: paper.parent / link.partition("#")[0] for link in links}
    assert [link for link, end in ends.items() if not end.exists()] == []
