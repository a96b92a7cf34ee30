"""Hostile files: every input that a command reads, replaced by what it should never be.

Each ends with one sentence, a hint and a known exit code, or is read as it stands; never with a
traceback, and never after a long time.
"""

import random
from pathlib import Path

import pytest

from tests.journeys.demo_folder import small, tunelock
from tests.tui.follow.test_follow import DONE, write

CONTENTS = {
    "empty": b"",
    "zeros": bytes(200),
    "random": random.Random(1).randbytes(500),
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "a text": b'"x"',
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 50_000,
    "a huge line": b'{"messages":"' + b"a" * 30_000_000 + b'"}',
    "NaN": b'{"a": NaN, "hidden_size": NaN}',
    "a huge number": b'{"hidden_size": ' + b"9" * 5000 + b"}",
    "Latin-1": b"\xe4\xf6",
}
PLAN = ("plan", "--dry-run")
INPUTS = (
    ("run.toml", PLAN),
    ("run.lock", ("check",)),
    ("run.lock", ("diff", "run.lock", "run.lock")),
    ("locations.toml", ("check",)),
    ("machine.json", (*PLAN, "--machine", "machine.json")),
    ("rows/train.jsonl", PLAN),
    ("base/config.json", PLAN),
    ("base/config.json", ("fit", "base", "--memory", "24")),
    ("base/generation_config.json", PLAN),
    ("base/tokenizer.json", PLAN),
    ("base/tokenizer_config.json", PLAN),
    ("base/chat_template.jinja", PLAN),
    ("base/model.safetensors", PLAN),
    ("runs/a/events.jsonl", ("status", "runs/a")),
    ("runs/a/run.lock", ("status", "runs/a")),
    ("runs/a/.inuse", ("stop", "runs/a")),
)
KNOWN_CODES = {0, 1, 2, 3, 4, 5, 6, 75}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planned demo with every file that is replaced here."""
    made = small(tmp_path_factory.mktemp("hostile"))
    assert tunelock(made, "plan").returncode == 0
    assert tunelock(made, "doctor", "--machine", "machine.json").returncode == 0
    (made / "locations.toml").write_text('train = "rows/train.jsonl"\n')
    write(made / "runs" / "a", DONE)
    (made / "runs" / "a" / ".inuse").write_text("1")
    (made / "runs" / "a" / "run.lock").write_bytes((made / "run.lock").read_bytes())
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("name", "command"), INPUTS, ids=lambda value: " ".join(value)[:40])
def test_no_content_ends_in_a_traceback(folder: Path, name: str, command: tuple[str, ...]) -> None:
    path = folder / name
    kept = path.read_bytes()
    try:
        for what, content in {**CONTENTS, "cut": kept[: len(kept) // 2]}.items():
            path.write_bytes(content)
            done = tunelock(folder, *command)
            said = f"{what}: {done.returncode}\n{done.stderr[-1500:]}"
            assert "Traceback" not in done.stderr, said
            assert done.returncode in KNOWN_CODES, said
            errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
            assert len(errors) == (done.returncode != 0), said
            assert done.returncode == 0 or "hint: " in done.stderr, said
    finally:
        path.write_bytes(kept)
