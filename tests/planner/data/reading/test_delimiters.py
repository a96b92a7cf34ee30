"""CSV with other delimiters, TSV, headers, and rows whose fields cannot be told apart."""

from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.checks.file_notes import delimiters
from planner.data.files.csv_rows import csv_rows
from planner.data.files.delimiters import dialect_of
from planner.data.reading.bad_rows import BadRows
from planner.data.reading.formats import load_table

COMMAS = "Yes, it is here, and open."
GOOD = {
    "semicolons.csv": f"prompt;completion\nWhere is it?;{COMMAS}\n",
    "tabs.csv": f"prompt\tcompletion\nWhere is it?\t{COMMAS}\n",
    "bars.csv": f"prompt|completion\nWhere is it?|{COMMAS}\n",
    "commas.csv": f'prompt,completion\nWhere is it?,"{COMMAS}"\n',
    "quoted.csv": f'prompt;completion\n"Where is it?";"{COMMAS}"\n',
    "bom.csv": f"\ufeffprompt;completion\r\nWhere is it?;{COMMAS}\r\n",
    "excel.csv": f"sep=;\r\nprompt;completion\r\nWhere is it?;{COMMAS}\r\n",
    "bom-excel.csv": f"\ufeffsep=|\nprompt|completion\nWhere is it?|{COMMAS}\n",
    "caret.csv": f"sep=^\nprompt^completion\nWhere is it?^{COMMAS}\n",
    "plain.tsv": f"prompt\tcompletion\nWhere is it?\t{COMMAS}\n",
    "commas.tsv": f'prompt,completion\nWhere is it?,"{COMMAS}"\n',
    "spaces.csv": f'prompt, completion\nWhere is it?, "{COMMAS}"\n',
    "empty-columns.csv": f"prompt;completion;;\nWhere is it?;{COMMAS};;\n",
    "names.csv": f' prompt ;"completion"\nWhere is it?;{COMMAS}\n',
}


@pytest.mark.parametrize("name", GOOD)
def test_delimiters_are_recognized(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(GOOD[name], "utf-8", newline="")
    table = load_table(path)
    assert [[turn.content for turn in row.messages] for row in table.rows] == [
        ["Where is it?", COMMAS]
    ]
    usual = name in ("commas.csv", "spaces.csv", "plain.tsv")
    assert bool(list(delimiters(path))) != usual


def test_a_column_full_of_other_delimiters_is_one_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text\nfirst; second | third\n"one, two"\n', "utf-8")
    assert [row.answer for row in load_table(path).rows] == ["first; second | third", "one, two"]
    code = [f"for (i = 0; i < {n}; i++) {{ a; b; }};x|y" for n in range(20)]
    path.write_text("".join(["prompt,completion\n", *(f"{one},ok\n" for one in code)]), "utf-8")
    assert dialect_of(path).delimiter == ","
    assert [row.prompt for row in load_table(path).rows] == code


def test_the_note_names_the_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD["tabs.csv"], "utf-8")
    (note,) = delimiters(tmp_path)
    path = tmp_path / "a.csv"
    assert (note.severity, note.said) == (
        "note",
        f"The fields of `{path}` are separated by tabs.",
    )
    (tmp_path / "a.csv").write_text(GOOD["caret.csv"], "utf-8")
    assert next(delimiters(tmp_path)).said.endswith("are separated by `^`.")


def test_quotes_in_tsv_may_be_text(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('prompt\tcompletion\n"Hi" he said\tgreeting\n"5 inch screen\tsize\n', "utf-8")
    assert [row.prompt for row in load_table(path).rows] == ['"Hi" he said', '"5 inch screen']
    path.write_text('prompt\tcompletion\n"a\tb"\tc\n"two\nlines"\td\n', "utf-8")
    assert [row.prompt for row in load_table(path).rows] == ["a\tb", "two\nlines"]


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("ham,See you then\nham,Ok\nspam,Win a prize\nham,Call me\n", "ham"),
        ("3,Oil prices rise,Reuters\n4,A new phone,AP\n3,Stocks fall,AP\n", "3"),
        ("0\tgood film\n1\tbad film\n0\tso so\n", "0"),
        (f"prompt,{'a long answer ' * 20}\na,b\n", "a long answer a long answer a long answer a"),
    ],
)
def test_a_missing_header_is_seen(content: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(UsageProblem) as caught:
        list(csv_rows(path))
    assert f"has no header: line 1 has `{value:.40}`" in caught.value.message
    assert "add a first line with the names of the columns" in caught.value.hint


def test_a_header_may_be_numbers_or_look_like_a_value_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("0,1\ngood film,pos\nbad film,neg\n", "utf-8")
    assert next(csv_rows(path)).values == {"0": "good film", "1": "pos"}
    path.write_text("text,label\nthe label,a\nlabel,text\nlabel it,b\n", "utf-8")
    assert len(list(csv_rows(path))) == 3


BAD = {
    "few": ("a,b\nc\nd,e\n", "line 3 has 1 field, but the header has 2"),
    "many": ("a,b\nc,d,e\nd,e\n", "line 3 has 3 fields, but the header has 2"),
    "quote": ('a,b\n"c"x,d\nd,e\n', "line 3 has quotes that do not match"),
    "unclosed": ('a,b\n"c,d\nd,e\nf,g\n', "line 3 has quotes that do not match"),
    "header": ("a,b\nprompt,completion\nd,e\n", "line 3 repeats the header"),
    "return": ("a,b\nc\rc,d\nd,e\n", "line 3 has a carriage return inside the line"),
    "lines": ('a,b\n"c\nc",d,e\nd,e\n', "lines 3-4 has 3 fields, but the header has 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_row_does_not_hide_the_others(name: str, tmp_path: Path) -> None:
    content, reason = BAD[name]
    path = tmp_path / "a.csv"
    path.write_text(f"prompt,completion\n{content}", "utf-8", newline="")
    bad = BadRows()
    table = load_table(path, bad=bad)
    assert (list(bad.numbers), bad.reasons) == ([1], reason)
    assert [row.answer for row in table.rows][:2] == ["b", "e"]
    assert table.numbers[:2] == (0, 2)


def test_two_open_quotes_do_not_swallow_the_rows_between(tmp_path: Path) -> None:
    rows = "".join(f"q{n},a{n}\n" for n in range(6))
    path = tmp_path / "a.csv"
    path.write_text(f'prompt,completion\n"x,y\n{rows}"x,y\n{rows}', "utf-8")
    bad = BadRows()
    assert len(load_table(path, bad=bad).rows) == 12
    assert list(bad.numbers) == [0, 7]


def test_where_a_row_ends_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('prompt,completion\na,b\n"a story\nof many\nlines,c\n', "utf-8")
    with pytest.raises(UsageProblem, match=r"lines 3-5 .* so the end of the row is not known"):
        load_table(path, bad=BadRows())
    path.write_text('prompt,completion\r"a","b"\r"c","d"\r', "utf-8", newline="")
    with pytest.raises(UsageProblem, match="ends its lines with carriage returns alone") as caught:
        load_table(path)
    assert caught.value.hint.startswith("tr '\\r' '\\n' <")
