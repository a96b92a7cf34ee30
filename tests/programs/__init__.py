"""Programs that tests run in processes of their own, each by its path."""

import sys
from pathlib import Path


def path(name: str) -> Path:
    """Return the file of a program."""
    return Path(__file__).with_name(f"{name}.py")


def words(name: str, *arguments: object) -> tuple[str, ...]:
    """Return what stands after `python` to run a program with some arguments."""
    return ("-P", str(path(name)), *map(str, arguments))


def command(name: str, *arguments: object) -> list[str]:
    """Return the command that runs a program with some arguments."""
    return [sys.executable, *words(name, *arguments)]
