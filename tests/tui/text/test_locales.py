"""What is written, and to whom: any text in any locale, and commands that can be pasted."""

import json
import os
import subprocess
from pathlib import Path

from tests.journeys.demo_folder import ENVIRONMENT, command
from tests.tui.follow.test_follow import DONE, write

ASCII = {**ENVIRONMENT, "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


def said(folder: Path, *arguments: str, environment: dict[str, str]) -> tuple[str, str]:
    ended = subprocess.run(
        command(*arguments), cwd=folder, env=environment, capture_output=True, timeout=60,
        check=True,
    )  # fmt: skip
    return ended.stdout.decode("utf-8"), ended.stderr.decode("utf-8")


def test_a_locale_without_the_symbols_ends_nothing(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    write(run, DONE)
    assert "\\u2713 " in said(tmp_path, "status", environment=ASCII)[0]
    wanted = said(tmp_path, "status", "--json", environment=dict(ENVIRONMENT))[0]
    assert json.loads(said(tmp_path, "status", "--json", environment=ASCII)[0]) == json.loads(
        wanted
    )


def test_what_to_type_next_can_be_pasted(tmp_path: Path) -> None:
    environment = {**os.environ, **ENVIRONMENT}
    _, told = said(tmp_path, "demo", "--into", "my demo's", "--files-only", environment=environment)
    typed = told.split(": ", 1)[1].split(" && ")[0]
    subprocess.run(["sh", "-c", typed], cwd=tmp_path, check=True)
