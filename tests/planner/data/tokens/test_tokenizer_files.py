"""Folders whose tokenizer is in another form, or not there."""

import shutil
from pathlib import Path

import pytest

from lockfiles import digest
from lockfiles.errors import UsageProblem
from planner.data.files import opening
from planner.data.tokens.tokenizer import load_tokenizer

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * 'a'}\nsize 9085657\n"


def refusal(folder: Path) -> UsageProblem:
    with pytest.raises(UsageProblem) as problem:
        load_tokenizer(folder)
    return problem.value


@pytest.mark.parametrize("name", ["tokenizer.model", "vocab.json", "tekken.json"])
def test_an_older_form_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    said = refusal(tmp_path)
    assert said.message == f"`{tmp_path}` has no `tokenizer.json`, only `{name}`."
    assert said.hint and "save_pretrained" in said.hint


def test_no_tokenizer_at_all(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == f"`{tmp_path}` has no `tokenizer.json`."


def test_pointers_of_git_lfs_are_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(POINTER)
    shutil.copy(tmp_path / "tokenizer.json", tmp_path / "model.safetensors")
    said = refusal(tmp_path)
    with pytest.raises(UsageProblem) as weights:
        digest.safetensors_header(tmp_path / "model.safetensors")
    shutil.copy(tmp_path / "tokenizer.json", tmp_path / "rows.jsonl")
    with pytest.raises(UsageProblem) as rows:
        opening.opened(tmp_path / "rows.jsonl")
    for problem in (said, weights.value, rows.value):
        assert "is a pointer of Git LFS, not the file itself" in problem.message
        assert problem.hint and "lfs pull" in problem.hint
