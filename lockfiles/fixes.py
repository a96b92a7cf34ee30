"""How an error can be fixed, as data, so that each interface can show or apply the fix.

A fix is an answer in `run.toml`, a command, an option of the command that was typed, or advice.
This module renders fixes for the command line; the wizard names the questions instead.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lockfiles.shell import typed

Value = str | int | float | bool | tuple[str, ...]
"""The value of a key in `run.toml`."""


INTENT = "run.toml"
"""The default name of the file of answers."""
LOCK = "run.lock"
"""The default name of a lock."""
REHEARSAL = "rehearsal.json"
"""The default name of what a rehearsal measured, next to its lock."""
_VALUE = re.compile(r"\{\}|(?<= )(?:run\.toml|run\.lock|rehearsal\.json)(?= |$)")
"""A value of a command, or a default name."""


@dataclass(frozen=True)
class Answer:
    """Set a key of `run.toml` to a value."""

    key: str
    """`table.name`, as the interview's questions have it."""
    value: Value
    to: str = ""
    """What that does, as a clause such as `drop those rows`; empty where it is obvious."""
    note: str = ""
    """A remark, as a clause."""
    file: str = INTENT
    """The file that holds the key."""


@dataclass(frozen=True)
class Change:
    """Set a key of `run.toml` to a value that only the person knows."""

    key: str
    """`table.name`, as the interview's questions have it."""
    value: str = ""
    """The kind of value, as a noun such as `a smaller number`."""
    file: str = INTENT
    """The file that holds the key."""


@dataclass(frozen=True)
class Answers:
    """Set several keys of one table of `run.toml` together."""

    parts: tuple[Answer | Change, ...]
    command: str = ""
    """A command that takes the same values as options; empty where there is none."""
    options: tuple[str, ...] = ()
    """Those options."""


@dataclass(frozen=True, init=False)
class _Typed:
    """Text to type: a fixed template with quoted values."""

    template: str
    """Shell text with `{}` for each value; never built from input."""
    values: tuple[str | Path, ...]
    """Values from input, quoted for the shell."""
    to: str
    """The purpose, as a clause such as `put a plain file there`; empty where it is obvious."""
    note: str
    """A remark, as a clause."""

    def __init__(self, template: str, *values: str | Path, to: str = "", note: str = "") -> None:
        assert template.count("{}") == len(values), template
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "to", to)
        object.__setattr__(self, "note", note)

    @property
    def line(self) -> str:
        """The text to type, with its values filled in."""
        first, *others = self.template.split("{}")
        quoted = map(typed, self.values)
        return first + "".join(value + other for value, other in zip(quoted, others, strict=True))


class Command(_Typed):
    """Type a command into a shell."""


class Option(_Typed):
    """Rerun the same command with this option added, or with what `to` says instead."""


PLAN_AGAIN = Command("tunelock plan run.toml", to="plan again")


@dataclass(frozen=True)
class Advice:
    """Do something that is neither an answer nor a command."""

    text: str
    """A clause, with literals in backticks."""


Step = Answer | Change | Answers | Command | Option | Advice
"""A fix that is one thing to do."""


@dataclass(frozen=True)
class Steps:
    """Do several things in order."""

    parts: tuple[Step, ...]


PLAN_INSTEAD = Steps((Advice(f"change `{INTENT}` instead"), Command("tunelock plan run.toml")))
"""For a lock that was edited."""

Fix = Step | Steps
Fixes = Fix | Sequence[Fix] | None
"""One fix, several alternatives, or none."""


@dataclass(frozen=True)
class Key:
    """A key of `run.toml` inside a sentence."""

    name: str
    """`table.name`, as the interview's questions have it."""

    def __str__(self) -> str:
        return f"`{self.name}`"


def text(fixes: Sequence[Fix]) -> str:
    """Return fixes as a hint on the command line, without a period; empty for none."""
    if len(fixes) == 1:
        return shown(fixes[0], alone=True)
    return ", or ".join(map(shown, fixes))


def relocated(fixes: Sequence[Fix], old: Path, new: Path) -> tuple[Fix, ...]:
    """Return fixes with paths in `old` replaced by the same paths in `new`."""
    return tuple(_relocated(one, str(old), str(new)) for one in fixes)


