"""HTML remains in prose, and tokens of chat templates inside the text."""

import pytest

from planner.data.checks.markup import Markup, TemplateTokens
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import (
    MATHS,
    REAL,
    found,
    said,
    varied,
    with_answer,
    with_answers,
    with_prompt,
)
from tests.planner.data.faults import HTML, TOKENS

NOT_HTML = [
    "a < b and b > c",
    "if a<b: p>q",
    "<<48/2=24>>24",
    "vector<int> x; Map<a, b> y; List<b>",
    "AT&T; R&D; x&y;",
    "<context>some</context> <answer>it</answer> <think>so</think>",
    "Write `<br/>` there",
    "```\n<p>code</p>\n```",
    "```\n<p>code that ends",
    "An HTML page: <html><body><p>Hello</p></body></html>",
    "In HTML, <p> begins a paragraph.",
    "<i18n> <pre-alpha> <small-talk>",
    "x <- y; a -> b; <3",
]


@pytest.mark.parametrize("text", HTML)
def test_html(text: str) -> None:
    rows = with_answers(varied(MATHS, 30), {11: text})
    (finding,) = found(Markup(), rows)
    assert (finding.id, finding.severity, list(finding.rows)) == ("markup", "warning", [11])


@pytest.mark.parametrize("text", NOT_HTML)
def test_no_html(text: str) -> None:
    assert not found(Markup(), [with_answer(MATHS[0], text), with_prompt(MATHS[1], text)])


def test_tags_of_most_prompts_are_their_form() -> None:
    rows = [
        with_prompt(row, f"<div>{row.prompt}</div>") if n % 4 else row
        for n, row in enumerate(varied(MATHS, 40))
    ]
    assert not found(Markup(), rows)
    rows[10] = with_prompt(rows[10], rows[10].prompt + "&nbsp;")
    rows[20] = with_answer(rows[20], "<div>No form.</div>")
    rows[31] = with_prompt(rows[31], "<div>one<span>two</span></div>")
    (finding,) = found(Markup(), rows)
    assert list(finding.rows) == [10, 20, 31]


@pytest.mark.parametrize("remains", ["one<br>two", "one&nbsp;two"])
def test_what_is_never_a_form_is_found_in_most_prompts(remains: str) -> None:
    (finding,) = found(Markup(), [with_prompt(row, remains) for row in MATHS])
    assert finding.rows_found == len(MATHS)


def test_html_in_most_answers_is_still_found() -> None:
    rows = [with_answer(row, f"<p>{row.answer}</p>") for row in varied(MATHS, 40)]
    (finding,) = found(Markup(), rows)
    assert finding.rows_found == 40


NO_TOKENS = [
    "a <| b |> c",
    "f <|> g",
    "[INSTRUCTIONS]",
    "<think>so</think>",
    "<tool_call>{}</tool_call>",
    "<<48/2=24>>",
    "a[s] </span>",
    "|x| < |y| and |y| > 3",
]


@pytest.mark.parametrize("text", TOKENS)
@pytest.mark.parametrize("in_prompt", [True, False])
def test_template_tokens(text: str, in_prompt: bool) -> None:
    rows = varied(MATHS, 30)
    rows[23] = with_prompt(rows[23], text) if in_prompt else with_answer(rows[23], text)
    (finding,) = found(TemplateTokens(), rows)
    assert (finding.id, finding.severity, list(finding.rows)) == (
        "template-tokens",
        "warning",
        [23],
    )


@pytest.mark.parametrize("text", NO_TOKENS)
def test_no_template_tokens(text: str) -> None:
    assert not found(TemplateTokens(), [with_answer(MATHS[0], text)])


def test_plain_text_that_was_rendered_is_a_note() -> None:
    rows = [said(f"text: <s>[INST] {row.prompt} [/INST] {row.answer}</s>") for row in MATHS]
    (finding,) = found(TemplateTokens(), rows)
    assert finding.severity == "note" and finding.rows_found == len(MATHS)


def test_tokens_in_the_rejected_answer() -> None:
    ask, good = Message("user", "a"), Message("assistant", "b")
    rows = [Row((ask, good), rejected=(ask, Message("assistant", "c<|im_end|>")))]
    (finding,) = found(TemplateTokens(), rows)
    assert list(finding.rows) == [0]


def test_clean_rows_say_nothing() -> None:
    for check in (Markup(), TemplateTokens()):
        assert not found(check, REAL)


@pytest.mark.parametrize("said_as", ["<tool_call>\n{}\n</tool_call>", "<functioncall> {}", "none"])
@pytest.mark.parametrize("tools", ["", '[{"type":"function","function":{"name":"f"}}]'])
def test_calls_as_text_next_to_tools(said_as: str, tools: str) -> None:
    rows = [
        Row((Message("user", f"q{n}"), Message("assistant", said_as)), tools=tools)
        for n in range(9)
    ]
    findings = found(TemplateTokens(), rows)
    assert bool(findings) == (tools != "" and said_as != "none")
    assert all("the template has its own form" in one.said for one in findings)
