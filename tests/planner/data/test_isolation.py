"""The child process: its limits, what it may not have, and answers that its parent cannot trust."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import DataRefused, TunelockError
from planner.data.isolation import frames, limits, process, restrictions, starting
from planner.data.isolation.client import Fault, Loaded, load
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import encode, encode_rows
from planner.data.tokens.template import TemplateRunsAway, compile_template, load_template
from planner.data.tokens.tokenizer import load_tokenizer
from runner.demo import files
from tests.few import few
from tests.programs import command

BASE = Path(files.__file__).parent / "base"
ROW = Row((Message("user", "what if i lost my luggage"), Message("assistant", "lost_luggage")))
FOREVER = "{% if messages[0].content == 'x' %}{{ lipsum(n=100000000) }}{% endif %}ok"


@pytest.fixture
def alone() -> Iterator[None]:
    """Let a test have a child process of its own."""
    process.end()
    yield
    process.end()


def child() -> Any:
    """Return the running child process."""
    process.start()
    assert process._PROCESS
    return process._PROCESS._process


def test_a_call_after_one_that_was_ended_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    before = encode(ROW, template, tokenizer)
    first, forever = child().pid, compile_template(FOREVER, {})
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.05)
    with pytest.raises(TemplateRunsAway):
        forever.render([Message("user", "x")])
    monkeypatch.undo()
    assert encode(ROW, template, tokenizer) == before
    assert child().pid != first


def test_a_child_that_is_killed_is_one_sentence(alone: None) -> None:
    template = compile_template(FOREVER, {})
    for number in (signal.SIGKILL, signal.SIGSEGV):
        threading.Timer(0.2, os.kill, (child().pid, number)).start()
        with pytest.raises(TemplateRunsAway, match=f"ended with {number.name}"):
            template.render([Message("user", "x")])


def test_a_child_that_is_stopped_is_ended_in_time(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = load_template(BASE)
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.05)
    os.kill(child().pid, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(TemplateRunsAway, match="it takes too long"):
        template.render([Message("user", "a" * 3_000_000)])
    assert time.monotonic() - start < 3


def test_the_row_that_runs_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    template, tokenizer = compile_template(FOREVER, {}), load_tokenizer(BASE)
    rows = [Row((Message("user", said),)) for said in ("a", "b", "x", "d")]
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.05)
    with pytest.raises(TemplateRunsAway) as refused:
        encode_rows(rows, template, tokenizer)
    assert refused.value.place == 2


def test_a_template_that_is_slow_for_each_row_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "{% for a in range(40000) %}{% for b in range(3) %}{% endfor %}{% endfor %}"
    template, tokenizer = compile_template(slow, {}), load_tokenizer(BASE)
    monkeypatch.setattr(limits, "RENDER_SECONDS", 2.0)
    monkeypatch.setattr(limits, "TURN_SECONDS", 0.0001)
    monkeypatch.setattr(limits, "CPU_SECONDS", limits.RENDER_SECONDS)  # for slow machines
    with pytest.raises(TemplateRunsAway, match="seconds for each turn"):
        encode_rows([ROW] * 1000, template, tokenizer)


def test_a_child_that_goes_on_with_one_row_is_ended(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    process.end()
    loop = "import os\nwhile True: os.write(1, bytes.fromhex({!r}))"
    monkeypatch.setattr(starting, "_CODE", loop.format(frames.announce_row(0).hex()))
    monkeypatch.setattr(process, "_START_SECONDS", 0.5)
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.2)
    with pytest.raises(TemplateRunsAway):
        encode(ROW, template, tokenizer)


def test_threads_share_it() -> None:
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    rows = [Row((Message("user", f"{n} " * n), Message("assistant", str(n)))) for n in range(1, 9)]
    wanted = [encode(row, template, tokenizer) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: encode(row, template, tokenizer), rows * 20))
    assert found == wanted * 20


def test_a_forked_process_has_one_of_its_own() -> None:
    template = load_template(BASE)
    wanted, own = template.render(ROW.messages), child().pid
    forked = os.fork()
    if not forked:
        good = template.render(ROW.messages) == wanted and child().pid != own
        process.end()
        os._exit(0 if good else 1)
    assert os.waitpid(forked, 0)[1] == 0
    assert child().pid == own and template.render(ROW.messages) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_has_no_secrets_no_files_and_cannot_write(
    alone: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "PYTHONPATH", "LD_PRELOAD"):
        monkeypatch.setenv(name, "canary")
    with (tmp_path / "private").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        load_template(BASE)
        place = Path(f"/proc/{child().pid}")
        environment = (place / "environ").read_bytes()
        opened = {os.readlink(one) for one in (place / "fd").iterdir()}
    assert b"canary" not in environment
    assert {name.split(":")[0] for name in opened} == {"pipe", "/dev/null"}
    bounds = (place / "limits").read_text("utf-8")
    values = {line[:26].strip(): line[26:].split()[:2] for line in bounds.splitlines()}
    assert values["Max file size"] == values["Max core file size"] == ["0", "0"]
    assert values["Max processes"] == ["0", "0"]
    assert int(values["Max open files"][1]) < 100
    assert int(values["Max data size"][1]) <= restrictions.HARD_BYTES


@pytest.mark.parametrize(
    "source", [FOREVER, "{{ (range(99999) | list) * 9000 | length }}" + FOREVER]
)
def test_it_does_not_outlive_its_parent(source: str) -> None:
    program = command("render_forever", source)
    parent = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    number = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 60
    while Path(f"/proc/{number}/cmdline").exists() and time.monotonic() < end:
        if not Path(f"/proc/{number}/cmdline").read_bytes():
            break  # ended, and nobody waits for it here
        time.sleep(0.2)
    else:
        assert time.monotonic() < end


def _frame(head: bytes, raw: bytes = b"") -> bytes:
    return frames.HEADER.pack(frames.ANSWER, len(head), len(raw)) + head + raw


LIES = {
    "nothing": b"{",
    "text": b"Traceback (most recent call last):\n",
    "no JSON": _frame(b"{"),
    "no object": _frame(b"[]"),
    "deep": _frame(b"[" * 20_000),
    "digits": _frame(b"1" * 10_000),
    "too long": frames.HEADER.pack(frames.ANSWER, 2**31, 2**31),
    "kind": frames.HEADER.pack(9, 2, 0) + b"{}",
    "more": _frame(b"{}") + b"more",
    "no spans": _frame(b'{"spans": 5}'),
    "spans": _frame(b'{"spans": [[1]]}'),
    "negative": _frame(b'{"spans": [[-1, 2]]}'),
    "no text": _frame(b'{"spans": []}', b"\xff\xfe"),
    "fault": _frame(b'{"fault": "\\u001b[31m"}'),
    "rows": _frame(b'{"rows": []}'),
    "no row": _frame(b'{"rows": [5]}'),
    "few tokens": _frame(b'{"rows": [{"tokens": 1000000}]}'),
    "true": _frame(b'{"rows": [{"tokens": true}]}'),
    "out of turn": frames.announce_row(7),
}
_LIAR = "import os, sys; os.read(0, 1 << 16); os.write(1, bytes.fromhex({!r})); os.read(0, 1)"


@pytest.mark.parametrize("lie", few(LIES.values()), ids=LIES)
def test_an_answer_that_cannot_be_is_one_sentence(
    lie: bytes, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    process.end()
    monkeypatch.setattr(starting, "_CODE", _LIAR.format(lie.hex()))
    monkeypatch.setattr(process, "_START_SECONDS", 1.0)
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.1)
    for call in (
        lambda: template.render(ROW.messages),
        lambda: encode(ROW, template, tokenizer),
    ):
        with pytest.raises(TunelockError) as caught:
            call()
        assert "\x1b" not in caught.value.message and len(caught.value.message) < 300
        process.end()


def test_a_child_that_never_starts_is_one_sentence(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_CODE", "import missing_module")
    with pytest.raises(DataRefused, match="ended with exit code 1"):
        compile_template("a", {})


def test_what_it_forgot_is_given_again(alone: None) -> None:
    first = compile_template("first", {})
    for number in range(40):
        compile_template(f"{number}", {})
    assert first.render([Message("user", "a")]) == "first"
    with pytest.raises(Fault):
        load(Loaded("key", {"do": "unknown"}, b"", 1.0))
