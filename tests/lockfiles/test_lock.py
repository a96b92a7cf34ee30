"""The lock's text: canonical, closed to unknown keys, and hostile input refused."""

import pytest

from lockfiles import lock
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from tests.lockfiles.samples import LOCK


def test_writing_what_was_parsed_gives_the_same_bytes() -> None:
    text = lock.write(LOCK)
    assert text.endswith("\n")
    assert lock.write(lock.parse(text)) == text
    assert lock.parse(text) == LOCK


def test_list_items_stand_on_lines_of_their_own() -> None:
    assert '    "q_proj",\n    "v_proj",\n' in lock.write(LOCK)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rank = 16", "rnak = 16", "`method.rnak` on line {line} of `run.lock` is an unknown key"),
        ("rank = 16", "rank = 16\nrankk = 1", "the nearest known one is `rank`"),
        ("rank = 16", 'rank = "16"', "`method.rank` on line {line} of `run.lock` is wrong"),
        ("rank = 16\n", "", "`method.rank` of `run.lock` is missing"),
        ("version = 1", "version = 2", "is a lock of version 2"),
        ("version = 1", 'version = "one"', "`version` on line {line} of `run.lock` is wrong"),
        ("rank = 16", "rank = ", "is not valid TOML"),
        ('source = "local:train"', 'source = "/etc/passwd"', "`data.source`"),
        ('name = "model.safetensors"', 'name = "../../x"', "`model.files.name`"),
        ('kind = "gguf"', 'kind = "shell"', "`stage.kind`"),
        ('name = "sft"', 'name = "grpo"', "`objective.name` on line {line} of `run.lock` is wrong"),
        ('name = "sft"', 'name = "sft"\nbeta = 1', "`objective.beta` on line {line} of `run.lock`"),
        ('name = "sft"\n', "", "`objective.name` of `run.lock` is missing"),
        ("rank = 16", 'objective = "sft"\nrank = 16', "`method.objective` on line"),
    ],
)
def test_bad_locks_are_one_sentence(old: str, new: str, message: str) -> None:
    text = lock.write(LOCK)
    assert old in text
    broken = text.replace(old, new, 1)
    line = (
        next(n for n, row in enumerate(broken.splitlines(), 1) if row == new.split("\n")[-1])
        if ("{line}" in message)
        else 0
    )
    with pytest.raises(UsageProblem) as caught:
        lock.parse(broken)
    assert message.format(line=line) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2


def test_short_tables_of_a_list_have_headers_of_their_own() -> None:
    table = {
        "version": 1,
        "none": [],
        "one": {"a": [1]},
        "fix": [{"step": "drop", "rows": 3}, {"step": "cut", "inner": {"more": "[x]"}}],
    }
    written = toml.write(table, header="h")
    assert '[[fix]]\nstep = "drop"\nrows = 3\n\n[[fix]]\nstep = "cut"\n\n[fix.inner]\n' in written
    assert toml.parse(written, name="x") == table
    assert toml.write(toml.parse(written, name="x"), header="h") == written
    assert written.index("[one]") < written.index("[[fix]]")


def test_a_lock_that_was_cut_off_is_planned_again() -> None:
    with pytest.raises(UsageProblem, match="is not valid TOML") as raised:
        lock.parse(lock.write(LOCK)[:3000] + "\n[")
    assert raised.value.hint == "plan again: tunelock plan run.toml"
