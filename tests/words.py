"""The words of the program: `python -m tests.words` lists those that are not plain English.

Strings that a person may read (those with a space), docstrings and comments of the four floors,
questions and tables among them. Add a pattern here when a reader trips over a phrase.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = ("lockfiles", "planner", "runner", "tui")

BANNED = (
    r"goes? on with", r"goes on", r"go on", r"going on", r"gone on", r"beside", r"anew",
    r"tells?", r"told", r"whole", r"stands?", r"stood", r"lies", r"lie", r"lay", r"looks? through",
    r"by hand", r"in vain", r"dear", r"road", r"\w+ manieth", r"as (?:it|they) (?:is|are)",
    r"come into being", r"comes into being", r"no one command", r"carr(?:y|ies|ied) out",
    r"the same command goes", r"learnt", r"licen[c]es?", r"behaviours?", r"colours?", r"centres?",
    r"favours?", r"honours?", r"\w*(?:quanti|organi|optimi|initiali|seriali|normali|recogni|"
    r"tokeni|utili|minimi|maximi|summari)s(?:e|ed|es|ing|ation|er|ers)",
    r"catalog(?!u)", r"all the same", r"ere", r"thereof", r"wherein", r"so often",
)  # fmt: skip
"""Regular expressions of whole words, any case. What is quoted in backticks is not looked at."""
_BANNED = re.compile(rf"(?<![\w`-])(?:{'|'.join(BANNED)})(?![\w-])", re.IGNORECASE)
_QUOTED = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True)
class Found:
    """A phrase that is banned."""

    path: Path
    line: int
    kind: str
    """`string`, `docstring` or `comment`."""
    word: str
    text: str

    def __str__(self) -> str:
        shown = " ".join(self.text.split())
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.kind}: `{self.word}` in: {shown}"


def found(path: Path) -> Iterator[Found]:
    """Yield the banned phrases of a Python file."""
    source = path.read_text("utf-8")
    for kind, line, text in (*_strings(ast.parse(source)), *_comments(source)):
        for hit in _BANNED.finditer(_QUOTED.sub(lambda one: "`" * len(one[0]), text)):
            at = hit.start()
            yield Found(path, line, kind, hit[0], text[max(0, at - 40) : hit.end() + 40])


def _strings(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    documents = {
        id(one.value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        for one in node.body
        if isinstance(one, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            kind = "docstring" if id(node) in documents else "string"
            yield kind, node.lineno, node.value


def _comments(source: str) -> Iterator[tuple[str, int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield "comment", token.start[0], token.string


def everywhere() -> list[Found]:
    """Return the banned phrases of the four floors."""
    files = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    return [one for path in files for one in found(path)]


if __name__ == "__main__":
    listed = [one for one in everywhere() if not sys.argv[1:] or one.kind in sys.argv[1:]]
    print(*listed, sep="\n")
    print(len(listed), file=sys.stderr)
