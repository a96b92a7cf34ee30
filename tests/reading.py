"""Ten functions and ten sentences, drawn for a reader who did not write them.

`python -m tests.reading --seed 7` prints them with where they are. A reader says of each whether
it was understood at first reading; what was not is rewritten, and both forms go into LOG.md.
"""

import argparse
import ast
import random
from collections.abc import Iterator
from pathlib import Path

from tests.words import FLOORS, ROOT

LEAST_LINES, MOST_LINES = 6, 40
"""Of a function that is worth reading alone."""
LEAST_WORDS = 5
"""Of a string that is a sentence."""

Found = tuple[str, int, str]
"""Path, line and text."""


def functions(path: Path) -> Iterator[Found]:
    """Yield the functions and methods of a file."""
    source = path.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_source_segment(source, node) or ""
            if LEAST_LINES <= len(text.splitlines()) <= MOST_LINES:
                yield _place(path), node.lineno, text


def sentences(path: Path) -> Iterator[Found]:
    """Yield the strings of a file that a person may read; what is filled in is `{...}`."""
    tree = ast.parse(path.read_text("utf-8"))
    inner = {id(part) for node in ast.walk(tree) for part in _parts(node)}
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        text = _text(node)
        if len(text.split()) >= LEAST_WORDS:
            yield _place(path), getattr(node, "lineno", 0), " ".join(text.split())


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a docstring's place and what an f-string is made of."""
    if isinstance(node, ast.JoinedStr):
        yield from node.values
    for one in getattr(node, "body", ()) if not isinstance(node, ast.IfExp | ast.Lambda) else ():
        if isinstance(one, ast.Expr):
            yield one.value


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "{...}" for part in node.values)
    return ""


def _place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def drawn(seed: int, count: int = 10) -> tuple[list[Found], list[Found]]:
    """Return functions and sentences; the same ones for the same code and seed."""
    files = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    dice = random.Random(seed)
    return (
        dice.sample([one for path in files for one in functions(path)], count),
        dice.sample([one for path in files for one in sentences(path)], count),
    )


def main() -> None:
    """Print what a seed draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    for kind in drawn(parser.parse_args().seed):
        for path, line, text in kind:
            print(f"## {path}:{line}\n\n{text}\n")


if __name__ == "__main__":
    main()
