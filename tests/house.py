"""The graph of files and folders of each floor: `python -m tests.house` prints it, and its circles.

An edge leads from a module to each module that it imports, at any depth of its code: imports for
types alone count too.
"""

import ast
import graphlib
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = ("lockfiles", "planner", "runner", "tui")
LOOSE = {"planner": set[str](), "runner": set[str](), "tui": {"tui.cli"}}
"""Modules that stand in no room, by floor. `lockfiles` is one room."""

Graph = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """Return the path of each module by its dotted name; a package has that of its folder."""
    paths = (path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
    return {_name(path): path for path in sorted(paths)}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files() -> Graph:
    """Return which modules each module imports."""
    known = modules()
    return {name: set(_imports(path, known)) - {name} for name, path in known.items()}


def _imports(path: Path, known: Mapping[str, Path]) -> Iterable[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                full = f"{node.module}.{one.name}"
                yield from [name for name in (full, node.module) if name in known][:1]


def folders() -> Graph:
    """Return which folders of its floor each folder imports from; a subfolder is one of its own.

    But for `lockfiles`, which is one room with the closed tables inside it.
    """
    known, found = modules(), defaultdict[str, set[str]](set)

    def folder(name: str) -> str:
        if name.split(".")[0] not in LOOSE:
            return name.split(".")[0]
        return name if known[name].name == "__init__.py" else name.rpartition(".")[0]

    for name, imported in files().items():
        start = folder(name)
        same = {folder(one) for one in imported if one.split(".")[0] == name.split(".")[0]}
        found[start] |= same - {start}
    return dict(found)


def circle(graph: Graph) -> list[str]:
    """Return the names of one circle, or none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as problem:
        names: list[str] = problem.args[1]
        return names
    return []


def loose() -> dict[str, set[str]]:
    """Return the modules that stand directly on a floor, `__main__` and packages aside."""
    return {
        floor: {
            name
            for name, path in modules().items()
            if path.parent == ROOT / floor and path.stem not in ("__init__", "__main__")
        }
        for floor in LOOSE
    }


def outside_contracts() -> set[str]:
    """Return the modules that no layer of import-linter's contracts holds."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = [
        f"{container}.{name.strip()}"
        for contract in table["contracts"]
        for container in contract.get("containers", ())
        for line in contract["layers"]
        for name in line.replace("|", ":").split(":")
    ]
    packages = {name for name, path in modules().items() if path.name == "__init__.py"}
    return {
        name
        for name in modules()
        if name.split(".")[0] in LOOSE
        and not any(name == layer or name.startswith(f"{layer}.") for layer in layers)
        and not (name in packages and any(layer.startswith(f"{name}.") for layer in layers))
    }


def main() -> None:
    """Print what each folder imports from, and the circles."""
    for name, imported in sorted(folders().items()):
        print(f"{name}: {', '.join(sorted(imported)) or '-'}")
    print("a circle of files:", circle(files()) or "none")
    print("a circle of folders:", circle(folders()) or "none")
    print("loose:", loose())


if __name__ == "__main__":
    main()
