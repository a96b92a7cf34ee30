"""A finished run's folder, made from records of a real one: small files, without its models."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from lockfiles import lock as locks
from lockfiles.errors import RunFailed
from lockfiles.fixes import Command
from runner.supervisor import launch
from runner.supervisor.supervise import run_folder
from tests.fuzz.bases import Base
from tui.follow import follow

RECORDS = Path(__file__).parent / "corpus" / "run"


def write(folder: Path, base: Base) -> Path:
    """Write a lock with its locations and its finished run into a folder; return the run's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "run.lock").write_text(base.text, "utf-8")
    (folder / "locations.toml").write_text(base.locations, "utf-8")
    lock = locks.parse(base.text)
    run = run_folder(lock, folder / "runs")
    run.mkdir(parents=True)
    (run / "run.lock").write_text(base.text, "utf-8")
    for name in ("events.jsonl", "receipt.json"):
        shutil.copyfile(RECORDS / name, run / name)
    (run / ".inuse").write_text("1", "ascii")
    for number, stage in enumerate(lock.stage, start=1):
        at = run / "stages" / f"{number:02d}-{stage.id}"
        at.mkdir(parents=True)
        report = json.loads((RECORDS / f"{stage.kind}.done.json").read_text("utf-8"))
        text = json.dumps(report | {"digest": lock.integrity[stage.id]}, indent=1)
        (at / "done.json").write_text(text, "utf-8")
    shutil.copyfile(RECORDS / "receipt.json", at / "receipt.json")
    (at / "report.html").write_text("<p>", "utf-8")
    return run


def start_no_stage() -> None:
    """Let `run` fail where it would start a stage: what is judged is what it reads before."""

    def refused(*_: Any, **__: Any) -> int:
        raise RunFailed("A stage would be started here.", fix=Command("tunelock status"))

    launch.launch = refused
    follow._POLL_SECONDS = 0.01
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
