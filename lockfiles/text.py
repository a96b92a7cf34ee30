"""The one reader and the one writer of TOML: canonical bytes out, errors with line numbers in.

Canonical text is UTF-8 with keys in the order given, one list item per line and a trailing
newline, so that `write(parse(text)) == text` and a difference is one line of a diff.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from lockfiles import files
from lockfiles.errors import UsageProblem

MOST_DIGITS = 4300
"""Python's own limit for a number in text (`sys.int_info.default_max_str_digits`)."""
_HEADER = re.compile(r"^\s*\[(\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def write(table: Mapping[str, object], *, header: str = "") -> str:
    """Return `table` as canonical TOML, below `header` as comment lines."""
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    plain = {key: value for key, value in table.items() if not _is_table(value)}
    parts = [tomli_w.dumps(plain)] if plain else []
    for key, value in table.items():
        if isinstance(value, list) and _is_table(value):
            parts += _blocks(key, value)
        elif _is_table(value):
            parts.append(tomli_w.dumps({key: value}))
    return comment + ("\n" if comment else "") + "\n".join(parts)


def _is_table(value: object) -> bool:
    """Return whether a value is a table, or a list of them."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)
    )


def _blocks(key: str, tables: list[Mapping[str, object]]) -> Iterator[str]:
    """Yield each table below a header of its own, where tomli-w puts short ones on one line."""
    for one in tables:
        inner = re.sub(r"^\[(\[?)", rf"[\1{key}.", tomli_w.dumps(one), flags=re.MULTILINE)
        yield f"[[{key}]]\n{inner}"


def parse(text: str, *, name: str) -> dict[str, object]:
    """Return the tables in `text`.

    Raises UsageProblem, naming the file and the line, where `text` is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UsageProblem(
            f"`{name}` is not valid TOML: {problem}.", hint=f"edit `{name}` at that line"
        ) from None
    except RecursionError:
        raise UsageProblem(
            f"`{name}` is nested too deeply.", hint=f"edit `{name}`: tables hold plain values"
        ) from None
    except ValueError:  # Python reads no number of more digits than sys.int_info allows
        raise UsageProblem(
            f"`{name}` has a number or a date that is out of range.",
            hint=f"edit `{name}`: numbers have at most {MOST_DIGITS} digits",
        ) from None


def read(path: Path, *, limit_bytes: int = files.TEXT_LIMIT_BYTES) -> str:
    """Return the text of a file, or raise one UsageProblem that says why it has none."""
    try:
        return files.read_bounded(path, limit_bytes).decode("utf-8")
    except FileNotFoundError:
        raise UsageProblem(f"`{path}` does not exist.", hint=f"ls {path.parent}") from None
    except UnicodeDecodeError as problem:
        raise UsageProblem(
            f"`{path}` is not UTF-8 text (byte {problem.start}).", hint=f"save `{path}` as UTF-8"
        ) from None
    except (OSError, ValueError) as problem:  # ValueError: a path with a NUL
        reason = getattr(problem, "strerror", None) or problem
        raise UsageProblem(f"`{path}` cannot be read: {reason}.", hint=f"ls -ld {path}") from None


def read_json_object(path: Path, *, limit_bytes: int = files.TEXT_LIMIT_BYTES) -> dict[str, Any]:
    """Return the JSON object in a file, or raise one UsageProblem that says why it is none."""
    try:
        value = json.loads(read(path, limit_bytes=limit_bytes))
    except (ValueError, RecursionError) as problem:
        raise UsageProblem(f"`{path}` is not valid JSON: {problem}.", hint=_again(path)) from None
    if not isinstance(value, dict):
        raise UsageProblem(f"`{path}` is not a JSON object.", hint=_again(path))
    return value


def _again(path: Path) -> str:
    return f"copy or download `{path.name}` again"


def key_lines(text: str) -> dict[str, int]:
    """Return the 1-based line of each key in `text`.

    Keys are dotted; the tables of a list are counted from 0: `data.0.rows`. A key inside an
    inline table has no line of its own.
    """
    return dict(_keys(text))


def _keys(text: str) -> Iterator[tuple[str, int]]:
    table, counts = "", Counter[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = header[2].replace('"', "")
            if header[1]:
                counts[table] += 1
                table = f"{table}.{counts[table] - 1}"
            yield table, number
        elif key := _KEY.match(line):
            name = key[1].strip("\"'")
            yield (f"{table}.{name}" if table else name), number
