"""The report page: whole HTML, its figures in it, and nothing of a row taken for markup."""

from dataclasses import replace
from html.parser import HTMLParser

from planner.data.checks.finding import Finding
from planner.data.checks.lengths import OverLength
from planner.data.checks.plots import Bar, bars, histogram, repeats
from planner.data.checks.report import Report
from tui.text.data_html import page

LENGTHS = OverLength(0)
for number, length in enumerate([3, 4, 4, 17, 40]):
    LENGTHS.see_length(number, length)
REPORT = Report(
    format="messages",
    formats={"messages": 5},
    rows=5,
    mapping={},
    lengths=LENGTHS.summary(),
    unit="tokens",
    findings=(
        Finding("empty", "warning", (1, 3), "2 of 5 rows have an empty answer.", "take them out"),
    ),
    looked_at=5,
    histogram=histogram(LENGTHS.each()),
    repeats=repeats([1, 2]),
    labels=bars([("<script>alert(1)</script>", 3), ("x" * 90, 2)]),
)


class _Tags(HTMLParser):
    """Keeps what is opened, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.opened.append(tag)
        if tag not in ("meta", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data}\n"


def test_every_figure_stands_in_the_page_and_every_tag_is_closed() -> None:
    found = _Tags(page(REPORT, "rows.jsonl"))
    assert not found.open
    for told in ("rows.jsonl", "2 of 5 rows have an empty answer.", "1, 3", "Fix: take them out."):
        assert told in found.text
    assert found.opened.count("svg") == 3
    assert found.opened.count("rect") == len(REPORT.histogram) + 4


def test_rows_are_no_markup_and_long_names_are_cut() -> None:
    found = _Tags(page(REPORT, "<b>&.jsonl"))
    assert "script" not in found.opened and "b" in found.opened
    assert "<b>&.jsonl" in found.text
    assert "x" * 27 + "…" in found.text and "x" * 28 not in found.text


def test_without_findings_and_labels_there_is_no_plot_of_them() -> None:
    text = page(replace(REPORT, findings=(), labels=(), repeats=()), "rows.jsonl")
    assert "No problems found." in text
    assert text.count("<svg") == 1


def test_lengths_are_told_in_round_steps_that_hold_every_row() -> None:
    assert histogram([]) == ()
    assert histogram([7]) == (Bar("7 to 7", 1),)
    lengths = [number * number for number in range(100)]
    found = histogram(lengths)
    assert found[0].name == "0 to 499" and len(found) == 20
    assert sum(bar.rows for bar in found) == 100
