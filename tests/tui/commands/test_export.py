"""`tunelock export` on the model that the repository ships."""

import json
import shutil
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


def test_hints_are_for_this_command(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "base"))
    path = folder / "config.json"
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rope_parameters": rope}))
    refused = tunelock("export", "base", folder=tmp_path)
    assert refused.returncode == 2 and "`rope_type` = `dynamic`" in refused.stderr
    assert "convert_hf_to_gguf.py" in refused.stderr and "run.toml" not in refused.stderr
    named = tunelock("export", "maker/model", folder=tmp_path)
    assert named.returncode == 2 and "one on the Hub is exported by a plan" in named.stderr


def test_weights_that_are_nan_are_not_written(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "base"))
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-2:] = b"\xc0\x7f"
    (folder / "model.safetensors").write_bytes(content)
    refused = tunelock("export", "base", folder=tmp_path)
    assert refused.returncode == 2 and "has NaN or infinite numbers" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_place_that_takes_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = tunelock("export", str(BASE), "--out", str(tmp_path / "file" / "model.gguf"))
    assert done.returncode == 2
    assert "cannot be written: " in done.stderr.splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
