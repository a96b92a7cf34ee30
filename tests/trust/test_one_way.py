"""Nothing but the places that make text harmless writes to a terminal, or makes markup of it."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TUI = sorted((ROOT / "tui").rglob("*.py"))
ELSEWHERE = sorted(
    path for floor in ("lockfiles", "planner", "runner") for path in (ROOT / floor).rglob("*.py")
)
WRITERS = {"tui/terminal/output.py", "tui/terminal/streams.py", "tui/session/children/parent.py"}
"""The last one speaks to the screen's process in pickled values, never to a terminal."""
PROTOCOLS = {
    "runner/__main__.py", "runner/trace/__main__.py", "runner/rehearse/__main__.py",
    "runner/demo/make_base.py", "runner/rehearse/tiny.py",
}  # fmt: skip
"""Programs whose stdout is read by a program of ours, and the one that makes the demo's model."""
LOGGED = {"runner/engines/process_group.py", "runner/engines/torchrun.py"}
"""Processes of a stage, whose stderr is the run's `log.txt`: texts of ours, with numbers."""
ASKED_OF_STREAMS = {"isatty", "fileno", "flush"}
"""What any module may ask of a stream."""


def nodes(paths: Iterable[Path], *, but: Iterable[str] = ()) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of some modules with the module's name."""
    left_out = set(but)
    for path in paths:
        if (name := path.relative_to(ROOT).as_posix()) not in left_out:
            for node in walked(path):
                yield name, node


@cache
def walked(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def called(node: ast.AST) -> str:
    """Return what is called, as `print` or `click.echo`; empty where nothing is."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_one_module_writes_to_the_terminal() -> None:
    writing = {"print", "click.echo", "click.secho", "click.prompt", "click.confirm"}
    for name, node in nodes(TUI + ELSEWHERE, but=WRITERS | PROTOCOLS | LOGGED):
        where = f"{name}: {ast.unparse(node)[:200]}" if isinstance(node, ast.Call) else name
        assert called(node) not in writing, where
        assert called(node) != "questionary.print" or name == "tui/prompts/ask.py", where
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            stream = ast.unparse(node.value)
            if stream in ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"):
                assert node.attr in ASKED_OF_STREAMS, f"{name}: {ast.unparse(node)}"


def test_lines_become_text_at_one_place() -> None:
    """A newline beside a value, or lines joined by hand, would let the value make a line."""
    for name, node in nodes(TUI, but={"tui/terminal/output.py", "tui/text/data_html.py"}):
        assert called(node) not in ("'\\n'.join", "'\\n\\n'.join"), f"{name}: {ast.unparse(node)}"
        if isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
            newline = any(isinstance(part, str) and "\n" in part for part in parts)
            assert not newline, f"{name}: {ast.unparse(node)}"


def test_no_widget_makes_markup_of_a_text() -> None:
    for name, node in nodes(TUI, but={"tui/terminal/words.py"}):
        if isinstance(node, ast.ImportFrom) and node.module == "textual.widgets":
            known = {"Footer", "Input"}
            assert {one.name for one in node.names} <= known, name
        if isinstance(node, ast.ImportFrom) and node.module in ("rich.text", "textual.content"):
            assert name == "tui/dashboard/panel.py", name
        ways = (".from_markup", ".notify", ".bell", "Input", "Static")
        assert not called(node).endswith(ways), f"{name}: {ast.unparse(node)}"


def test_jinja_makes_all_that_it_shows_harmless() -> None:
    for name, node in nodes(path for path in ELSEWHERE if "runner" in path.parts):
        if called(node) == "jinja2.Environment":
            assert isinstance(node, ast.Call)
            given = {keyword.arg for keyword in node.keywords}
            assert "finalize" in given, f"{name}: {ast.unparse(node)}"
