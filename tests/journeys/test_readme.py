"""Every example of the README, run as it stands; `UPDATE_README=1` writes its output anew."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from planner.machines.facts import Gpu, MachineFacts
from tests.journeys.demo_folder import ENVIRONMENT

for package in ("trl", "gguf", "llama_cpp"):
    pytest.importorskip(package)

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_UPDATE = "UPDATE_README" in os.environ
_CARD = Gpu("NVIDIA GeForce RTX 4090", 25_757_220_864, 24_910_000_000, "8.9")
MACHINE = MachineFacts("cuda", (_CARD,), 16, 64 << 30, 51 << 30, 412 << 30, "580.95")


def masked(text: str) -> str:
    """Return text without what differs between machines: numbers, digests, widths, and whether
    something took seconds or minutes."""
    text = re.sub(r"[0-9a-f]{8,}", "DIGEST", text)
    text = re.sub(r"[+-]?\d[\d.,]*|[ ]+", lambda found: " " if found[0][0] == " " else "N", text)
    return re.sub(r"\bN (?:min|h)\b", "N s", text)


def said(command: str, folder: Path) -> str:
    """Run a command as a person at a shell would, and return what it writes."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"{command}"], cwd=folder, env=ENVIRONMENT | {"PATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command} ended with {done.returncode}"
    return done.stdout


def test_every_example_says_what_the_readme_says(
    demo: tuple[Path, CompletedProcess[str]], tmp_path: Path
) -> None:
    shutil.copytree(demo[0], tmp_path / "demo")
    MACHINE.save(tmp_path / "demo" / "rtx4090.json")
    text, at = README.read_text("utf-8"), tmp_path
    for block in _BLOCK.findall(text):
        told = ""
        for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            told += f"$ {command}\n"
            if command.startswith("cd "):
                at /= command.removeprefix("cd ")
            else:
                told += said(command, at)
        if _UPDATE:
            text = text.replace(block, told)
        else:
            assert masked(told) == masked(block)
    if _UPDATE:
        README.write_text(text, "utf-8")
