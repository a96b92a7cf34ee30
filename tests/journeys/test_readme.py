"""Every example of the README and of `docs/`, run in the folder of a demo.

The demo is a finished one for the pages that look at its run, and a planned one for the others. A
page that says `cd demo` begins in the folder around it. Of each page, in order: a `toml` block
with a title is written to the file of that name, and the commands of a `console` block are run and
say what the block says. A command that fails is followed by `$ echo $?`, and shows what it writes
to stderr. `UPDATE_README=1` writes the output again.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lockfiles import intent
from planner.interview.questions import BY_KEY
from planner.machines.facts import Gpu, MachineFacts
from tests.forked import forks
from tests.journeys.demo_folder import ENVIRONMENT, tunelock
from tests.kept import seed

for package in ("trl", "gguf", "llama_cpp"):
    pytest.importorskip(package)

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SLOW = (
    "README.md", "docs/does-it-fit.md", "docs/first-fine-tune.md", "docs/resuming.md",
    "docs/run-folder.md",
)  # fmt: skip
"""Pages with examples that train, or that look at a finished run."""
_BLOCK = re.compile(r'```(console|toml)(?: title="([\w./-]+)")?\n(.*?)```', re.DOTALL)
_UPDATE = "UPDATE_README" in os.environ
_CARD = Gpu("NVIDIA GeForce RTX 4090", 25_757_220_864, 24_910_000_000, "8.9")
MACHINE = MachineFacts("cuda", (_CARD,), 16, 64 << 30, 51 << 30, 412 << 30, "580.95")
CODE = "echo $?"
INTO = "cd demo"


def masked(text: str) -> str:
    """Return text without what differs between machines: numbers, digests, widths, and whether
    something took seconds or minutes. Exit codes stay."""
    text = re.sub(r"(?<=\$ echo \$\?\n)\d+", lambda found: "x" * int(found[0]), text)
    text = re.sub(r"[0-9a-f]{8,}", "DIGEST", text)
    text = re.sub(r"[+-]?\d[\d.,]*|[ ]+", lambda found: " " if found[0][0] == " " else "N", text)
    text = re.sub(r"N% (?:above|below)(?: the prediction)?|as predicted|\bequal\b", "N% off", text)
    return re.sub(r"\bN (?:min|h)\b", "N s", text)


@dataclass
class Shell:
    """Runs commands one after another, as a person at a shell would."""

    folder: Path
    """Where the next command runs; `cd demo` moves it."""
    cache: Path
    """Where measurements of this machine are kept: those of other pages change what is said."""
    code: int = 0
    """How the last command ended."""

    def said(self, block: str) -> str:
        """Return the commands of a block, each with what it writes.

        A command that fails must be followed by `echo $?`, and its errors are shown.
        """
        commands = re.findall(r"^\$ (.*)$", block, re.MULTILINE)
        return "".join(
            f"$ {command}\n{self._run(command, may_fail=after == CODE)}"
            for command, after in pairwise([*commands, ""])
        )

    def _run(self, command: str, *, may_fail: bool) -> str:
        if command == CODE:
            return f"{self.code}\n"
        if command == INTO:
            self.folder /= "demo"
            return ""
        done = self._ended(command)
        self.code = done.returncode
        assert may_fail or not self.code, f"`{command}` ended with {self.code}: {done.stderr}"
        return done.stdout + (done.stderr if self.code else "")

    def _ended(self, command: str) -> CompletedProcess[str]:
        """Return how a command ended; one of `tunelock` is forked (`tests/forked.py`), and what
        it writes is given to the pipe after it."""
        own = {"XDG_CACHE_HOME": str(self.cache)}
        alone, _, piped = command.partition(" | ")
        name, *arguments = shlex.split(alone)
        if name == "tunelock" and not re.search(r"[<>&;]", alone) and forks(*arguments):
            done = tunelock(self.folder, *arguments, **own)
            if not piped:
                return done
            command, given = piped, done.stdout
        else:
            given = ""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=ENVIRONMENT | {"PATH": path} | own,
            input=given, capture_output=True, text=True,
        )  # fmt: skip


def pages() -> Iterator[object]:
    """Yield each page that has examples, marked slow where they train."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        if any(kind == "console" or title for kind, title, _ in _blocks(page)):
            marks = [pytest.mark.slow] if name in SLOW else []
            yield pytest.param(page, id=name, marks=marks)


def _blocks(page: Path) -> list[tuple[str, str, str]]:
    return _BLOCK.findall(page.read_text("utf-8"))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo that is planned and not run."""
    folder = tmp_path_factory.mktemp("planned")
    seed(folder / "cache")
    own = {"XDG_CACHE_HOME": str(folder / "cache")}
    assert tunelock(folder, "demo", "--into", "demo", "--files-only", **own).returncode == 0
    assert tunelock(folder / "demo", "plan", **own).returncode == 0
    return folder / "demo"


@pytest.fixture
def folder(page: Path, request: pytest.FixtureRequest) -> Path:
    """The demo that a page needs."""
    if str(page.relative_to(ROOT)) in SLOW:
        finished: tuple[Path, CompletedProcess[str]] = request.getfixturevalue("demo")
        return finished[0]
    found: Path = request.getfixturevalue("planned")
    return found


@pytest.mark.parametrize("page", pages())
def test_every_example_says_what_the_page_says(folder: Path, tmp_path: Path, page: Path) -> None:
    shutil.copytree(folder, tmp_path / "demo")
    MACHINE.save(tmp_path / "demo" / "rtx4090.json")
    text = page.read_text("utf-8")
    seed(cache := tmp_path / "cache")
    shell = Shell(tmp_path if f"\n$ {INTO}\n" in text else tmp_path / "demo", cache)

    def again(found: re.Match[str]) -> str:
        kind, title, block = found.groups()
        if kind == "toml":
            _lay(title or "", block, shell.folder)
            return found[0]
        written = shell.said(block)
        assert _UPDATE or masked(written) == masked(block)
        return f"```console\n{written}```"

    made = _BLOCK.sub(again, text)
    if _UPDATE:
        page.write_text(made, "utf-8")


def _lay(title: str, block: str, folder: Path) -> None:
    """Write a block with a title to its file; of one without, look at the keys alone."""
    if title.startswith("examples/"):
        assert block == (ROOT / title).read_text("utf-8")
    elif title:
        (folder / title).write_text(block, "utf-8")
    else:
        assert set(intent.parse(block).values) <= set(BY_KEY)


@pytest.mark.parametrize("wrong", ["false", "true\n$ false"])
def test_a_failure_that_no_page_expects_is_one(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended with 1"):
        Shell(tmp_path, tmp_path).said(f"$ {wrong}\n")


def test_an_exit_code_is_compared() -> None:
    assert masked("$ echo $?\n3\n") != masked("$ echo $?\n2\n")
    assert masked("took 3 s\n") == masked("took 20 min\n")
