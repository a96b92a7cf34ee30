"""Receipts are written whole and read back."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from lockfiles import receipt
from lockfiles.errors import UsageProblem
from lockfiles.harmless import is_harmless
from lockfiles.receipt import (
    Artifact,
    Continued,
    Digests,
    Evaluation,
    Measured,
    Receipt,
    Score,
    Sent,
    measured_on,
)

ARTIFACT = asdict(Artifact("train", "adapter", "stages/02-train/result", "a" * 64, 9))


def test_read_back(tmp_path: Path) -> None:
    written = Receipt(
        lock_sha256="0" * 64,
        digests=Digests(adapter="a" * 64, merged="b" * 64, gguf={"q8_0": "c" * 64}),
        measured=Measured(peak_bytes=1, step_seconds=0.5),
        evaluation=Evaluation(base=Score(2.0, 0.0, 200), tuned=Score(0.1, 0.9, 200)),
        artifacts=[Artifact(**ARTIFACT)],
        continued=Continued("before-0123", 40, "d" * 64, "e" * 64),
    )
    receipt.write(written, tmp_path / "receipt.json")
    assert receipt.read(tmp_path / "receipt.json") == written
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"evaluation": {"base": {"x": 1}}}'])
def test_other_json_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "receipt.json"
    path.write_text(content)
    with pytest.raises(UsageProblem, match="is not a valid receipt") as caught:
        receipt.read(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lock_sha256": 1}, "`lock_sha256` is wrong: it must be text in quotes"),
        ({"lock_sha256": "x"}, "`lock_sha256` is wrong"),
        ({"digests": []}, "`digests` is wrong: it must be a table"),
        ({"digests": {"gguf": {"q8_0": 1}}}, "`digests.gguf.q8_0` is wrong"),
        ({"measured": {"peak_bytes": -1}}, "`measured.peak_bytes` is wrong: it must be at least 0"),
        ({"measured": {"peak_bytes": 10**400}}, "`measured.peak_bytes` is wrong"),
        ({"evaluation": {"base": {"loss": 1, "accuracy": 2, "rows": 1}}}, "must be at most 1"),
        ({"evaluation": {"base": {"loss": "1", "accuracy": 1, "rows": 1}}}, "must be a number"),
        ({"packages": {"torch": "\x1b[2J"}}, "`packages.torch` is wrong"),
        ({"machine": "x\nerror: forged"}, "`machine` is wrong"),
        ({"machine": "x" * 100_000}, "`machine` is wrong: it has more than 200 characters"),
        ({"version": 5}, "`version` is wrong: it must be at most 4"),
        ({"continued": {"run": "a", "step": 0, "lock_sha256": "0" * 64}}, "must be at least 1"),
        ({"version": True}, "`version` is wrong: it must be an integer"),
        ({"sent": [{"name": "", "size_bytes": 1, "sha256": "0" * 64}]}, "`sent.name` is wrong"),
        ({"artifacts": [ARTIFACT | {"path": "../x"}]}, "`artifacts.path` is wrong"),
        ({"artifacts": [ARTIFACT | {"path": "/etc/passwd"}]}, "`artifacts.path` is wrong"),
        ({"artifacts": [ARTIFACT | {"what": "a\nb"}]}, "`artifacts.what` is wrong"),
        ({"artifacts": [ARTIFACT | {"size": -1}]}, "`artifacts.size` is wrong"),
        ({"artifacts": [ARTIFACT] * 1001}, "`artifacts` is wrong: it has more than 1,000 items"),
        ({"surprise\n": 1}, r"`surprise\n` is an unknown key"),
    ],
)
def test_a_wrong_value_is_one_sentence(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "receipt.json"
    receipt.write(Receipt(lock_sha256="0" * 64), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageProblem) as caught:
        receipt.read(path)
    assert said in caught.value.message
    assert is_harmless(caught.value.message) and len(caught.value.message) < 400


def test_a_receipt_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    receipt.write(Receipt(lock_sha256="0" * 64), path)
    old = json.loads(path.read_text()) | {"version": 1}
    del old["artifacts"], old["objective"]
    path.write_text(json.dumps(old))
    assert receipt.read(path) == Receipt(lock_sha256="0" * 64, version=1)


def test_a_receipt_of_the_second_version_names_no_objective(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    receipt.write(Receipt(lock_sha256="0" * 64, objective="sft"), path)
    assert receipt.read(path).objective == "sft"
    old = json.loads(path.read_text()) | {"version": 2}
    del old["objective"]
    path.write_text(json.dumps(old))
    assert receipt.read(path) == Receipt(lock_sha256="0" * 64, version=2)


def test_a_receipt_without_a_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    receipt.write(Receipt(lock_sha256="0" * 64), path)
    old = json.loads(path.read_text())
    del old["version"], old["sent"], old["sent_to"], old["artifacts"], old["objective"]
    path.write_text(json.dumps(old))
    assert receipt.read(path) == Receipt(lock_sha256="0" * 64)


def test_what_was_sent_and_a_loss_that_is_no_number_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    sent = [Sent("model.safetensors", 9, "0" * 64)]
    diverged = Evaluation(tuned=Score(float("inf"), 0.0, 3))
    written = Receipt("0" * 64, evaluation=diverged, sent_to="ana/tuned", sent=sent)
    receipt.write(written, path)
    assert receipt.read(path) == written


def test_rows_that_were_trained_on_are_never_called_held_out() -> None:
    assert measured_on(450, 0) == "450 held-out rows"
    assert measured_on(450, 8) == "450 rows, 8 of them training rows too"
