"""`tunelock plan` as a person types it: what it writes, what it only says, and how it ends."""

import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles import lock
from planner.machines.facts import Gpu, MachineFacts
from tests.journeys.demo_folder import ENVIRONMENT, command, small, tunelock

GIB = 1 << 30
OTHER = MachineFacts("cpu", (), 2, 16 * GIB, 12 * GIB, 100 * GIB, "")
CARD = Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9")
SEVERAL = 'device = "cuda"\nprocesses = 4\nparallel = "fsdp2"\noffload = "optimizer"'
GPU_MACHINE = MachineFacts("cuda", (CARD,), 8, 64 * GIB, 60 * GIB, 100 * GIB, "570.1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small(tmp_path / "demo")


def names(folder: Path) -> set[str]:
    """Return what stands in a folder."""
    return {path.name for path in folder.iterdir()}


def test_a_plan_is_a_lock_beside_the_intent_and_a_summary(folder: Path) -> None:
    done = tunelock(folder, "plan")
    assert done.returncode == 0, done.stderr
    assert names(folder) == {"base", "rows", "run.toml", "run.lock"}
    made = lock.read(folder / "run.lock").training()
    assert lock.write(made) == (folder / "run.lock").read_text("utf-8")
    for word in ("verdict", "method", "batch", "memory", "disk", "stages"):
        assert f"\n{word} " in f"\n{done.stdout}"
    assert "wrote run.lock; run it with `tunelock run run.lock`" in done.stderr


def test_a_lock_in_another_folder_is_said_to_need_its_inputs(folder: Path) -> None:
    (folder / "sub dir").mkdir()
    done = tunelock(folder, "plan", "--out", "sub dir/demo.lock")
    said = done.stderr.splitlines()[-1].split("`")[1]
    assert f"--locate model={folder / 'base'} " in said
    (folder / "run.toml").rename(folder / "other.toml")
    words = shlex.split(said.replace("tunelock run", "check"))
    checked = tunelock(folder, *words)
    assert checked.returncode == 0, checked.stderr


def test_neither_the_environment_nor_the_way_there_changes_a_byte(
    folder: Path, tmp_path: Path
) -> None:
    written = []
    for number, (place, intent) in enumerate([(folder, "run.toml"), (tmp_path, "demo/run.toml")]):
        out = tmp_path / f"{number}.lock"
        surroundings = {
            "PYTHONHASHSEED": str(number), "TZ": ["UTC", "Asia/Tokyo"][number],
            "LC_ALL": ["C", "C.UTF-8"][number], "USER": f"user{number}",
        }  # fmt: skip
        done = subprocess.run(
            command("plan", intent, "--out", str(out)),
            cwd=place, env=ENVIRONMENT | surroundings, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_rows_that_teach_nothing_end_with_their_exit_code(folder: Path) -> None:
    path = folder / "rows" / "train.jsonl"
    alone = json.dumps({"messages": [{"role": "user", "content": "alone"}]}) + "\n"
    path.write_text(path.read_text("utf-8") + alone, "utf-8")
    done = tunelock(folder, "plan")
    assert done.returncode == 6
    assert "(row 150)" in done.stderr
    assert "run.lock" not in names(folder)


def test_the_place_of_the_lock_may_be_named(folder: Path, tmp_path: Path) -> None:
    done = tunelock(tmp_path, "plan", "demo/run.toml", "--out", "other.lock")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path) == {"demo", "other.lock"}
    assert "run.lock" not in names(folder)


def test_a_folder_may_hold_several_plans(folder: Path) -> None:
    text = (folder / "run.toml").read_text("utf-8")
    (folder / "long.toml").write_text(text.replace("epochs = 2", "epochs = 4"), "utf-8")
    for intent in ("run.toml", "long.toml"):
        assert tunelock(folder, "plan", intent).returncode == 0
    assert lock.read(folder / "long.lock").training().train.epochs == 4
    for name in ("run.lock", "long.lock"):
        done = tunelock(folder, "check", name)
        assert done.returncode == 0, done.stderr


def test_json_is_the_lock(folder: Path) -> None:
    done = tunelock(folder, "plan", "--json")
    assert json.loads(done.stdout) == lock.read(folder / "run.lock").model_dump()


def test_a_check_says_whether_the_lock_is_up_to_date_and_writes_nothing(folder: Path) -> None:
    missing = tunelock(folder, "plan", "--check")
    assert missing.returncode == 3
    assert missing.stderr == "error: There is no `run.lock` yet.\nhint: tunelock plan run.toml\n"

    tunelock(folder, "plan")
    before = (folder / "run.lock").read_bytes()
    same = tunelock(folder, "plan", "--check")
    assert (same.returncode, same.stdout) == (0, "")
    assert "`run.lock` is up to date" in same.stderr

    small(folder, train__epochs=3)
    stale = tunelock(folder, "plan", "--check")
    assert stale.returncode == 3
    assert "no longer matches" in stale.stderr
    assert "hint: " in stale.stderr
    assert (folder / "run.lock").read_bytes() == before


def test_a_changed_row_makes_a_lock_out_of_date(folder: Path) -> None:
    tunelock(folder, "plan")
    path = folder / "rows" / "train.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[:-1]), "utf-8")
    assert tunelock(folder, "plan", "--check").returncode == 3


@pytest.mark.parametrize("machine", [OTHER, GPU_MACHINE])
def test_a_check_counts_on_the_machine_of_the_lock(folder: Path, machine: MachineFacts) -> None:
    small(folder, machine__device="auto", train__exact=False)
    machine.save(folder / "machine.json")
    planned = tunelock(folder, "plan", "--machine", "machine.json")
    assert planned.returncode == 0, planned.stderr
    done = tunelock(folder, "plan", "--check")
    assert done.returncode == 0, done.stderr


def test_a_dry_run_shows_what_would_change_and_writes_nothing(folder: Path) -> None:
    first = tunelock(folder, "plan", "--dry-run")
    assert first.returncode == 0, first.stderr
    assert "no lock exists yet" in first.stderr
    assert "run.lock" not in names(folder)

    tunelock(folder, "plan")
    before = (folder / "run.lock").read_bytes()
    assert "the lock would not change" in tunelock(folder, "plan", "--dry-run").stderr
    small(folder, train__epochs=3)
    told = tunelock(folder, "plan", "--dry-run")
    assert "  ~ train.epochs  2 → 3  changes weights" in told.stderr
    assert (folder / "run.lock").read_bytes() == before


def test_a_lock_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    done = tunelock(folder, "plan", "--out", "/proc/run.lock")
    assert done.returncode == 2
    told = done.stderr.splitlines()[-2:]
    assert told[0].startswith("error: `/proc/run.lock` cannot be written")
    assert told[1] == "hint: add `--out FILE`, in a folder of your own"
    assert "Traceback" not in done.stderr

    done = tunelock(folder, "plan", "--out", "none/run.lock")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"hint: mkdir -p {folder / 'none'}"


def test_a_missing_intent_is_a_sentence_and_a_hint(tmp_path: Path) -> None:
    done = tunelock(tmp_path, "plan")
    assert done.returncode == 2
    told, hint = done.stderr.splitlines()
    assert told == "error: `run.toml` does not exist."
    assert hint.startswith("hint: `tunelock` (")
    assert not list(tmp_path.iterdir())


def test_a_verdict_against_is_a_sentence_with_the_way_on(folder: Path) -> None:
    small(folder, goal__prompting="works")
    done = tunelock(folder, "plan")
    assert done.returncode == 2
    assert "advises `prompt-engineering`" in done.stderr
    assert "hint: in run.toml: [goal] override = … (why" in done.stderr
    assert "run.lock" not in names(folder)


def test_a_mistyped_key_names_its_line_and_the_nearest(folder: Path) -> None:
    path = folder / "run.toml"
    text = path.read_text("utf-8").replace("epochs =", "epoch =")
    path.write_text(text, "utf-8")
    done = tunelock(folder, "plan")
    assert done.returncode == 2
    line = 1 + text.splitlines().index("epoch = 2")
    assert f"`train.epoch` on line {line} of `run.toml`" in done.stderr
    assert "`train.epochs`" in done.stderr


def test_a_machine_that_is_no_machine_is_a_sentence(folder: Path) -> None:
    done = tunelock(folder, "plan", "--machine", "none.json")
    assert done.returncode == 2
    assert done.stderr == "error: `none.json` does not exist.\nhint: ls .\n"


@pytest.mark.parametrize(
    ("machine", "method", "sentence"),
    [
        (SEVERAL, "", "FSDP2 cannot offload the optimizer without the weights."),
        (SEVERAL.split("\noffload")[0], "qlora", "FSDP2 cannot share a base in NF4: "),
        (
            'device = "cpu"\nprocesses = 2\nparallel = "zero3"',
            "qlora",
            "ZeRO stage 3 cannot share ",
        ),
    ],
)
def test_what_an_engine_cannot_do_is_refused(
    folder: Path, machine: str, method: str, sentence: str
) -> None:
    text = (folder / "run.toml").read_text("utf-8")
    text = text.replace("exact = true\n", "").replace('device = "cpu"', machine)
    text += f'\n[method]\nkind = "{method}"\n' if method else ""
    (folder / "run.toml").write_text(text, "utf-8")
    replace(GPU_MACHINE, gpus=(CARD,) * 4).save(folder / "cards.json")
    done = tunelock(folder, "plan", "--machine", "cards.json")
    assert done.returncode == 2, done.stderr
    assert f"error: {sentence}" in done.stderr
    assert 'hint: in run.toml: [machine] parallel = "auto"' in done.stderr
    assert not (folder / "run.lock").exists()


def test_a_model_that_is_not_read_is_said_to_be_of_a_family(folder: Path) -> None:
    intent = (folder / "run.toml").read_text("utf-8")
    assert 'source = "base"' in intent
    for source, said in (
        ("maker/Kimi-K3", "is of the family `kimi_k3`, which Tunelock does not support yet."),
        ("Qwen/Qwen3-8", "; the nearest known model is `Qwen/Qwen3-8B`."),
        ("maker/base", "; of which family `maker/base` is, its name does not say."),
    ):
        other = intent.replace('source = "base"', f'source = "{source}"')
        (folder / "run.toml").write_text(other, "utf-8")
        done = tunelock(folder, "plan")
        assert done.returncode == 2
        assert said in done.stderr
        assert f"or name a local folder (`{source}` is not one)" in done.stderr
