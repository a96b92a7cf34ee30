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

from lockfiles import files, parsers
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Fixes

MOST_DIGITS = 4300
"""Python's own limit for a number in text (`sys.int_info.default_max_str_digits`)."""
LIMIT_BYTES = 2 * files.MIB
"""Default limit for a TOML file."""
_PLAIN_LIMIT_CHARS = files.MIB
"""Limit for the text outside strings and comments, which is the most expensive to parse."""
_MOST_DOTS = 64
"""Limit for dots on one line outside strings: parsing a dotted key takes quadratic time."""
_QUOTED = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*",
    re.DOTALL,
)
"""A comment, or a string of any kind up to its end or where the end is missing."""
_KEY = re.compile(r"""[A-Za-z0-9_."'-]+""")


def write(table: Mapping[str, object], *, header: str = "") -> str:
    """Return `table` as canonical TOML, after `header` as comment lines."""
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
    """Yield each table with its own header; tomli-w would write short tables inline."""
    for one in tables:
        inner = re.sub(r"^\[(\[?)", rf"[\1{key}.", tomli_w.dumps(one), flags=re.MULTILINE)
        yield f"[[{key}]]\n{inner}"


def parse(
    text: str, *, name: str, limit_bytes: int = LIMIT_BYTES, fix: Command | None = None
) -> dict[str, object]:
    """Return the tables in `text`.

    Raises UsageProblem, with the file and the line, where `text` is not TOML or would be
    disproportionately expensive to parse. `fix` replaces the advice to edit the file.
    """
    _check_cost(text, name, limit_bytes)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UsageProblem(
            f"`{name}` is not valid TOML: {parsers.toml_place(problem)}.",
            fix=fix or Advice(f"edit `{name}` at that position"),
        ) from None
    except RecursionError:
        raise UsageProblem(
            f"`{name}` is nested too deeply.",
            fix=Advice(f"edit `{name}`: tables contain plain values only"),
        ) from None
    except ValueError:  # a number with more digits than sys.int_info allows
        raise UsageProblem(
            f"`{name}` has a number or a date that is out of range.",
            fix=Advice(f"edit `{name}`: numbers have at most {MOST_DIGITS} digits"),
        ) from None


def _check_cost(text: str, name: str, limit_bytes: int) -> None:
    if len(text) > limit_bytes:
        raise UsageProblem(
            f"`{name}` has more than {files.size_text(limit_bytes)}.", fix=Command("ls -l {}", name)
        )
    plain = _QUOTED.sub("", text)
    if len(plain) > _PLAIN_LIMIT_CHARS or any(
        line.count(".") > _MOST_DOTS for line in plain.split("\n")
    ):
        raise UsageProblem(
            f"`{name}` has too many tables and keys.",
            fix=Advice(f"edit `{name}`: tables hold plain values"),
        )


def read(path: Path, *, limit_bytes: int = files.TEXT_LIMIT_BYTES) -> str:
    """Return the text of a file. Raises UsageProblem where it cannot be read."""
    try:
        return files.read_bounded(path, limit_bytes).decode("utf-8")
    except FileNotFoundError:
        raise UsageProblem(f"`{path}` does not exist.", fix=Command("ls {}", path.parent)) from None
    except UnicodeDecodeError as problem:
        raise UsageProblem(
            f"`{path}` is not UTF-8 text (byte {problem.start}).",
            fix=Advice(f"save `{path}` as UTF-8"),
        ) from None
    except (OSError, ValueError) as problem:  # ValueError: a path with a NUL
        reason = getattr(problem, "strerror", None) or problem
        raise UsageProblem(
            f"`{path}` cannot be read: {reason}.", fix=Command("ls -ld {}", path)
        ) from None


def read_json_object(
    path: Path, *, limit_bytes: int = files.TEXT_LIMIT_BYTES, fix: Fixes = None
) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises UsageProblem where there is none, with `fix` in place of the advice to copy it again.
    """
    again = fix or _again(path)
    try:
        value = json.loads(read(path, limit_bytes=limit_bytes))
    except json.JSONDecodeError as problem:
        why = parsers.json_place(problem)
        raise UsageProblem(f"`{path}` is not valid JSON: {why}.", fix=again) from None
    except (ValueError, RecursionError) as problem:
        long = isinstance(problem, ValueError)
        why = "a number is too long" if long else "it is nested too deeply"
        raise UsageProblem(f"`{path}` is not valid JSON: {why}.", fix=again) from None
    if not isinstance(value, dict):
        raise UsageProblem(f"`{path}` is not a JSON object.", fix=again)
    return value


def _again(path: Path) -> Advice:
    return Advice(f"copy or download `{path.name}` again")


def key_lines(text: str) -> dict[str, int]:
    """Return the 1-based line of each key in `text`.

    Keys are dotted; the tables of a list are counted from 0: `data.0.rows`. A key inside an
    inline table has no line of its own.
    """
    return dict(_keys(text))


def _keys(text: str) -> Iterator[tuple[str, int]]:
    table, counts = "", Counter[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _table(line):
            name, listed = header
            table = _placed(name, counts)
            if listed:
                counts[table] += 1
                table = f"{table}.{counts[table] - 1}"
            yield table, number
        elif key := _key(line):
            yield (f"{table}.{key}" if table else key), number


def _placed(name: str, counts: Counter[str]) -> str:
    """Return the name of a header with the index of each enclosing list item."""
    *outer, last = name.split(".")
    place = ""
    for part in outer:
        place = f"{place}.{part}" if place else part
        if place in counts:
            place = f"{place}.{counts[place] - 1}"
    return f"{place}.{last}" if place else last


def _table(line: str) -> tuple[str, bool] | None:
    """Return the name of the table header on a line, and whether it is a list item."""
    head = line.partition("#")[0].strip()
    if not (head.startswith("[") and head.endswith("]")):
        return None
    name = head.strip("[]").strip().replace('"', "")
    return (name, head.startswith("[[")) if name and not set(name) & set("[],") else None


def _key(line: str) -> str:
    """Return the key that a line assigns; empty where there is none."""
    name, equals, _ = line.partition("=")
    found = _KEY.fullmatch(name.strip()) if equals else None
    return found[0].strip("\"'") if found else ""
