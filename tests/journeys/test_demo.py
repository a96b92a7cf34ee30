"""`tunelock demo`: the whole road, and every figure that it ends with."""

import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lockfiles import lock, receipt
from tests.journeys.demo_folder import tunelock

for package in ("trl", "gguf", "llama_cpp"):
    pytest.importorskip(package)


@pytest.mark.slow
def test_the_demo_tunes_the_base_and_its_gguf_answers(
    demo: tuple[Path, CompletedProcess[str]],
) -> None:
    folder, done = demo
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)

    for word in ("verdict", "method", "batch", "memory", "accuracy", "gguf", "answer", "run"):
        assert re.search(rf"^{word} ", done.stdout, re.MULTILINE), word
    (run,) = (folder / "runs").iterdir()
    made, locked = receipt.read(run / "receipt.json"), lock.read(run / "run.lock").training()
    assert made.evaluation.base and made.evaluation.tuned
    assert made.evaluation.base.accuracy < 0.2
    assert made.evaluation.tuned.accuracy >= 0.8
    assert made.evaluation.tuned.rows >= 200
    assert made.measured.peak_bytes
    error = locked.prediction.peak_bytes / made.measured.peak_bytes - 1
    assert abs(error) <= 0.1, f"predicted {error:+.1%} of the measured peak"
    assert done.stdout.count("(correct)") >= 2
    assert list(run.glob("stages/*-gguf/demo-q8_0.gguf"))
    assert "report.html" in {path.name for path in run.iterdir()}


def test_files_only_writes_the_files_and_stops(tmp_path: Path) -> None:
    done = tunelock(tmp_path, "demo", "--into", "demo", "--files-only")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {"base", "rows", "run.toml"}


def test_files_that_cannot_be_written_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "demo" / "base" / "config.json").mkdir(parents=True)
    done = tunelock(tmp_path, "demo", "--into", "demo", "--files-only")
    assert done.returncode == 2
    assert done.stderr.startswith("error: `demo` cannot be written: Is a directory.\n")
