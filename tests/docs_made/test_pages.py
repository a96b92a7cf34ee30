"""The reference pages are what the code says, and every link between papers leads to a file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import Field, TypeAdapter

from lockfiles.fields import Table
from lockfiles.tables import field_names
from planner.interview.questions import QUESTIONS
from runner.runs.events import Kind
from tests.docs_made import events, exit_codes, models
from tests.docs_made.pages import FOLDER, PAGES
from tests.docs_made.types import words
from tui import cli

ROOT = Path(__file__).parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")


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


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_between_papers_leads_to_a_file(paper: Path) -> None:
    links = [link for link in _LINK.findall(paper.read_text("utf-8")) if "://" not in link]
    ends = {link: paper.parent / link.partition("#")[0] for link in links}
    assert [link for link, end in ends.items() if not end.exists()] == []
