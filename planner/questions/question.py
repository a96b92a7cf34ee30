"""What one question is, and whether a value answers it. Every face renders these."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lockfiles import later, limits
from lockfiles.files import path_problem
from lockfiles.harmless import is_harmless, one_line

Kind = Literal["text", "path", "integer", "number", "boolean", "choice", "choices", "names"]

_NAMES: dict[Kind, str] = {
    "text": "text in quotes",
    "path": "a path in quotes",
    "integer": "an integer",
    "number": "a number",
    "boolean": "`true` or `false`",
    "choice": "text in quotes",
    "choices": "a list of quoted strings",
    "names": "a list of quoted strings",
}


@dataclass(frozen=True)
class When:
    """Applies when another answer is one of some values, or has one; its text says so."""

    key: str
    """The other question's key."""
    values: tuple[object, ...]
    """Those values, or with `unless` those that it must not have."""
    unless: bool = False
    """True turns the condition round."""
    verb: str = "is"
    """What its text says of the value: `includes` for a question with several answers."""

    def __call__(self, answers: Mapping[str, object]) -> bool:
        value = answers[self.key]
        values = value if isinstance(value, tuple) else (value,)
        return any(one in self.values for one in values) != self.unless

    def __str__(self) -> str:
        return f"`{self.key}` {self.verb} {'not ' if self.unless else ''}{self._shown}"

    @property
    def opposite(self) -> str:
        """Where it does not apply, in words that follow "does not apply"."""
        return f"{'when' if self.unless else 'unless'} `{self.key}` {self.verb} {self._shown}"

    @property
    def _shown(self) -> str:
        return " or ".join(f"`{value}`" if value else "empty" for value in self.values)


@dataclass(frozen=True)
class Both:
    """Applies when two conditions hold; the second is about a question under the first."""

    first: When
    """The wider condition."""
    second: When
    """The narrower one."""

    def __call__(self, answers: Mapping[str, object]) -> bool:
        return self.first(answers) and self.second(answers)

    @property
    def opposite(self) -> str:
        """Where it does not apply, in words that follow "does not apply"."""
        return self.second.opposite


@dataclass(frozen=True)
class Either:
    """Applies when at least one of two conditions holds."""

    first: When
    second: When

    def __call__(self, answers: Mapping[str, object]) -> bool:
        return self.first(answers) or self.second(answers)

    def __str__(self) -> str:
        return f"{self.first} or {self.second}"

    @property
    def opposite(self) -> str:
        """Where it does not apply, in words that follow "does not apply"."""
        return f"{self.first.opposite} and {self.second.opposite}"


@dataclass(frozen=True)
class Between:
    """Accepts numbers from `low` to `high`, both included, and perhaps one more below them."""

    low: float
    """The least value."""
    high: float
    """The greatest value."""
    zero: str = ""
    """What `special` is for, to follow "or 0"; empty where it is not accepted."""
    special: int = 0
    """The further number."""

    def __call__(self, value: Any) -> str | None:
        if self.low <= value <= self.high or (self.zero and value == self.special):
            return None
        also = f", or {self.special} {self.zero}" if self.zero else ""
        low, high = (
            str(bound) if isinstance(bound, int) else f"{bound:g}"
            for bound in (self.low, self.high)
        )
        return f"must be from {low} to {high}{also}"


@dataclass(frozen=True)
class Matches:
    """Accepts text that a regular expression matches in full."""

    pattern: str
    """The expression, without anchors."""
    wanted: str
    """What it accepts, in words that follow "must be"."""

    def __call__(self, value: Any) -> str | None:
        return None if re.fullmatch(self.pattern, value) else f"must be {self.wanted}"


@dataclass(frozen=True)
class Each:
    """Accepts a list of texts that a regular expression matches in full, each text once."""

    pattern: str
    """The expression, without anchors."""
    wanted: str
    """What is wrong with any other list, to follow the key."""
    before: str
    """Up to the last of these characters, texts must differ."""

    def __call__(self, value: Any) -> str | None:
        heads = [one.rpartition(self.before)[0].strip() for one in value]
        if not all(re.fullmatch(self.pattern, one) for one in value):
            return self.wanted
        return "must have each name once" if len(set(heads)) != len(heads) else None


def always(answers: Mapping[str, object]) -> bool:
    """Return True: the question applies whatever was answered."""
    return True


def never(answers: Mapping[str, object]) -> bool:
    """Return False, whatever was answered."""
    return False


def anything(value: Any) -> str | None:
    """Return None: every value of the right type will do."""
    return None


