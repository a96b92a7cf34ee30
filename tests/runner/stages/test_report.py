"""The receipt and the page of a run, from what its stages reported."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles import digest, receipt
from lockfiles import lock as locks
from lockfiles.measured import rate
from planner.interview.answers import check
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.demo import files
from runner.runs.folder import place
from runner.runs.pipe import Line
from runner.stages import artifacts, report
from runner.stages.context import Context
from tests.planned import MACHINE
from tui.text import run as results

SHA = "0123456789abcdef" * 4
REPORTS: dict[str, dict[str, object]] = {
    "prepare": {"model": "/base", "rows": {"train": 675}},
    "train": {
        "digests": {"adapter": SHA}, "steps": 4, "peak_bytes": 800_000_000, "step_seconds": 0.5,
    },
    "evaluate": {
        "base": {"loss": 3.25, "accuracy": 0.02, "rows": 450},
        "tuned": {"loss": 0.25, "accuracy": 0.9, "rows": 450},
    },
    "merge": {"digests": {"merged": SHA[::-1]}, "size_bytes": 4_000_000},
    "gguf": {
        "gguf": {
            "q8_0": {
                "path": "stages/05-gguf/demo-q8_0.gguf", "size_bytes": 2_090_432,
                "tensors_sha256": SHA, "tensor_types": {},
            }
        },
        "samples": [
            {"source": "q8_0", "prompt": "<script>a & b", "answer": "lost", "wanted": "lost"},
            {"source": "q8_0", "prompt": "where", "answer": "here", "wanted": "there"},
        ],
    },
}  # fmt: skip
REPORTS["gguf-2"] = {
    "gguf": {
        "q4_k_m": {
            "path": "stages/06-gguf-2/demo-q4_k_m.gguf", "size_bytes": 1_200_000,
            "tensors_sha256": SHA, "tensor_types": {},
        }
    },
    "samples": [{"source": "q4_k_m", "prompt": "where", "answer": "here", "wanted": "here"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files."""
    made = tmp_path_factory.mktemp("planned")
    files.write(made)
    return made


@pytest.fixture
def line() -> Iterator[Line]:
    reader, writer = os.pipe()
    yield Line(writer)
    os.close(reader)
    os.close(writer)


