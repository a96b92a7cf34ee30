"""Sentences that speak of `run.toml`, in the words of the questions that a person sees."""

import re

from planner.interview.questions import BY_KEY

_WRITE = re.compile(r"write `(\w+) = ([^`]*)` under `\[(\w+)\]` in `run\.toml`")
_TABLE = re.compile(r'in run\.toml: \[(\w+)\] (\w+ = "[^"]*"(?:, \w+ = "[^"]*")*)')
_PAIR = re.compile(r'(\w+) = ("[^"]*")')
_KEY = re.compile(r"`(\w+\.\w+)`(?: in `run\.toml`)?")
_FLAGS = re.compile(r"; `tunelock \w+` takes `--[\w-]+`(?: and `--[\w-]+`)*")
_BLANK = ("", "…", "...")


def by_title(text: str) -> str:
    """Return a text with each key and each line of `run.toml` named by its question's title.

    ``write `merge = true` under `[results]` in `run.toml` `` becomes
    ``answer `Merge the adapter into the model?` with `yes` (step Results)``. Flags of a command
    that would do the same are left out.
    """
    text = _FLAGS.sub("", text)
    text = _WRITE.sub(lambda m: _known(m, f"{m[3]}.{m[1]}", _answer(m[3], m[1], m[2])), text)
    text = _TABLE.sub(_answers, text)
    return _KEY.sub(lambda m: _known(m, m[1], _title(m[1])), text)


def _known(match: re.Match[str], key: str, wording: str) -> str:
    return wording if key in BY_KEY else match[0]


def _title(key: str) -> str:
    question = BY_KEY.get(key)
    return f"`{question.title}` (step {question.step.capitalize()})" if question else ""


def _answers(match: re.Match[str]) -> str:
    pairs = _PAIR.findall(match[2])
    if any(f"{match[1]}.{name}" not in BY_KEY for name, _ in pairs):
        return match[0]
    return ", ".join(_answer(match[1], name, value) for name, value in pairs)


def _answer(table: str, name: str, value: str) -> str:
    shown = {"true": "yes", "false": "no"}.get(value, value.strip('"'))
    said = "" if shown in _BLANK else " with nothing" if shown == "[]" else f" with `{shown}`"
    title, _, step = _title(f"{table}.{name}").rpartition(" (")
    return f"answer {title}{said} ({step}"
