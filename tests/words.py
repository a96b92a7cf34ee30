"""The words of the program: `python -m tests.words [KIND ...]` lists those that are not plain.

Kinds are `string` (those with a space, which a person may read), `docstring` and `comment` of the
four floors, and `paper`: README, `docs/`, other Markdown, examples, templates and the Makefile's
help. Add a pattern here when a reader trips over a phrase.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = ("lockfiles", "planner", "runner", "tui")
PAPERS = (
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile", "mkdocs.yml",
    "docs/*.md", "examples/*.toml", "runner/**/*.jinja",
)  # fmt: skip
"""Patterns of hand-written files; `docs/reference` is made from the code."""

BANNED = (
    r"goes? on with", r"goes on", r"go on", r"going on", r"gone on", r"beside", r"anew",
    r"tells?", r"told", r"whole", r"stands?", r"stood", r"lies", r"lie", r"lay", r"looks? through",
    r"by hand", r"in vain", r"dear", r"road", r"\w+ manieth", r"as (?:it|they) (?:is|are)",
    r"come into being", r"comes into being", r"no one command", r"carr(?:y|ies|ied) out",
    r"the same command goes", r"learnt", r"licen[c]es?", r"behaviours?", r"colours?", r"centres?",
    r"favours?", r"honours?", r"\w*(?:quanti|organi|optimi|initiali|seriali|normali|recogni|"
    r"tokeni|utili|minimi|maximi|summari)s(?:e|ed|es|ing|ation|er|ers)",
    r"catalog(?!u)", r"all the same", r"ere", r"thereof", r"wherein", r"so often", r"any more",
    r"(?<!there )is no (?!longer|more|other|such)\w+", r"heard (?:of|from|again)", r"wakes?",
    r"woken", r"somebody", r"counts on", r"for want of", r"fault of (?:its|our) own",
    r"mend(?:s|ed|ing)?", r"upkeep", r"foretells?", r"puts? (?:it|them) back", r"by heart",
    r"holds here", r"cannot hold", r"neighbours?",
)  # fmt: skip
"""Regular expressions of complete words, any case. Text in backticks is not checked."""
_BANNED = re.compile(rf"(?<![\w`-])(?:{'|'.join(BANNED)})(?![\w-])", re.IGNORECASE)
_QUOTED = re.compile(r"`[^`\n]*`")
_OLD = re.compile(r"The whole effective batch|beside the estimate")
"""Texts of earlier locks, which are still read."""
_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Found:
    """A phrase that is banned."""

    path: Path
    line: int
    kind: str
    """`string`, `docstring`, `comment` or `paper`."""
    word: str
    text: str

    def __str__(self) -> str:
        shown = " ".join(self.text.split())
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.kind}: `{self.word}` in: {shown}"


def found(path: Path) -> Iterator[Found]:
    """Yield the banned phrases of a Python file, or of another file of text."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        yield from _banned(path, "paper", 1, _prose(path, source))
        return
    for kind, line, text in (*_strings(ast.parse(source)), *_comments(source)):
        yield from _banned(path, kind, line, text)


def _banned(path: Path, kind: str, line: int, text: str) -> Iterator[Found]:
    for hit in _BANNED.finditer(_OLD.sub(_blank, _QUOTED.sub(_blank, text))):
        at = hit.start()
        place = line if kind == "docstring" else line + text.count("\n", 0, at)
        yield Found(path, place, kind, hit[0], text[max(0, at - 40) : hit.end() + 40])


def _blank(one: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "`", one[0])


def _prose(path: Path, source: str) -> str:
    """Return what a file says in words, its other characters blanked: no code, no commands."""
    if path.suffix == ".md":
        return _FENCED.sub(_blank, source)
    if path.suffix == ".toml":
        return re.sub(r"^[^#\n]+", _blank, source, flags=re.MULTILINE)
    if path.name == "Makefile":
        return re.sub(r"^(?:(?!##).)+", _blank, source, flags=re.MULTILINE)
    return source


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


def everywhere(floors: Iterable[str] = FLOORS, papers: Iterable[str] = PAPERS) -> list[Found]:
    """Return the banned phrases of some floors and papers."""
    files = [path for floor in floors for path in sorted((ROOT / floor).rglob("*.py"))]
    files += [path for pattern in papers for path in sorted(ROOT.glob(pattern))]
    return [one for path in files for one in found(path)]


if __name__ == "__main__":
    listed = [one for one in everywhere() if not sys.argv[1:] or one.kind in sys.argv[1:]]
    print(*listed, sep="\n")
    print(len(listed), file=sys.stderr)
