"""Parses untrusted JSON with bounded memory and time.

A few megabytes of `[],[],[],` become gigabytes of Python objects, so values are counted in the
bytes before parsing.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from lockfiles import files, parsers
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command

MOST_VALUES = 1_000_000
"""The most values in one text; parsing them takes about 200 MB of memory."""


def parse(content: bytes, *, most_values: int = MOST_VALUES) -> Any:
    """Return the value of a JSON text in UTF-8.

    Raises ValueError, with the reason as its text, for invalid JSON, deep nesting, more than
    `most_values` values, a duplicate key (parsers differ in which value they use) and lone
    surrogates, which UTF-8 cannot encode.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > most_values:
        raise ValueError(f"more than {most_values:,} values")
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as problem:
        raise ValueError(f"not UTF-8 at byte {problem.start}") from None
    except json.JSONDecodeError as problem:
        raise ValueError(parsers.json_place(problem)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if b"\\ud" in content or b"\\uD" in content:
        _check_unicode(value)
    return value


def read_object(
    path: Path, *, limit_bytes: int = 4 * files.MIB, most_values: int = 200_000
) -> dict[str, Any]:
    """Return the JSON object in a regular file. Raises UsageProblem where there is none."""
    fix = Advice(f"copy or download `{path.name}` again")
    try:
        value = parse(files.read_bounded(path, limit_bytes), most_values=most_values)
    except FileNotFoundError:
        raise UsageProblem(f"`{path}` does not exist.", fix=Command("ls {}", path.parent)) from None
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise UsageProblem(
            f"`{path}` cannot be read: {reason}.", fix=Command("ls -ld {}", path)
        ) from None
    except ValueError as problem:
        raise UsageProblem(f"`{path}` is not valid JSON: {problem}.", fix=fix) from None
    if not isinstance(value, dict):
        raise UsageProblem(f"`{path}` is not a JSON object.", fix=fix)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"duplicate key {json.dumps(twice[:100])} in one object")
    return found


def _check_unicode(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("lone surrogate such as `\\ud83d`") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
