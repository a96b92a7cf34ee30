"""Files that are not UTF-8 text in a known form: what is said of them helps."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.files.encodings import encoding_of
from planner.data.reading.formats import load_table


@pytest.mark.parametrize(("codec", "named", "text"), [
    ("cp1252", "WINDOWS-1252", "Frage;Antwort\nWie groß ist es für 3 €?;Schöne Größe\n"),
    ("latin-1", "WINDOWS-1252", "pergunta;resposta\nOnde está?;Não está à direita, é ali\n"),
    ("cp1252", "WINDOWS-1252", "question;réponse\nOù est l'étage ?;Près de là, où ça ?\n"),
    ("cp1250", "WINDOWS-1250", "pytanie;odpowiedź\nGdzie jest żółta książka?;Na półce\n"),
    ("cp1254", "WINDOWS-1254", "soru;cevap\nÇaydanlık nerede?;İkinci katta, sağ yanında\n"),  # noqa: RUF001
    ("cp1251", "WINDOWS-1251", "вопрос;ответ\nГде чайник?;На втором этаже\n"),  # noqa: RUF001
    ("shift_jis", "CP932", "質問,回答\nケトルはどこですか?,二階です。\n"),
    ("gb18030", "GB18030", "问题,答案\n水壶在哪里?,水壶在二楼,请上楼。\n"),
    ("big5", "BIG5", "問題,答案\n水壺在哪裡?,水壺在二樓,請上樓。\n"),
    ("cp949", "CP949", "질문,답변\n주전자는 어디에 있나요?,이층에 있습니다.\n"),
])  # fmt: skip
def test_the_hint_names_the_encoding_and_what_it_gives(
    tmp_path: Path, codec: str, named: str, text: str
) -> None:
    assert encoding_of(text.encode(codec)) == named
    (tmp_path / "rows.csv").write_bytes(text.encode(codec))
    with pytest.raises(UsageProblem) as found:
        load_table(tmp_path / "rows.csv")
    first = next(one for one in text.splitlines() if not one.isascii())
    part = next(one for one in first.replace(",", ";").split(";") if not one.isascii())
    assert f"iconv -f {named} -t UTF-8" in found.value.hint
    assert next(word for word in part.split() if not word.isascii())[:5] in str(found.value)


def test_a_workbook_is_called_one(tmp_path: Path) -> None:
    for name in ("rows.csv", "rows.xlsx"):
        with zipfile.ZipFile(tmp_path / name, "w") as made:
            made.writestr("xl/workbook.xml", "<workbook/>")
        with pytest.raises(UsageProblem) as found:
            load_table(tmp_path / name)
        assert "CSV UTF-8" in found.value.hint


def test_lines_of_empty_fields_are_like_blank_lines(tmp_path: Path) -> None:
    """Excel writes them below a table."""
    (tmp_path / "rows.csv").write_text("prompt,completion\nq,a\n,\nr,b\n,\n,\n", "utf-8")
    assert [row.answer for row in load_table(tmp_path / "rows.csv").rows] == ["a", "b"]


@pytest.mark.parametrize(("row", "hint"), [
    ({"system": "Be kind.", "chat": "USER: q ASSISTANT: a"}, '"messages"'),
    ({"id": "1", "steps": ["q", "a"]}, '"messages"'),
    ({"Kunde": "Wo ist es?", "Laden": "Im Regal."}, "prompt_column"),
    ({"id": "1", "context": "It is there.", "fragen": "Wo?"}, "prompt_column"),
])  # fmt: skip
def test_the_hint_for_a_row_of_no_format_fits_the_row(
    row: dict[str, object], hint: str, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row), "utf-8")
    with pytest.raises(UsageProblem) as found:
        load_table(tmp_path / "rows.jsonl")
    assert hint in found.value.hint


def test_the_original_sharegpt_has_its_turns_in_items(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "x", "items": turns}), "utf-8")
    assert load_table(tmp_path / "rows.jsonl").rows[0].answer == "a"


def test_rows_inside_an_object_are_taken_out(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(
        '{"version": 1, "train": [{"prompt": "q", "completion": "a"}], "test": [{"a": 1}]}', "utf-8"
    )
    with pytest.raises(UsageProblem) as found:
        load_table(tmp_path / "rows.json")
    assert "rows in `train`, `test`" in found.value.message
    command = found.value.hint.replace("python3", sys.executable, 1)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert load_table(tmp_path / "rows.rows.json").rows[0].answer == "a"
