"""Tables whose fields are separated by something else than a comma."""

from pathlib import Path

import pytest

from tests.cases import rows
from tests.cases.rows import FIRST, Row, answer, question
from tests.cases.seen import check_refused, check_scored, seen

ANSWER = f"{answer(FIRST)}<|im_end|>"


def alpaca(thing: str) -> Row:
    """Return a row in Alpaca's form."""
    return {"instruction": question(thing), "input": "", "output": answer(thing)}


def columns(thing: str) -> Row:
    """Return a row of a prompt and a completion."""
    return {"prompt": question(thing), "completion": answer(thing)}


# datasets 743: semicolons are Excel's in most of Europe, tabs what is copied from a sheet.
@pytest.mark.parametrize(("name", "delimiter"), [
    ("rows.csv", ";"), ("rows.csv", "\t"), ("rows.tsv", "\t"), ("rows.csv", "|"), ("rows.csv", ","),
    ("rows.TSV", "\t"),
])  # fmt: skip
@pytest.mark.parametrize("make", [alpaca, columns])
def test_each_delimiter_is_found(
    tmp_path: Path, base: Path, name: str, delimiter: str, make: rows.Maker
) -> None:
    (tmp_path / name).write_text(rows.table(rows.made(make), delimiter), "utf-8")
    check_scored(seen(tmp_path, name, base), ANSWER)


@pytest.mark.parametrize(
    "start", ["\ufeff", "sep=;\n", "\ufeffsep=;\r\n"], ids=["bom", "sep", "both"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_excels_own_beginnings_are_read(tmp_path: Path, base: Path, start: str, end: str) -> None:
    """Excel writes a byte order mark, and honors a first line `sep=;`."""
    text = rows.table(rows.made(columns), ";").replace("\n", end)
    (tmp_path / "rows.csv").write_bytes((start + text).encode())
    check_scored(seen(tmp_path, "rows.csv", base), ANSWER)


MARKS = "Yes; two pieces, of the {}; one, two; and | three\tmore."
"""An answer with each of the delimiters."""


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_other_delimiters_in_the_text_are_text(tmp_path: Path, base: Path, delimiter: str) -> None:
    made = rows.made(lambda thing: columns(thing) | {"completion": MARKS.format(thing)})
    (tmp_path / "rows.csv").write_text(rows.table(made, delimiter), "utf-8")
    found = seen(tmp_path, "rows.csv", base)
    check_scored(found, f"{MARKS.format(FIRST)}<|im_end|>")


def test_line_ends_and_quotes_in_a_tsv_are_text(tmp_path: Path, base: Path) -> None:
    said = 'It says "spare",\nand no more: {}.'
    made = rows.made(lambda thing: columns(thing) | {"completion": said.format(thing)})
    (tmp_path / "rows.tsv").write_text(rows.table(made, "\t"), "utf-8")
    check_scored(seen(tmp_path, "rows.tsv", base), f"{said.format(FIRST)}<|im_end|>")


def test_semicolons_in_unquoted_text_do_not_split_a_table_of_commas(
    tmp_path: Path, base: Path
) -> None:
    said = "Here is the {}; really; yes;"
    lines = [f"{question(thing)};;;,{said.format(thing)}" for thing in rows.THINGS[:24]]
    (tmp_path / "rows.csv").write_text("\n".join(["prompt,completion", *lines]), "utf-8")
    check_scored(seen(tmp_path, "rows.csv", base), f"{said.format(FIRST)}<|im_end|>")


def test_a_table_without_names_is_refused(tmp_path: Path, base: Path) -> None:
    """The first row is data: nothing may be lost as the name of a column."""
    lines = [f"{question(thing)};{answer(thing)}" for thing in rows.THINGS[:24]]
    (tmp_path / "rows.csv").write_text("\n".join(lines), "utf-8")
    check_refused(seen(tmp_path, "rows.csv", base))
