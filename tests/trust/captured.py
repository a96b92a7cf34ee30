"""Command lines carried out in this process, and what they showed."""

import contextlib
import io
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from lockfiles.stages import StageTable
from lockfiles.training import Parallel
from runner.demo import files
from tests.planned import MACHINE
from tui import cli
from tui.terminal import output


def lay_out(folder: Path) -> Path:
    """Write what the faces read: the demo, and a folder that is the current one meanwhile."""
    files.write(folder)
    path = folder / "rows" / "train.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[:30]), "utf-8")
    MACHINE.save(folder / "machine.json")
    return folder


def shown(*arguments: str) -> str:
    """Return what a command line writes to stdout and stderr, carried out in this process."""
    return written(lambda: cli.command(arguments))


def written(command: Callable[[], object]) -> str:
    """Return what a command writes, to its end in one way or another."""
    out, err = io.StringIO(), io.StringIO()
    with _hooks(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            output.guarded(command)
        except SystemExit as ended:
            assert ended.code in range(131), ended.code
    said = err.getvalue()
    assert "Traceback" not in said, said[-2000:]
    return f"{out.getvalue()}\n{said}"


@contextlib.contextmanager
def _hooks() -> Iterator[None]:
    kept = warnings.showwarning, threading.excepthook, sys.unraisablehook
    factory = logging.getLogRecordFactory()
    try:
        with warnings.catch_warnings():  # no lock that was read has such values
            warnings.filterwarnings("ignore", message="Pydantic serializer warnings")
            yield
    finally:
        warnings.showwarning, threading.excepthook, sys.unraisablehook = kept
        logging.setLogRecordFactory(factory)


_LOOKED_UP: dict[type, set[str]] = {
    StageTable: {"id", "kind", "inputs"},
    Parallel: {"engine", "offload"},
}
"""Fields of a closed set, by their table."""


def spoiled(value: Any, text: str) -> Any:
    """Return a value in which every text is another, but for those that the code looks up."""
    if isinstance(value, BaseModel):
        kept = _LOOKED_UP.get(type(value).__mro__[1 if isinstance(value, StageTable) else 0], set())
        names = type(value).model_fields
        found = {name: getattr(value, name) for name in names}
        changed = {name: v if name in kept else spoiled(v, text) for name, v in found.items()}
        return type(value).model_construct(**changed)
    if is_dataclass(value) and not isinstance(value, type):
        found = {one.name: spoiled(getattr(value, one.name), text) for one in fields(value)}
        return replace(cast(Any, value), **found)
    if isinstance(value, dict):
        return {key: spoiled(inner, text) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(spoiled(inner, text) for inner in value)
    return text if isinstance(value, str) else value


def html_text(page: str) -> str:
    """Return the text of a page of ours, where a string opened no tag and closed none."""
    found = _Html()
    found.feed(page)
    found.close()
    return found.text


class _Html(HTMLParser):
    _KNOWN = frozenset(
        re.findall(
            r"\w+",
            """
        html head meta title style body h1 h2 table tr th td p b code div details summary svg text
        rect
    """,
        )
    )

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self._KNOWN, tag
        assert not any(name.startswith("on") for name, _ in attrs), attrs
        known = {"class": 40, "aria-label": 200}
        assert all(len(value or "") <= known.get(name, 60) for name, value in attrs), attrs

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        self.text += data


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[Path]:
    """Make a folder the current one, with what the faces read."""
    with contextlib.chdir(lay_out(folder)):
        os.environ["HF_HUB_OFFLINE"] = "1"
        yield folder