def finished(planned: Path, run: Path, line: Line, **changes: object) -> Context:
    """Return the report stage of a run whose other stages are done."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    answers = check(files.ANSWERS | named, {})
    lock = plan(answers, gather(answers, planned, machine=MACHINE))
    (run / "run.lock").write_text(locks.write(lock), "utf-8")
    for one in lock.stage[:-1]:
        at = place(lock, run, one.id)
        at.begin(lock.integrity[one.id])
        at.finish(lock.integrity[one.id], REPORTS[one.id])
    work = place(lock, run, "report").begin(lock.integrity["report"])
    return Context(lock, "report", run, work, {"model": planned / "base"}, line)


def published(given: Context) -> Path:
    """Carry out the report and put its files where the supervisor puts them."""
    report.run(given)
    for name in ("receipt.json", "report.html"):
        shutil.copy(given.work / name, given.run / name)
    return given.run


def test_a_receipt_says_what_came_out(planned: Path, tmp_path: Path, line: Line) -> None:
    run = published(finished(planned, tmp_path, line))
    made = receipt.read(run / "receipt.json")
    assert made.lock_sha256 == digest.of_file(run / "run.lock")
    assert made.digests == receipt.Digests(SHA, SHA[::-1], {"q8_0": SHA})
    assert [one.stage for one in made.artifacts] == ["train", "merge", "gguf"]
    assert made.artifacts[1].path == "stages/04-merge/model"
    assert made.artifacts[2] == receipt.Artifact(
        "gguf", "GGUF q8_0", "stages/05-gguf/demo-q8_0.gguf", SHA, 2_090_432
    )
    assert made.measured == receipt.Measured(800_000_000, 0.5)
    assert made.evaluation.tuned == receipt.Score(0.25, 0.9, 450)
    assert set(made.packages) == set(locks.read(run / "run.lock").packages)
    assert made.machine.endswith(" cpu")
    assert made.objective == "sft"
    page = (run / "report.html").read_text("utf-8")
    assert "Objective: supervised fine-tuning, <code>sft</code>" in page


def test_what_a_stage_lists_is_in_the_receipt_as_it_lists_it(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    given = finished(planned, tmp_path, line)
    work = given.result("train") / "result"
    work.mkdir()
    (work / "a.safetensors").write_bytes(bytes(7))
    (work / "b.json").write_bytes(bytes(2))
    training = replace(given, stage="train", work=given.result("train"))
    listed = artifacts.made(training, "adapter", "result", SHA)
    at = place(given.lock, tmp_path, "train")
    digest_of = given.lock.integrity["train"]
    at.begin(digest_of)
    at.finish(digest_of, REPORTS["train"] | {"artifacts": [listed]})
    made = receipt.read(published(given) / "receipt.json").artifacts[0]
    assert made == receipt.Artifact("train", "adapter", "stages/02-train/result", SHA, 9)


def test_a_run_of_a_receipt_of_version_1_still_shows_its_files(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    run = published(finished(planned, tmp_path, line))
    path = run / "receipt.json"
    made = replace(receipt.read(path), version=1, artifacts=[])
    receipt.write(made, path)
    assert "demo-q8_0.gguf  2.1 MB" in "\n".join(results.lines(run))


def test_answers_of_several_files_say_whose_they_are(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    run = published(finished(planned, tmp_path, line, results__gguf=["q8_0", "q4_k_m"]))
    assert set(receipt.read(run / "receipt.json").digests.gguf) == {"q8_0", "q4_k_m"}
    told = results.lines(run)
    assert [one for one in told if one.startswith("answer")] == [
        "answer    q8_0: <script>a & b → lost (correct)",
        "answer    q8_0: where → here (expected there)",
        "answer    q4_k_m: where → here (correct)",
    ]
    page = (run / "report.html").read_text("utf-8")
    assert page.count("<td>q8_0</td>") == 2 and "<td>q4_k_m</td><td>where</td>" in page


def test_the_page_shows_it_and_escapes_what_a_model_says(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    page = (published(finished(planned, tmp_path, line)) / "report.html").read_text("utf-8")
    for shown in ("90.0%", "0.75 GiB", "2.09 MB", SHA, "demo-q8_0.gguf", "held-out rows"):
        assert shown in page, shown
    assert "<script>" not in page
    assert "&lt;script&gt;a &amp; b" in page
    assert "http" not in page


def test_the_page_shows_the_tokens_per_second_of_the_run(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    given = finished(planned, tmp_path, line)
    assert isinstance(given.lock, locks.TrainingLock)
    stream, train = given.lock.stream, given.lock.train
    steps = -(-stream.rows // (train.micro_batch * train.accumulation))
    found = rate(stream.tokens / (steps * 0.5), 0.0)
    page = (published(given) / "report.html").read_text("utf-8")
    assert f'<td>measured speed</td><td class="n">{found}</td>' in page
    assert "predicted speed" not in page


def test_the_least_run_has_a_receipt_a_page_and_a_summary(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    least = {"results__evaluate": False, "results__merge": False, "results__gguf": []}
    run = published(finished(planned, tmp_path, line, **least))
    made = receipt.read(run / "receipt.json")
    assert made.digests == receipt.Digests(SHA, None, {})
    assert made.evaluation == receipt.Evaluation()
    page = (run / "report.html").read_text("utf-8")
    assert "held-out rows" not in page
    assert "Answers" not in page
    told = [line for line in results.lines(run) if line[0] != " "]
    assert [line.split()[0] for line in told] == [
        "verdict", "method", "batch", "memory", "report", "load", "run",
    ]  # fmt: skip


def test_full_weights_are_summed_up(planned: Path, tmp_path: Path, line: Line) -> None:
    given = finished(planned, tmp_path, line, method__kind="full", results__gguf=[])
    told = results.lines(published(given))
    assert any(line.startswith("method    full: ") for line in told)


def test_the_summary_names_memory_accuracy_files_and_answers(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    told = "\n".join(results.lines(published(finished(planned, tmp_path, line))))
    assert "measured 0.75 GiB" in told
    assert "90% of 450 held-out rows are answered correctly; before training 2%." in told
    assert "to improve" not in told
    assert "demo-q8_0.gguf  2.1 MB" in told
    assert "→ lost (correct)" in told
    assert "→ here (expected there)" in told


def test_a_verdict_that_was_overridden_is_on_the_page(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    against = {"goal__prompting": "works", "goal__override": "for a talk <b>"}
    page = (published(finished(planned, tmp_path, line, **against)) / "report.html").read_text()
    assert "for a talk &lt;b&gt;" in page


def test_a_poor_accuracy_is_explained_with_what_to_change(
    planned: Path, tmp_path: Path, line: Line
) -> None:
    given = finished(planned, tmp_path, line)
    at, digest_of = place(given.lock, tmp_path, "evaluate"), given.lock.integrity["evaluate"]
    poor = {"loss": 1.5, "accuracy": 0.46, "rows": 450}
    at.begin(digest_of)
    at.finish(digest_of, REPORTS["evaluate"] | {"tuned": poor})
    run = published(given)
    page = (run / "report.html").read_text("utf-8")
    for told in (page, " ".join(" ".join(results.lines(run)).split())):
        assert "46% of 450 held-out rows are answered correctly; before training 2%." in told
        assert (
            "This is low: many answers are still wrong. To improve it: in run.toml: [train]" in told
        )
        assert "epochs = 5, or in run.toml: [method] rank = 32; then plan and run again." in told
    assert "The peak was measured" in page
