"""Receipts are written whole and read back."""

from pathlib import Path

import pytest

from lockfiles import receipt
from lockfiles.errors import UsageProblem
from lockfiles.receipt import Digests, Evaluation, Measured, Receipt, Score


def test_read_back(tmp_path: Path) -> None:
    written = Receipt(
        lock_sha256="0" * 64,
        digests=Digests(adapter="a", merged="b", gguf={"q8_0": "c"}),
        measured=Measured(peak_bytes=1, step_seconds=0.5),
        evaluation=Evaluation(base=Score(2.0, 0.0, 200), tuned=Score(0.1, 0.9, 200)),
    )
    receipt.write(written, tmp_path / "receipt.json")
    assert receipt.read(tmp_path / "receipt.json") == written
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"evaluation": {"base": {"x": 1}}}'])
def test_other_json_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "receipt.json"
    path.write_text(content)
    with pytest.raises(UsageProblem, match="is no receipt") as caught:
        receipt.read(path)
    assert caught.value.hint
