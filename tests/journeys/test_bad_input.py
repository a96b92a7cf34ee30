"""Bad input of every kind: one sentence, a hint, the exit code, and nothing lost.

`pytest -s tests/journeys/test_bad_input.py` prints the table of what was tried.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from planner.machines.facts import MachineFacts
from tests.journeys.demo_folder import small, tunelock

Spoil = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """One way in which input is bad."""

    what: str
    spoil: Spoil
    command: tuple[str, ...]
    code: int
    sentence: str
    """What the message says, in part."""


def write(name: str, text: str) -> Spoil:
    """Put a file in place of another."""
    return lambda folder: put(folder / name, text)


def put(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def remove(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def replace(name: str, old: str, new: str) -> Spoil:
    """Change some text in a file."""

    def spoil(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text, f"{old!r} is not in {name}"
        put(folder / name, text.replace(old, new, 1))

    return spoil


def flip(name: str) -> Spoil:
    """Change one bit in the last byte of a file."""

    def spoil(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)

    return spoil


def pickled(folder: Path) -> None:
    (folder / "base" / "model.safetensors").rename(folder / "base" / "pytorch_model.bin")


def no_folder(folder: Path) -> None:
    put(folder / "runs", "a file stands where the folder should be")


ROW = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
FEW = "".join(ROW.replace('"a"', f'"{word} {word}ly"') for word in "abcdefghijklmnopqrst")
ASKED = '{"messages": [{"role": "user", "content": "a"}]}\n'
PLAN, RUN, CHECK = ("plan",), ("run", "--foreground"), ("check",)
CASES = (
    Case("no run.toml", remove("run.toml"), PLAN, 2, "`run.toml` does not exist"),
    Case("empty run.toml", write("run.toml", ""), PLAN, 2, "`data.train` is required but"),
    Case("run.toml is no TOML", write("run.toml", "[goal\n"), PLAN, 2, "line 1"),
    Case(
        "unknown key in run.toml", replace("run.toml", "epochs", "epocs"), PLAN, 2,
        "`train.epocs` on line 17 of `run.toml` is an unknown key; the nearest known one is "
        "`train.epochs`",
    ),
    Case(
        "a key of another table", replace("run.toml", "epochs = 2", 'packing = "on"'), PLAN, 2,
        '`method.packing`.\nhint: in run.toml: [method] packing = "on"',
    ),
    Case(
        "a planned value of another table",
        replace("run.toml", "[goal]", '[goal]\nobjective = "kto"'), PLAN, 2,
        "is `method.objective`, and `kto` is planned for a later version",
    ),
    Case(
        "a key with the name of a level", replace("run.toml", "epochs = 2", "bf16 = true"), PLAN, 2,
        "`train.bf16` on line 17 of `run.toml` is an unknown key",
    ),
    Case(
        "a value out of range", replace("run.toml", "epochs = 2", "epochs = -2"), PLAN, 2,
        "must be from 1 to 1000",
    ),
    Case("no data file", remove("rows/train.jsonl"), PLAN, 2, "is not a file"),
    Case("empty data file", write("rows/train.jsonl", ""), PLAN, 2, "has no rows"),
    Case(
        "a broken line", write("rows/train.jsonl", ROW * 3 + "{\n" + ROW), PLAN, 6,
        "line 4 is not valid JSON",
    ),
    Case(
        "a row without its columns", write("rows/train.jsonl", ROW * 2 + '{"text": "c"}\n'), PLAN,
        6, "line 3",
    ),
    Case("no known format", write("rows/train.jsonl", '{"a": 1}\n'), PLAN, 2, "match no format"),
    Case(
        "a row without an answer",
        write("rows/train.jsonl", ROW * 120 + ASKED), PLAN, 6, "row",
    ),
    Case("too few rows", write("rows/train.jsonl", FEW), PLAN, 2, "at least 100 are needed"),
    Case("one row many times", write("rows/train.jsonl", ROW * 20), PLAN, 6, "too similar"),
    Case("model without safetensors", pickled, PLAN, 2, "no `.safetensors` weights"),
    Case("torn weights", write("base/model.safetensors", "torn"), PLAN, 2, "safetensors"),
    Case("no chat template", remove("base/chat_template.jinja"), PLAN, 6, "no chat template"),
    Case("config without a field", write("base/config.json", "{}"), PLAN, 2, "has no field"),
    Case("a GPU that is not here", replace("run.toml", '"cpu"', '"cuda"'), PLAN, 4, "no NVIDIA"),
    Case("no lock", remove("run.lock"), RUN, 2, "`run.lock` does not exist"),
    Case(
        "unknown key in run.lock", replace("run.lock", "\nweight_decay", "\nweight_decai"), RUN, 2,
        "the nearest known one is `weight_decay`",
    ),
    Case(
        "a newer lock", replace("run.lock", "version = 1", "version = 2"), RUN, 2,
        "is a lock of version 2, but this version of Tunelock reads up to version 1",
    ),
    Case(
        "run.toml edited after locking", replace("run.toml", "epochs = 2", "epochs = 3"), RUN, 3,
        "no longer matches `",
    ),
    Case("a changed row", replace("rows/train.jsonl", "what", "wat"), RUN, 5, "does not match"),
    Case("a changed weight", flip("base/model.safetensors"), RUN, 5, "model.files"),
    Case("a changed weight, checked", flip("base/model.safetensors"), CHECK, 5, "model.files"),
    Case("a runs folder that cannot be written", no_folder, RUN, 2, "cannot be written"),
    Case(
        "a lock edited by hand", replace("run.lock", "\ndisk_bytes = ", "\ndisk_bytes = 9"), RUN, 5,
        "was edited after it was planned",
    ),
    Case(
        "too little memory", replace("run.toml", "device =", 'facts = "small.json"\ndevice ='),
        PLAN, 4, "GiB",
    ),
    Case("an unknown command", lambda folder: None, ("trian",), 2, "is not a tunelock command"),
    Case("no run to watch", lambda folder: None, ("watch",), 2, "There are no runs"),
)  # fmt: skip


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small(tmp_path_factory.mktemp("planned"))
    MachineFacts("cpu", (), 2, 600 << 20, 600 << 20, 1 << 40, "").save(folder / "small.json")
    done = tunelock(folder, "plan")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_bad_input_is_one_sentence(case: Case, planned: Path, tmp_path: Path) -> None:

    folder = Path(shutil.copytree(planned, tmp_path / "work"))
    case.spoil(folder)
    before = contents(folder)
    done = tunelock(folder, *case.command)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    print(f"\n{case.what} | {errors[0] if errors else done.stderr} | {done.returncode}")
    assert done.returncode == case.code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(errors) == 1
    assert case.sentence in errors[0] + done.stderr.partition(errors[0])[2]
    assert "hint: " in done.stderr
    after = contents(folder)
    assert {name: after.get(name) for name in before} == before, "what was there is still there"


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder with its bytes, but those of run folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "runs" not in path.relative_to(folder).parts[:-1]
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_too_full_is_said_before_the_first_step(planned: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(planned, tmp_path / "work"))
    (folder / "runs").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder / "runs")]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        done = tunelock(folder, *RUN)
        print(f"\na disk too full | {done.stderr} | {done.returncode}")
        assert done.returncode == 4
        assert "of disk space, but `" in done.stderr and "hint: " in done.stderr
        assert "has only 4.2 MB free" in done.stderr
        assert list((folder / "runs").iterdir()) == []
    finally:
        subprocess.run(["umount", str(folder / "runs")], check=True)
