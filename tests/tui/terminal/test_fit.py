"""Lines of a run at a terminal of 80 columns: all fit, and nothing is cut."""

import fcntl
import os
import struct
import termios
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.tui.snapshot.test_snapshot import Told, events, folded, step
from tui.commands import status
from tui.snapshot import empty, fold
from tui.snapshot.narrator import Narrator, lines
from tui.snapshot.summary import summary
from tui.terminal.fit import call, columns_of, first_fitting, left_out, sentence, shell

STAGES = ["prepare", "train", "evaluate-base", "evaluate", "merge", "gguf", "push", "report"]
WARNING = "the loss of this step is a hundred times that of the steps before it, " * 2
LARGE = {
    "steps": 12_345_678, "loss": 12.345, "learning_rate": 1.6e-3, "tokens_per_second": 98_765_432.1,
    "peak_bytes": 710 << 30, "predicted_bytes": 740 << 30, "eta_seconds": 3e5,
}  # fmt: skip
SMALL = {
    "steps": 172, "loss": 1.078, "learning_rate": 1.8e-3, "tokens_per_second": 1078.0,
    "peak_bytes": 730_000_000, "predicted_bytes": 735_000_000, "eta_seconds": 125.0,
}  # fmt: skip


def told(figures: dict[str, object], stage: str = "train") -> list[Told]:
    """The events of a run with a step of these figures."""
    done = {"done": 1234567, "total": 7654321, "unit": "rows of this dataset"}
    return [
        ("run", "started", {"stages": [stage if one == "train" else one for one in STAGES]}),
        ("prepare", "started", {}),
        ("prepare", "progress", {"what": "comparing the rows with those of the test set", **done}),
        ("prepare", "done", {"seconds": 1.5}),
        (stage, "started", {"what": "a training that continues from a checkpoint of another run"}),
        (stage, "evaluation", {"model": "tuned", "accuracy": 0.925, "loss": 12.2, "rows": 10**9}),
        (stage, "artifact", {"what": "adapter", "path": "stages/" + "x" * 30, "size_bytes": 4e9}),
        (stage, "warning", {"text": WARNING}),
        step(12_345_678, **figures),
    ]


@pytest.mark.parametrize(
    ("figures", "stage", "columns"), product((SMALL, LARGE), ("train", "t" * 24), (80, 100))
)
def test_all_lines_fit(figures: dict[str, object], stage: str, columns: int) -> None:
    before, found = empty("demo"), list[str]()
    for event in events(*told(figures, stage)):
        before = fold(before, [event])
        found += lines(event, before, columns)
    shown = replace(before, name=f"{'n' * 60}-305c55ea", accuracy_tuned=0.9, accuracy_rows=10**9)
    found += summary(shown, "running", now=1e6, columns=columns)
    assert all(cell_len(line) <= columns for line in found)
    assert " ".join(" ".join(found).split()).count(WARNING.strip()) == 2, "no word is left out"
    assert sum(f"step 12345678/{figures['steps']}" in line for line in found) >= (stage == "train")


def test_the_least_important_part_goes_first() -> None:
    (event,) = events(step(39, **SMALL))
    snapshot = folded(step(39, **SMALL))
    whole = (
        "train  step 39/172  loss 1.078  lr 1.8e-3  1,078 tok/s  peak 0.68 of 0.68 GiB  2 min left"
    )
    assert lines(event, snapshot) == lines(event, snapshot, len(whole)) == [whole]
    assert lines(event, snapshot, len(whole) - 1) == [
        "train  step 39/172  loss 1.078  1,078 tok/s  peak 0.68 of 0.68 GiB  2 min left"
    ]
    assert lines(event, snapshot, 60) == ["train  step 39/172  loss 1.078  1,078 tok/s  2 min left"]
    assert lines(event, snapshot, 20) == ["train  step 39/172"]
    assert Narrator(empty("demo"), columns=lambda: 20).narrate([event]) == ["train  step 39/172"]


def test_other_runs_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [Path("n" * length) for length in (8, 66, 73)]
    for run in runs:
        run.mkdir()
        (run / "events.jsonl").write_text("")
    assert all(len(line) <= 80 for line in status._others(runs, 80))
    assert status._others(runs, 200) == status._others(runs, None)


def test_a_word_that_is_too_long_is_not_cut() -> None:
    path = "/" + "x" * 100
    assert sentence(f"see {path} now", 80) == [f"see {path} now"]
    line = f"load: from_pretrained(model, '{path[:70]}')"
    head, arguments = call(line, 80)
    assert head == "load: from_pretrained(" and arguments == f"    model, '{path[:70]}')"
    assert call(line, None) == call(line, 120) == [line]
    line = f"resume: tunelock run {path[:50]} --runs {path[:50]}"
    assert shell(line, 80) == [
        f"resume: tunelock run {path[:50]} \\",
        f"    --runs {path[:50]}",
    ]
    assert shell(line, None) == [line]
    assert shell(f"run '{path} -x' --runs y", 80) == [f"run '{path} -x' --runs y"]
    assert first_fitting(left_out([path, "4 MB"], [1]), 80) == path


def test_only_a_terminal_has_columns() -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(ours), os.fdopen(theirs, "w") as terminal, open(os.devnull, "w") as nowhere:
        assert (columns_of(terminal), columns_of(nowhere)) == (80, None)
