"""A `text,label` file from `plan` to a merged model that names its instruction."""

from pathlib import Path

import pytest

from lockfiles import lock as locks
from tests.journeys.demo_folder import small, tunelock
from tests.planner.data.reading.labelled_rows import as_csv, pairs


@pytest.mark.slow
def test_the_merged_model_and_the_report_name_the_instruction(tmp_path: Path) -> None:
    folder = small(
        tmp_path, data__train="train.csv", data__test="test.csv", train__epochs=1, results__gguf=()
    )
    as_csv(folder / "train.csv", ("text", "label"), pairs(every=6))
    as_csv(folder / "test.csv", ("text", "label"), pairs("test", every=20))
    planned = tunelock(folder, "plan", "run.toml")
    assert "A classification: the texts are in `text`, and `label` has 15" in planned.stdout
    assert "The instruction (`data.system` in the lock) lists the labels." in planned.stdout
    said = locks.read(folder / "run.lock").splits[0].system
    done = tunelock(folder, "run", "run.lock", "--foreground")
    assert done.returncode == 0, done.stderr
    (card,) = folder.glob("runs/*/stages/*merge/model/README.md")
    assert said in card.read_text("utf-8")
    (report,) = folder.glob("runs/*/report.html")
    assert said in report.read_text("utf-8")