def literal(value: Value) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(literal(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    import json  # `tunelock --help` needs none

    return json.dumps(value, ensure_ascii=False)


def shown(fix: Fix, *, alone: bool = False) -> str:
    """Return one fix as text for the command line; `alone` omits the backticks of a command."""
    match fix:
        case Answer():
            line = _in_intent((fix,))
            line = f"{fix.to} ({line})" if fix.to else line
            return f"{line}; {fix.note}" if fix.note else line
        case Change():
            return _in_intent((fix,))
        case Answers():
            options = " and ".join(f"`{option}`" for option in fix.options)
            also = f"; `{fix.command}` takes {options}" if fix.command else ""
            return _in_intent(fix.parts) + also
        case Command():
            line = fix.line if alone and not fix.note else f"`{fix.line}`"
            line += f" ({fix.note})" if fix.note else ""
            return f"{fix.to}: {line}" if fix.to else line
        case Option():
            note = f", {fix.note}" if fix.note else ""
            return f"{fix.to or 'add'} `{fix.line}`{note}"
        case Advice():
            return fix.text
        case Steps():
            return ", then ".join(map(shown, fix.parts))


def in_files(fixes: Sequence[Fix], names: Mapping[str, str]) -> tuple[Fix, ...]:
    """Return fixes that name `INTENT`, `LOCK` and `REHEARSAL` as those of files with other names,
    by the default names."""
    return tuple(
        Steps(tuple(_in_files(part, names) for part in one.parts))
        if isinstance(one, Steps)
        else _in_files(one, names)
        for one in fixes
    )


def beside(lock: Path) -> dict[str, str]:
    """Return the names of a lock, of its answers and of its rehearsal, by their default names: of
    `NAME.lock` the answers are `NAME.toml`, else a `run.toml` next to it. Where a lock has neither,
    they are somewhere else, and keep the default name."""
    if not lock.name:
        return {}
    intent, other = lock.with_suffix(".toml"), lock.with_name(INTENT)
    known = next((str(one) for one in (intent, other) if one.exists()), INTENT)
    answers = known if lock.exists() else str(intent)
    return {INTENT: answers, LOCK: str(lock), REHEARSAL: str(lock.with_name(REHEARSAL))}


def _in_files(fix: Step, names: Mapping[str, str]) -> Step:
    file = names.get(INTENT, INTENT)
    match fix:
        case Answer() | Change():
            return replace(fix, file=file)
        case Answers():
            return replace(fix, parts=tuple(replace(one, file=file) for one in fix.parts))
        case Advice():
            return Advice(fix.text.replace(f"`{INTENT}`", f"`{file}`"))
        case Command():
            return _renamed(fix, names)
    return fix


def _renamed(fix: Command, names: Mapping[str, str]) -> Command:
    """Return a command with other names of files as values, which are quoted for the shell."""
    given, values = iter(fix.values), list[str | Path]()

    def value(found: re.Match[str]) -> str:
        if found[0] != "{}" and names.get(found[0], found[0]) == found[0]:
            return found[0]
        values.append(next(given) if found[0] == "{}" else names[found[0]])
        return "{}"

    template = _VALUE.sub(value, fix.template)
    return Command(template, *values, to=fix.to, note=fix.note)


def _in_intent(parts: Sequence[Answer | Change]) -> str:
    table = parts[0].key.partition(".")[0]
    return f"in {parts[0].file}: [{table}] {', '.join(_line(one) for one in parts)}"


def _line(part: Answer | Change) -> str:
    name = part.key.partition(".")[2]
    if isinstance(part, Answer):
        return f"{name} = {literal(part.value)}"
    return f"{name} = …" + (f" ({part.value})" if part.value else "")


def _relocated(fix: Fix, old: str, new: str) -> Fix:
    if isinstance(fix, Advice):
        return Advice(fix.text.replace(old, new))
    if isinstance(fix, Command):
        values = (str(value).replace(old, new) for value in fix.values)
        return Command(fix.template, *values, to=fix.to.replace(old, new), note=fix.note)
    return fix
