"""Runs that train nothing: the base model as GGUF files, killed in the middle and resumed."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles import receipt
from runner.demo import files
from runner.runs.events import read
from tests.few import few
from tests.hub_server import HubServer
from tests.journeys.demo_folder import ENVIRONMENT, command, tunelock
from tests.journeys.test_hub import hub as hub
from tests.journeys.test_hub import received, tunelock_on
from tests.journeys.test_run import run_at, stage_process, until

pytest.importorskip("gguf")

INTENT = """\
[goal]
name = "base"

[model]
source = "base"

[results]
gguf = ["f16", "q8_0"]
"""
STAGES = ["prepare", "gguf", "gguf-2", "report"]
FILES = ["stages/02-gguf/base-f16.gguf", "stages/03-gguf-2/base-q8_0.gguf"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's base, planned for its export."""
    made = tmp_path_factory.mktemp("export")
    files.write(made)
    (made / "run.toml").write_text(INTENT, "utf-8")
    shutil.rmtree(made / "rows")
    planned = tunelock(made, "plan")
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.startswith("nothing is trained: exports the base model\n")
    return made


@pytest.fixture(scope="module")
def killed(folder: Path) -> Path:
    """The folder of a run that was killed after its first file, and run again to its end."""
    run = killed_in(folder, "gguf-2")
    assert sorted(path.name for path in (run / "stages").iterdir())[:2] == ["01-prepare", "02-gguf"]
    assert not (run / "receipt.json").exists()
    before = (run / FILES[0]).stat().st_mtime_ns
    torn = run / "stages" / "03-gguf-2.partial" / ".base-q8_0.gguf.torn"
    torn.mkdir(parents=True, exist_ok=True)
    (torn / "model.gguf").write_bytes(bytes(9))
    done = tunelock(folder, "run", "--foreground")
    assert done.returncode == 0, done.stderr[-3000:]
    assert run_at(folder / "runs") == run
    assert (run / FILES[0]).stat().st_mtime_ns == before
    assert not list(run.glob("stages/*/.base-*"))
    return run


def killed_in(
    folder: Path, stage: str, seconds: float = 120, environment: Mapping[str, str] = ENVIRONMENT
) -> Path:
    """Run the lock in a folder until a stage has begun, kill all of it, and return the run."""
    process = subprocess.Popen(
        command("run", "--foreground"), cwd=folder, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: begun(folder / "runs", stage), seconds)
    finally:
        process.kill()
        process.wait()
    run = run_at(folder / "runs")
    with suppress(AssertionError):  # it may have ended between the two
        os.kill(stage_process(run), signal.SIGKILL)
    return run


def begun(runs: Path, stage: str) -> bool:
    """Return whether a stage of the run has begun."""
    found = [folder for folder in runs.glob("*") if (folder / "events.jsonl").exists()]
    return any(e.stage == stage for f in found for e in read(f / "events.jsonl")[0])


def test_a_killed_export_goes_on_and_its_receipt_lists_each_file(killed: Path) -> None:
    made = receipt.read(killed / "receipt.json")
    assert [(one.stage, one.what, one.path) for one in made.artifacts] == [
        ("gguf", "GGUF f16", FILES[0]), ("gguf-2", "GGUF q8_0", FILES[1]),
    ]  # fmt: skip
    assert [one.size for one in made.artifacts] == [(killed / at).stat().st_size for at in FILES]
    assert made.digests.gguf == {"f16": made.artifacts[0].digest, "q8_0": made.artifacts[1].digest}
    assert (made.digests.adapter, made.digests.merged) == (None, None)
    assert (made.measured, made.evaluation) == (receipt.Measured(), receipt.Evaluation())
    done = [e.stage for e in read(killed / "events.jsonl")[0] if e.kind == "done"]
    assert done == [*STAGES, "run"]


@pytest.mark.parametrize("content", few([None, b"", b"GGUF"]))
def test_a_file_that_was_lost_is_made_again_and_no_other(
    killed: Path, folder: Path, content: bytes | None
) -> None:
    one, other = (killed / at for at in FILES)
    before, kept = one.read_bytes(), other.stat().st_mtime_ns
    one.unlink()
    if content is not None:
        one.write_bytes(content)
    again = tunelock(folder, "run", "--foreground")
    assert again.returncode == 0, again.stderr[-3000:]
    assert one.read_bytes() == before and other.stat().st_mtime_ns == kept
    events = read(killed / "events.jsonl")[0]
    last = max(n for n, e in enumerate(events) if (e.stage, e.kind) == ("run", "started"))
    said = [e.fields["text"] for e in events[last:] if e.kind == "warning"]
    assert len(said) == 1 and f"`{FILES[0]}`" in said[0] and "is run again" in said[0]
    assert [e.stage for e in events[last:] if e.kind == "done"] == ["gguf", "report", "run"]


