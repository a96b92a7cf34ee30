"""How what is wrong can be put right, as data: each face shows it in its own words, or does it.

A fix is an answer in `run.toml`, a command, an option of the command that was typed, or advice.
Here they are rendered for a command line; the wizard names the questions instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockfiles.shell import typed

Value = str | int | float | bool | tuple[str, ...]
"""What a key of `run.toml` can hold."""


INTENT = "run.toml"
"""The file of a person's answers, where it has no other name."""


@dataclass(frozen=True)
class Answer:
    """Set a key of `run.toml` to a value."""

    key: str
    """`table.name`, as the interview's questions have it."""
    value: Value
    to: str = ""
    """What that does, as a clause such as `leave such rows out`; empty where it needs no words."""
    note: str = ""
    """What to know of it, as a clause."""
    file: str = INTENT
    """The file that holds the key."""


@dataclass(frozen=True)
class Change:
    """Set a key of `run.toml` to another value, which only the person knows."""

    key: str
    """`table.name`, as the interview's questions have it."""
    value: str = ""
    """What to look for, as a noun such as `a smaller number`."""
    file: str = INTENT
    """The file that holds the key."""


@dataclass(frozen=True)
class Answers:
    """Keys of one table of `run.toml` that belong together."""

    parts: tuple[Answer | Change, ...]
    command: str = ""
    """A command that takes them as options; empty where there is none."""
    options: tuple[str, ...] = ()
    """Those options."""


@dataclass(frozen=True, init=False)
class _Typed:
    """What a person types: a text of ours, with values that a shell takes as they are."""

    template: str
    """For a shell, with `{}` in the place of each value; never made from a value itself."""
    values: tuple[str | Path, ...]
    """Names from outside: quoted where the shell would act on them."""
    to: str
    """What for, as a clause such as `put a plain file there`; empty where it needs no words."""
    note: str
    """What to know of it, as a clause."""

    def __init__(self, template: str, *values: str | Path, to: str = "", note: str = "") -> None:
        assert template.count("{}") == len(values), template
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "to", to)
        object.__setattr__(self, "note", note)

    @property
    def line(self) -> str:
        """What to type, as a shell takes it."""
        first, *others = self.template.split("{}")
        quoted = map(typed, self.values)
        return first + "".join(value + other for value, other in zip(quoted, others, strict=True))


class Command(_Typed):
    """Type a command into a shell."""


class Option(_Typed):
    """Type the same command again, with an option added unless `to` says what else to do."""


PLAN_AGAIN = Command("tunelock plan run.toml", to="plan again")


@dataclass(frozen=True)
class Advice:
    """Do something that is neither a key nor a command."""

    text: str
    """A clause, with literals in backticks."""


@dataclass(frozen=True)
class Steps:
    """Do several things, one after another."""

    parts: tuple[Answer | Change | Answers | Command | Option | Advice, ...]


Fix = Answer | Change | Answers | Command | Option | Advice | Steps
Fixes = Fix | Sequence[Fix] | None
"""One fix, several of which any one will do, or none."""


@dataclass(frozen=True)
class Key:
    """A key of `run.toml` inside a sentence."""

    name: str
    """`table.name`, as the interview's questions have it."""

    def __str__(self) -> str:
        return f"`{self.name}`"


def text(fixes: Sequence[Fix]) -> str:
    """Return fixes as a command line shows them, without a full stop; empty for none."""
    if len(fixes) == 1:
        return shown(fixes[0], alone=True)
    return ", or ".join(map(shown, fixes))


def relocated(fixes: Sequence[Fix], old: Path, new: Path) -> tuple[Fix, ...]:
    """Return fixes that name what is in `old` as it is called in `new`."""
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
    """Return one fix as a command line shows it; `alone` where a command needs no backticks."""
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
