"""A JSON Schema in words: what one value may be."""

from collections.abc import Mapping
from typing import Any

_PATTERNS = {
    "^[0-9a-f]{64}$": "64 hex digits",
    "^([0-9a-f]{40})?$": "40 hex digits, or empty",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": "a name of letters, digits, `.`, `_` and `-`",
}
_PLAIN = {"string": "text", "boolean": "`true` or `false`", "null": "nothing"}


def words(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """Return what a value of this schema may be, and its default where it has a plain one."""
    text, default = _kind(schema, defs), schema.get("default")
    if isinstance(default, bool):
        return f"{text}; default `{str(default).lower()}`"
    if default == "" or not isinstance(default, int | float | str):
        return text
    return f"{text}; default `{default}`"


def _kind(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _kind(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "const" in schema:
        return _value(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(_value(one) for one in schema["enum"])
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            return " or ".join(dict.fromkeys(_kind(one, defs) for one in schema[name]))
    kind = schema.get("type", "")
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "array":
        return _list(schema, defs)
    if kind == "object":
        return _table(schema, defs)
    return _text(schema) if kind == "string" else _PLAIN.get(kind, "any value")


def _value(value: object) -> str:
    return f"`{value}`" if value != "" else "empty"


def _text(schema: Mapping[str, Any]) -> str:
    pattern, most = schema.get("pattern"), schema.get("maxLength")
    if pattern:
        return _PATTERNS.get(pattern, f"text of the pattern `{pattern}`")
    return f"text of at most {most:,} characters" if most else "text"


def _number(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        above = schema["exclusiveMinimum"]
        low = above + 1 if schema["type"] == "integer" else f"above {_plain(above)}"
    if low is not None and low == high:
        return f"`{low}`"
    bounds = [f"from {_plain(low)}"] if low is not None else []
    bounds += [f"to {_plain(high)}"] if high is not None else []
    return " ".join([schema["type"], *bounds])


def _plain(value: object) -> str:
    """Return a bound as people write it; a text is one that has been put in words."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e7:
        value = int(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _list(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    inner = _kind(schema["items"], defs)
    inner = "tables" if inner in ("a table", "a table or nothing") else inner
    bounds = [f"at least {least:,}"] if least else []
    bounds += [f"at most {most:,}"] if most else []
    start = "a list of tables" if inner == "tables" else f"a list, each {inner}"
    return start + (f" ({', '.join(bounds)})" if bounds else "")


def _table(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    by_pattern = list(schema.get("patternProperties", {}).values())
    inner = by_pattern[0] if by_pattern else schema.get("additionalProperties")
    if not isinstance(inner, dict):
        return "a table"
    return f"a table of values by name, each {_kind(inner, defs)}"
