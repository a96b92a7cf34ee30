"""What a run folder says of its finished stages: used only where it has the right form."""

import json
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles import receipt
from lockfiles.errors import DigestDiffers, UsageProblem
from planner.data.rows.rows import Message, Row
from planner.data.tokens.example import completion
from planner.data.tokens.stored import write_encoded
from runner.runs import reports
from runner.runs.folder import StagePlace, place
from runner.runs.pipe import Line
from runner.stages.context import Context
from runner.stages.rows import prepared, shown, write_shown
from runner.supervisor.attempt import can_publish
from tests.trust.test_run_folder import planned as planned

SHA = "0" * 64
GGUF: dict[str, object] = {
    "path": "stages/01-gguf/a-q8_0.gguf", "size_bytes": 1, "tensors_sha256": SHA,
    "tensor_types": {},
}  # fmt: skip
GOOD: dict[str, dict[str, object]] = {
    "train": {
        "digests": {"adapter": SHA}, "steps": 1, "peak_bytes": 7, "step_seconds": 0.5,
        "artifacts": [
            {"what": "adapter", "path": "stages/01-train/result", "digest": SHA, "size": 9}
        ],
    },
    "gguf": {"gguf": {"q8_0": GGUF}, "samples": []},
    "evaluate": {
        "base": {"loss": 1.0, "accuracy": 0.5, "rows": 3},
        "tuned": {"loss": 1.0, "accuracy": 0.5, "rows": 3},
    },
}  # fmt: skip


def spoiled() -> list[tuple[str, bytes]]:
    """Return reports that are none, by stage: wrong types, paths outside, deep, huge, torn."""
    found = [
        (stage, content)
        for stage in GOOD
        for content in (
            b"", b"null", b"7", b"[]", b'"x"', b"{", b"\xff\xfe{}", b"[" * 100_000,
            b'{"digest": ' + b"9" * 5000 + b"}", bytes(100),
        )
    ]  # fmt: skip
    values: tuple[object, ...] = (None, "x", -1, [], {}, 10**40, {"a": {"b": 1}}, True)
    for stage, good in GOOD.items():
        for key in good:
            for value in values:
                spoiled = {"digest": "a", **good, key: value}
                empty = key in ("gguf", "samples", "artifacts") and value in ([], {})
                if not empty or (key == "artifacts" and value == {}):
                    found.append((stage, json.dumps(spoiled).encode()))
    for path in ("/etc/passwd", "../a", "stages/01-gguf/../../a", "stages/02-merge/a", "a", ""):
        report = {"digest": "a", "gguf": {"q8_0": GGUF | {"path": path}}, "samples": []}
        found.append(("gguf", json.dumps(report).encode()))
        left = {"what": "adapter", "path": path, "digest": SHA, "size": 9}
        trained = {"digest": "a", **GOOD["train"], "artifacts": [left]}
        found.append(("train", json.dumps(trained).encode()))
    return found


def test_a_report_of_another_shape_is_not_done(tmp_path: Path) -> None:
    for stage, good in GOOD.items():
        place = StagePlace(1, stage, stage, tmp_path / "demo" / "stages")
        place.begin("a")
        place.finish("a", good)
        assert place.done("a") == {"digest": "a", **good}
    for stage, content in spoiled():
        place = StagePlace(1, stage, stage, tmp_path / "demo" / "stages")
        (place.final / "done.json").write_bytes(content)
        assert place.done("a") is None, (stage, content[:200])


def test_a_report_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    place = StagePlace(1, "train", "train", tmp_path / "demo" / "stages")
    place.begin("a")
    place.finish("a", GOOD["train"])
    with (place.final / "done.json").open("r+b") as file:
        file.truncate(reports.LIMIT_BYTES + 1)
    with pytest.raises(UsageProblem, match="is larger than 16 MiB"):
        place.done("a")


def test_a_report_that_cannot_be_published_is_made_again(tmp_path: Path) -> None:
    at = StagePlace(1, "report", "report", tmp_path / "demo" / "stages")
    at.begin("a")
    receipt.write(receipt.Receipt(lock_sha256=SHA), at.partial / "receipt.json")
    (at.partial / "report.html").touch()
    at.finish("a", {})
    assert can_publish(at)
    for content in (b"", b"null", b"{", b'{"version": 1}', b"\xff", b"[" * 99999):
        (at.final / "receipt.json").write_bytes(content)
        assert not can_publish(at)
    receipt.write(receipt.Receipt(lock_sha256=SHA), at.final / "receipt.json")
    (at.final / "report.html").unlink()
    assert not can_publish(at)


def test_prepared_rows_are_those_of_the_lock(planned: Path, tmp_path: Path) -> None:
    lock = locks.read(planned / "run.lock")
    at = place(lock, tmp_path, "prepare")
    at.begin(lock.integrity["prepare"])
    for split in ("train", "test"):
        write_encoded(at.partial / "rows" / split, [completion((1, 2), (-100, 2))])
    at.finish(lock.integrity["prepare"], {"rows": {}})
    given = Context(lock, "evaluate", tmp_path, tmp_path, {}, Line(-1))
    for split in ("train", "test"):
        with pytest.raises(DigestDiffers, match=f"rows/{split}` do not match the lock"):
            prepared(given, split)
    with pytest.raises(UsageProblem, match="rows/validation` has no encoded rows"):
        prepared(given, "validation")


def test_rows_that_are_shown_come_back_whatever_is_in_them(planned: Path, tmp_path: Path) -> None:
    lock = locks.read(planned / "run.lock")
    at = place(lock, tmp_path, "prepare")
    at.begin(lock.integrity["prepare"])
    texts = ["a\u2028b\u2029c\x85d\x0b\x1ce\r\nf", "\ud800", ""]
    write_shown(at.partial, [Row((Message("user", text),)) for text in texts])
    at.finish(lock.integrity["prepare"], {"rows": {}})
    given = Context(lock, "evaluate", tmp_path, tmp_path, {}, Line(-1))
    assert [turns[-1]["content"] for turns in shown(given)] == texts
    with pytest.raises(DigestDiffers, match=r"shown.jsonl` does not contain the sample rows"):
        shown(given, len(texts) + 1)
    for spoiled in ("{", "[]", '{"messages": []}', '{"messages": [{"content": 1}]}', "[" * 99999):
        (at.final / "shown.jsonl").write_text(spoiled + "\n")
        with pytest.raises(DigestDiffers, match=r"shown.jsonl` does not contain the sample rows"):
            shown(given)


def test_no_report_says_where_the_base_model_is(planned: Path, tmp_path: Path) -> None:
    lock = locks.read(planned / "run.lock")
    hub = lock.model.model_copy(update={"source": "hf:owner/name", "commit": "1" * 40})
    lock = lock.model_copy(update={"model": hub})
    at = place(lock, tmp_path, "prepare")
    at.begin(lock.integrity["prepare"])
    at.finish(lock.integrity["prepare"], {"model": str(tmp_path), "rows": {}})
    given = Context(lock, "train", tmp_path, tmp_path, {}, Line(-1))
    with pytest.raises(UsageProblem, match="models--owner--name/snapshots/1111"):
        _ = given.model
