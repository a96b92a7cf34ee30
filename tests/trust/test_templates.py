"""A stranger's chat template or tokenizer under the commands: one sentence, and an exit code."""

import json
import time
from pathlib import Path

import pytest

from tests.journeys.demo_folder import small, tunelock

_SPENDS = "{{ messages[0].content | center((messages | length) * 3000000000) }}"
_NEVER_ENDS = "{{ lipsum(n=100000000) }}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small(tmp_path, results__gguf=[])  # an export refuses odd tokenizers by itself


def refused(folder: Path, code: int, said: str) -> None:
    """Say that `data` and `plan` end in time with this exit code and one sentence."""
    for arguments in (("data", "rows/train.jsonl", "--model", "base"), ("plan", "run.toml")):
        begun = time.monotonic()
        done = tunelock(folder, *arguments)
        assert time.monotonic() - begun < 60
        assert done.returncode == code, done.stderr
        (line,) = (one for one in done.stderr.splitlines() if one.startswith("error: "))
        assert said in line and "Traceback" not in done.stderr
    assert not (folder / "run.lock").exists()


def test_a_template_that_spends_memory(folder: Path) -> None:
    (folder / "base" / "chat_template.jinja").write_text(_SPENDS)
    refused(folder, 6, "it takes more than 128 MiB of memory")


@pytest.mark.slow
def test_a_template_that_never_ends(folder: Path) -> None:
    (folder / "base" / "chat_template.jinja").write_text(_NEVER_ENDS)
    refused(folder, 6, "it takes too long")


def test_a_template_that_steers_the_terminal(folder: Path) -> None:
    source = "{{ raise_exception('no\\n\\x1b[31merror: forged') }}"
    (folder / "base" / "chat_template.jinja").write_text(source)
    done = tunelock(folder, "plan", "run.toml")
    assert done.returncode == 6 and "Traceback" not in done.stderr


def test_a_tokenizer_that_aborts(folder: Path) -> None:
    path = folder / "base" / "tokenizer.json"
    one = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 64}
    many = {"type": "Sequence", "normalizers": [one] * 6}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"normalizer": many}))
    refused(folder, 2, "crashed its process with SIGABRT (out of memory)")