@dataclass(frozen=True)
class Question:
    """One question of the interview, as every face shows it."""

    key: str
    """`table.name`, as `run.toml` has it."""
    step: str
    """The wizard's step that asks it."""
    kind: Kind
    """The type of the answer."""
    title: str
    """The question in a few words."""
    help: str
    """One or two sentences: what it does and which value is usual."""
    default: object
    """The answer that holds until a person gives another; a tuple for `choices` and `names`."""
    choices: tuple[str, ...] = ()
    """The possible answers of a `choice` or `choices`, in the order shown."""
    earlier: tuple[tuple[str, str], ...] = ()
    """What earlier versions called some of them, each with its name now; still read."""
    applies: Callable[[Mapping[str, object]], bool] = always
    """Whether it is asked, given the other answers."""
    validate: Callable[[Any], str | None] = anything
    """What is wrong with a value of the right type, to follow the key, or None."""
    required: bool = False
    """True where an empty answer is none, when the question applies."""
    optional: Callable[[Mapping[str, object]], bool] = never
    """Whether a required answer may be empty, given the other answers."""
    most_chars: int = limits.MOST_LABEL_CHARS
    """Characters that a text has at most."""
    has_lines: bool = False
    """True where a text may have several lines."""
    is_place: bool = False
    """True where a text may be a path, too."""

    def lacks(self, answers: Mapping[str, object]) -> bool:
        """Return whether it needs an answer and has none; it must apply."""
        return self.required and answers[self.key] == "" and not self.optional(answers)

    @property
    def table(self) -> str:
        """The table of `run.toml` that holds the answer."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """The answer's name inside its table."""
        return self.key.partition(".")[2]


def normal(question: Question, value: object) -> object:
    """Return `value` in the form that equal answers share, whichever interface it came from.

    Raises ValueError, whose message follows the key, if it does not answer the question.
    """
    if isinstance(question.validate, Each) and isinstance(value, Mapping):
        value = [f"{name}{question.validate.before}{one}" for name, one in value.items()]
    if not _has_type(question.kind, value):
        raise ValueError(f"must be {_NAMES[question.kind]}")
    if question.choices:
        value = _chosen(question, value)
    elif isinstance(value, (list, tuple)):
        value = _names(value)
    elif question.kind == "number":
        value = _float(value)
    elif isinstance(value, str):
        value = value.strip()
        if not value and question.required and question.optional is never:
            raise ValueError("must not be empty")
        if not value:
            return value
        if problem := _text_problem(question, value):
            raise ValueError(problem)
    if problem := question.validate(value):
        raise ValueError(problem)
    return value


def from_text(question: Question, text: str) -> object:
    """Return the answer that a person typed. Raises ValueError as `normal` does."""
    typed = text.strip()
    if question.kind == "boolean":
        words = {"true": True, "yes": True, "y": True, "false": False, "no": False, "n": False}
        return normal(question, words.get(typed.lower(), typed))
    if question.kind in ("choices", "names"):
        return normal(question, [part.strip() for part in typed.split(",") if part.strip()])
    if question.kind in ("integer", "number"):
        try:
            return normal(question, int(typed) if question.kind == "integer" else float(typed))
        except (ValueError, OverflowError) as problem:
            known = str(problem).startswith("must be")
            sentence = str(problem) if known else f"must be {_NAMES[question.kind]}"
            raise ValueError(sentence) from None
    return normal(question, typed)


def _names(given: Sequence[str]) -> tuple[str, ...]:
    names = tuple(sorted({name.strip() for name in given} - {""}))
    most = limits.MOST_NAME_CHARS
    if len(names) > limits.MOST_TARGETS:
        raise ValueError(f"must have at most {limits.MOST_TARGETS} names")
    if not all(len(name) <= most and is_harmless(name) for name in names):
        raise ValueError(f"must be names of at most {most} characters, without control characters")
    return names


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond every range
        return math.inf if value > 0 else -math.inf


def _text_problem(question: Question, text: str) -> str | None:
    """Return why a text has no place in a lock, or names no file; to follow the key."""
    if question.kind == "path" or question.is_place:
        return path_problem(text)
    if len(text) > question.most_chars:
        return f"must have at most {question.most_chars:,} characters"
    if not is_harmless(text.replace("\n", "").replace("\t", "") if question.has_lines else text):
        lines = "" if question.has_lines else " on one line,"
        return f"must be text{lines} without control characters"
    return None


def _has_type(kind: Kind, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        if isinstance(value, float):
            return math.isfinite(value)
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("choices", "names"):
        return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return isinstance(value, str)


def _chosen(question: Question, value: object) -> object:
    given = [value] if question.kind == "choice" else list(value)  # type: ignore[call-overload]
    renamed = dict(question.earlier)
    picked = [renamed.get(str(item), item) for item in given]
    for item in picked:
        if item not in question.choices:
            known = ", ".join(f"`{choice}`" for choice in question.choices)
            shown = one_line(item, most=limits.MOST_NAME_CHARS)
            more = later.remark(str(item), question.choices)
            raise ValueError(f"must be one of {known}, not `{shown}`{more}")
    if question.kind == "choice":
        return picked[0]
    return tuple(choice for choice in question.choices if choice in picked)
