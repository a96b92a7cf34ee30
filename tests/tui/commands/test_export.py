"""`tunelock export` on the model that the repository ships."""

import json
from pathlib import Path

import pytest

import runner.demo
from tests.tui.test_cli import tunelock

pytest.importorskip("gguf")

BASE = Path(runner.demo.__file__).parent / "base"


@pytest.mark.parametrize(
    ("level", "types"),
    [
        ("f16", {"F16": 22, "F32": 7}),
        ("q8_0", {"Q8_0": 22, "F32": 7}),
        ("q4_k_m", {"Q4_K": 19, "Q6_K": 3, "F32": 7}),
    ],
)
def test_each_level_holds_what_it_says(level: str, types: dict[str, int], tmp_path: Path) -> None:
    if level == "q4_k_m":
        pytest.importorskip("llama_cpp")
    out = tmp_path / "model.gguf"
    done = tunelock("export", str(BASE), "--gguf", level, "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["tensor_types"] == types
    assert facts["fallbacks"] == []
    assert facts["size_bytes"] == out.stat().st_size
    assert list(tmp_path.iterdir()) == [out]


def test_bad_input_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    for name, content in (("text", "{"), ("list", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(content)
        broken = tunelock("export", name, folder=tmp_path)
        assert (broken.returncode, broken.stderr[:7]) == (2, "error: ")
        (tmp_path / name / "config.json").unlink()
        (tmp_path / name).rmdir()
    (tmp_path / "empty").mkdir()
    for model, message in (("nowhere", "is not a folder"), ("empty", "has no `config.json`")):
        done = tunelock("export", model, folder=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr.splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_place_that_takes_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = tunelock("export", str(BASE), "--out", str(tmp_path / "file" / "model.gguf"))
    assert done.returncode == 2
    assert "cannot be written: " in done.stderr.splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
