"""`tunelock data hf:…`: the same report of rows that lie on the Hub."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.demo import files
from tests import forked
from tests.hub_server import HubServer
from tests.planner.hub.datasets.hub_calls import card

CONFIGS = """
- config_name: intents
  data_files:
  - {split: train, path: intents/train-*.jsonl}
  - {split: test, path: intents/test.jsonl}
- {config_name: other, data_files: other.jsonl}
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    files.write(tmp_path)
    rows = {name: (tmp_path / "rows" / f"{name}.jsonl").read_bytes() for name in ("train", "test")}
    lines = rows["train"].splitlines(True)
    with HubServer() as hub:
        hub.add("datasets/ana/rows", {
            "README.md": card(CONFIGS),
            "intents/train-0.jsonl": b"".join(lines[:400]),
            "intents/train-1.jsonl": b"".join(lines[400:]),
            "intents/test.jsonl": lines[7] + rows["test"],
            "other.jsonl": lines[0],
        })  # fmt: skip
        yield hub


def data(hub: HubServer, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = hub.environment(folder / "home", XDG_CACHE_HOME=str(folder / "cache"))
    return forked.run("data", *arguments, folder=folder, environment=environment)


def test_a_report_of_rows_on_the_hub(hub: HubServer, tmp_path: Path) -> None:
    asked = ("hf:ana/rows:intents", "--held-out", "hf:ana/rows:intents", "--html", "page.html")
    done = data(hub, tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        "file      hf:ana/rows:intents:train", "rows      750",
    ]  # fmt: skip
    leak = next(line for line in done.stdout.splitlines() if "leak:" in line)
    assert "`hf:ana/rows:intents:test`: " in leak and "row 0 (training row 7)" in leak, "planted"
    told = done.stderr.splitlines()
    assert told[0] == "looking up `ana/rows` on the Hub"
    assert told[1].startswith("downloading ") and told[1].endswith(
        " of `hf:ana/rows:intents:train`"
    )
    assert told[-1] == "wrote page.html"
    assert "hf:ana/rows:intents:train" in (tmp_path / "page.html").read_text("utf-8")
    local = json.loads(data(hub, tmp_path, "rows/train.jsonl", "--json").stdout)
    assert json.loads(data(hub, tmp_path, "hf:ana/rows:intents", "--json").stdout) == local


def test_a_row_on_the_hub_is_shown_as_training_sees_it(hub: HubServer, tmp_path: Path) -> None:
    done = data(hub, tmp_path, "hf:ana/rows:intents", "--model", "base", "--row", "401")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("row 401 (train-1.jsonl, line 2): ")


def test_what_is_wrong_is_told_with_the_ways_on(hub: HubServer, tmp_path: Path) -> None:
    wrong = data(hub, tmp_path, "hf:ana/rows")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.splitlines()[-2:] == [
        "error: `hf:ana/rows` needs a config; it has `intents`, `other`.",
        "hint: write `hf:ana/rows:intents`, or another config",
    ]
    few = data(hub, tmp_path, "hf:ana/rows:other")
    assert few.returncode == 6
    assert "error: `hf:ana/rows:other:train` should not be used for training" in few.stderr


def here(hub: HubServer, program: str, folder: Path, dataset: str) -> Any:
    """Return what a program prints that is given a folder and the name of a dataset."""
    return hub.run(
        program, str(folder), dataset, home=folder / "home", XDG_CACHE_HOME=str(folder / "cache")
    )


def test_the_wizard_and_the_prompts_take_it_too(hub: HubServer, tmp_path: Path) -> None:
    found = here(hub, "answer_dataset", tmp_path, "hf:ana/rows:intents")
    assert found == [[], 750, True, True]
    (problem,), counted, *_ = here(hub, "answer_dataset", tmp_path, "hf:ana/rows:none")
    assert "has no config `none`; it has `intents`, `other`" in problem and counted is None


def test_the_wizard_looks_it_through_beside_the_screen(hub: HubServer, tmp_path: Path) -> None:
    rows, problems, found, columns = here(hub, "inspect_dataset", tmp_path, "hf:ana/rows:intents")
    assert (rows, problems) == ({"train": 750, "test": 451}, {})
    assert "leak" in found
    assert columns == [["messages"]] * 3
