"""The JSON Schema of `run.toml`, for editors, generated from the questions.

`python -m planner.interview.schema` writes it to `planner/run.schema.json`, which is shipped.
"""

import json
from pathlib import Path

from lockfiles.files import write_whole
from planner.interview.exports import EXPORTS, ROWS
from planner.interview.questions import BY_KEY, QUESTIONS
from planner.questions.question import Between, Each, Matches, Question, always

_TYPES = {
    "text": "string",
    "path": "string",
    "choice": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "choices": "array",
    "names": "array",
}


SHIPPED = Path(__file__).parents[1] / "run.schema.json"
"""The schema file for editors."""


_ROWS = BY_KEY[ROWS]
_WANTED = [BY_KEY[one.key] for one in EXPORTS]
_EXPORTS = [
    {
        "required": [question.table],
        "properties": {question.table: {"required": [question.name]}},
    }
    for question in _WANTED
]
"""What a run has that trains nothing: one of these."""


def text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, object]:
    """Return the schema (draft 2020-12) of the tables that `run.toml` may hold."""
    tables: dict[str, dict[str, object]] = {}
    required: dict[str, list[str]] = {}
    for question in QUESTIONS:
        tables.setdefault(question.table, {})[question.name] = _property(question)
        if question.required and question.applies is always and question.default == "":
            required.setdefault(question.table, []).append(question.name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "run.toml",
        "description": "The settings of a Tunelock run.",
        "type": "object",
        "additionalProperties": False,
        "required": [table for table in required if table != _ROWS.table],
        "anyOf": [{"required": [_ROWS.table]}, *_EXPORTS],
        "properties": {
            table: {
                "type": "object",
                "additionalProperties": False,
                "required": required.get(table, []),
                "properties": properties,
            }
            for table, properties in tables.items()
        },
    }


def _property(question: Question) -> dict[str, object]:
    default = question.default
    result: dict[str, object] = {
        "type": _TYPES[question.kind],
        "title": question.title,
        "description": question.help,
        "default": list(default) if isinstance(default, tuple) else default,
    }
    if question.kind == "choice":
        result["enum"] = list(question.choices)
    if question.kind == "choices":
        result["items"] = {"type": "string", "enum": list(question.choices)}
        result["uniqueItems"] = True
    if question.kind == "names":
        rule = question.validate
        pattern = {"pattern": f"^({rule.pattern})$"} if isinstance(rule, Each) else {}
        result["items"] = {"type": "string", **pattern}
        result["uniqueItems"] = True
    if isinstance(question.validate, Each):
        held = {"type": "object", "additionalProperties": {"type": "string"}}
        listed = {key: result.pop(key) for key in ("type", "items", "uniqueItems")}
        result["anyOf"] = [listed, held]
    if question.kind == "text" and not question.is_place:
        result["maxLength"] = question.most_chars
    return result | _range(question)


def _range(question: Question) -> dict[str, object]:
    rule = question.validate
    if isinstance(rule, Matches):
        return {"pattern": f"^({rule.pattern}){'' if question.required else '?'}$"}
    if not isinstance(rule, Between):
        return {}
    bounds: dict[str, object] = {"minimum": rule.low, "maximum": rule.high}
    return {"anyOf": [{"const": rule.special}, bounds]} if rule.zero else bounds


if __name__ == "__main__":
    write_whole(SHIPPED, text().encode())