def test_the_folder_is_named_by_the_base_model(killed: Path, folder: Path) -> None:
    lock = locks.read(folder / "run.lock")
    assert isinstance(lock, locks.ExportLock)
    assert killed.name == f"base-{lock.integrity['prepare'][:8]}"


@pytest.mark.parametrize(("level", "name"), [("f16", FILES[0]), ("q8_0", FILES[1])])
def test_a_file_is_that_of_the_base_model(
    killed: Path, folder: Path, tmp_path: Path, level: str, name: str
) -> None:
    from runner.export.gguf.convert import convert
    from runner.export.gguf.facts import facts_of

    alone = convert(folder / "base", tmp_path / "alone.gguf", level)
    assert facts_of(killed / name, level).tensors_sha256 == alone.tensors_sha256
    assert (killed / name).read_bytes() == (tmp_path / "alone.gguf").read_bytes()


def test_every_command_knows_such_a_run(killed: Path, folder: Path) -> None:
    checked = tunelock(folder, "check")
    assert checked.stdout == "`run.lock` can run here: the model's files match the lock\n"
    assert tunelock(folder, "plan", "--check").returncode == 0
    again = tunelock(folder, "plan", "--dry-run", "--json")
    assert "train" not in json.loads(again.stdout)
    assert "the lock would not change" in again.stderr
    state = json.loads(tunelock(folder, "status", "--json").stdout)
    assert [one["name"] for one in state["stages"]] == STAGES and state["state"] == "done"
    assert [one["path"] for one in state["artifacts"]] == FILES
    assert "gguf-2  done" in tunelock(folder, "watch", "--plain").stderr
    finished = tunelock(folder, "run", "--foreground")
    assert finished.returncode == 0, finished.stderr
    assert "nothing: these are exports of the base model" in finished.stdout
    refused = tunelock(folder, "rehearse")
    assert refused.returncode == 2
    assert "error: This lock trains nothing: it exports the base model.\nhint: " in refused.stderr
    page = (killed / "report.html").read_text("utf-8")
    assert "Nothing was trained" in page and "base-q8_0.gguf" in page and "Memory" not in page


def test_what_differs_from_another_export_and_what_is_done_again(
    killed: Path, folder: Path, tmp_path: Path
) -> None:
    more = Path(shutil.copytree(folder, tmp_path / "more"))
    (more / "run.toml").write_text(INTENT.replace('"f16", ', ""), "utf-8")
    stale = tunelock(more, "plan", "--check")
    assert stale.returncode == 3, stale.stderr
    assert tunelock(more, "plan", "--out", "other.lock").returncode == 0
    told = tunelock(more, "diff", "run.lock", "other.lock")
    assert "changes exports\n  ~ stage.gguf.settings.levels.0  f16 → q8_0" in told.stdout
    assert "changes weights" not in told.stdout


def test_a_base_from_the_hub_is_exported_and_pushed(hub: HubServer, tmp_path: Path) -> None:
    target, folder = f"{hub.user}/exported", tmp_path / "run"
    files.write(folder)
    commit = hub.add("maker/base", folder / "base", license="apache-2.0")
    shutil.rmtree(folder / "base")
    intent = INTENT.replace('"base"\n\n[r', '"maker/base"\n\n[r').replace('"f16", ', "")
    (folder / "run.toml").write_text(f'{intent}push_to = "{target}"\n', "utf-8")
    on_hub = tunelock_on(hub, folder, tmp_path)
    assert on_hub("plan").returncode == 0
    locked = locks.read(folder / "run.lock")
    assert (locked.model.source, locked.model.commit) == ("hf:maker/base", commit)
    assert hub.sent_bytes["model.safetensors"] < 200_000, "planning downloads no weights"
    refused = on_hub("run", "--foreground")
    assert refused.returncode == 2 and f"confirm with `--allow {target}`" in refused.stderr
    done = on_hub("run", "--foreground", "--allow", target, "--allow", "maker/other")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "`--allow maker/other` has no effect: the lock does not push there" in done.stderr
    assert f"`--allow {target}`" not in done.stderr
    sent = received(hub, target, tmp_path)
    assert set(sent) - {".gitattributes"} == {"README.md", "base-q8_0.gguf", "run.lock"}
    card = sent["README.md"].decode()
    assert 'library_name: "gguf"\nbase_model: "maker/base"\nlicense: "apache-2.0"\n' in card
    assert "GGUF files made with Tunelock from maker/base." in card
    assert "Nothing was trained" in card
    assert not [word for word in ("Epochs", "Method", "rows", "tuned") if word in card]
    made = receipt.read(run_at(folder / "runs") / "receipt.json")
    assert {one.name for one in made.sent} == set(sent) - {".gitattributes"}
