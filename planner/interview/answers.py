"""The answers of `run.toml`: checked, completed with defaults, and written back."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from lockfiles import later
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Answer, Change, Key, Value
from lockfiles.harmless import one_line
from lockfiles.intent import MOST_SHOWN_CHARS
from lockfiles.nearest import nearest
from planner.interview.exports import ROWS, check_has_rows
from planner.interview.questions import BY_KEY, QUESTIONS
from planner.questions.question import Both, Either, Question, When, from_text, normal


@dataclass(frozen=True)
class Answers(Mapping[str, object]):
    """An answer to every question, given or by default."""

    by_key: Mapping[str, object]
    """`table.name` to its value, in the order of the questions."""

    def __getitem__(self, key: str) -> object:
        return self.by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_key)

    def __len__(self) -> int:
        return len(self.by_key)

    def text(self, key: str) -> str:
        """Return the answer to a text, path or choice."""
        value = self.by_key[key]
        assert isinstance(value, str), key
        return value

    def integer(self, key: str) -> int:
        """Return the answer to an integer."""
        value = self.by_key[key]
        assert isinstance(value, int) and not isinstance(value, bool), key
        return value

    def number(self, key: str) -> float:
        """Return the answer to a number."""
        value = self.by_key[key]
        assert isinstance(value, float), key
        return value

    def flag(self, key: str) -> bool:
        """Return the answer to a boolean."""
        value = self.by_key[key]
        assert isinstance(value, bool), key
        return value

    def chosen(self, key: str) -> tuple[str, ...]:
        """Return the answer to a choice of several."""
        value = self.by_key[key]
        assert isinstance(value, tuple), key
        return value

    @property
    def trains(self) -> bool:
        """Whether the run trains; without rows it exports the base model."""
        return bool(self.text(ROWS))


@dataclass(frozen=True)
class _File:
    """The file of the answers, as errors name it."""

    lines: Mapping[str, int]
    """The 1-based line of each key that the file contains."""
    name: str

    def place(self, key: str) -> tuple[Key, str]:
        """Return the first two parts of a sentence: the key and its line."""
        shown = Key(one_line(key, most=MOST_SHOWN_CHARS))
        return shown, f" on line {self.lines[key]} of `{self.name}`" if key in self.lines else ""

    def example(self, question: Question, value: object = None) -> Answer | Change:
        """Return a fix that answers a question, near to the wrong answer `value`."""
        sample = _sample(question, value)
        if sample is None:
            return Change(question.key, file=self.name)
        return Answer(question.key, sample, file=self.name)


def check(
    values: Mapping[str, object], lines: Mapping[str, int], *, name: str = "run.toml"
) -> Answers:
    """Return the answers in `values`, completed with defaults.

    `lines` holds the 1-based line of each key that comes from the file `name`. Raises UsageProblem
    for an unknown key (with the nearest known one), an invalid value, a missing required answer,
    and a key in the file whose question does not apply. A value that comes from a screen (it has
    no line) is reset to its default where its question does not apply.
    """
    file = _File(lines, name)
    for key in values:
        if key not in BY_KEY:
            raise _unknown(key, values[key], file)
    answers = {question.key: question.default for question in QUESTIONS}
    for question in QUESTIONS:
        value = values.get(question.key, question.default)
        if value != question.default or type(value) is not type(question.default):
            answers[question.key] = _normal(question, value, file)
    check_has_rows(answers, lines, name=name)
    for question in QUESTIONS:
        if question.applies(answers):
            _check_present(question, answers, file)
        elif answers[question.key] != question.default:
            _check_unused(question, file)
            answers[question.key] = question.default
    return Answers(answers)


def given(answers: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return the answers that differ from their defaults, by table, in the order of questions."""
    tables: dict[str, dict[str, object]] = {}
    for question in QUESTIONS:
        value = answers[question.key]
        if value != question.default and question.applies(answers):
            plain = list(value) if isinstance(value, tuple) else value
            tables.setdefault(question.table, {})[question.name] = plain
    return tables


def _normal(question: Question, value: object, file: _File) -> object:
    try:
        return normal(question, value)
    except ValueError as problem:
        raise UsageProblem(
            *file.place(question.key), f" {problem}.", fix=file.example(question, value)
        ) from None


def _unknown(key: str, value: object, file: _File) -> UsageProblem:
    table, _, name = key.partition(".")
    line = Advice(f"remove that line from `{file.name}`")
    if later.planned_key(table, name):
        return UsageProblem(*file.place(key), f" {later.SENTENCE}.", fix=line)
    elsewhere = [known for known in BY_KEY if known.partition(".")[2] == name]
    same_table = [known for known in BY_KEY if known.startswith(f"{table}.")]
    like = elsewhere[0] if elsewhere else nearest(key, same_table or BY_KEY)
    if like is None:
        return UsageProblem(*file.place(key), " is an unknown key.", fix=line)
    known = f"; the nearest known one is `{like}`"
    question = BY_KEY[like]
    fix: Answer | Change | Advice = _moved(question, value, file) or file.example(question, value)
    if isinstance(value, str) and later.planned(value) and value not in question.choices:
        known += f", and `{one_line(value, most=MOST_SHOWN_CHARS)}` {later.SENTENCE}"
        fix = line
    return UsageProblem(*file.place(key), f" is an unknown key{known}.", fix=fix)


def _moved(question: Question, value: object, file: _File) -> Answer | None:
    """Return the fix that gives a question the value of another key; None if it is not valid."""
    try:
        normal(question, value)
    except ValueError:
        return None
    if not isinstance(value, str | int | float | bool):
        return None
    return Answer(question.key, value, file=file.name)


def _check_present(question: Question, answers: Mapping[str, object], file: _File) -> None:
    if question.key != ROWS and question.lacks(answers):
        raise UsageProblem(
            Key(question.key), " is required but has no answer.", fix=file.example(question)
        )


def _check_unused(question: Question, file: _File) -> None:
    if question.key in file.lines:
        rule = question.applies
        reason = f" {rule.opposite}" if isinstance(rule, (When, Both, Either)) else " here"
        raise UsageProblem(
            *file.place(question.key),
            f" does not apply{reason}.",
            fix=(Advice(f"remove that line from `{file.name}`"), Advice("change the other answer")),
        )


def _near_choice(question: Question, typed: str) -> str | None:
    if typed in question.choices:
        return typed
    return later.same(typed, question.choices) or nearest(typed, question.choices)


def _sample(question: Question, wrong: object = None) -> Value | None:
    """Return a valid answer to a question; None where only the person knows one.

    It is what the text of the `wrong` answer says if that is a valid number, and the choice nearest
    to it, if any is.
    """
    if question.kind == "names":
        return None
    if question.choices:
        items = wrong if isinstance(wrong, (list, tuple)) else (wrong,)
        found = (_near_choice(question, one) for one in items if isinstance(one, str))
        near = tuple(dict.fromkeys(filter(None, found))) or (question.choices[0],)
        return near if question.kind == "choices" else near[0]
    if isinstance(wrong, str) and question.kind in ("integer", "number", "boolean"):
        with suppress(ValueError):
            value = from_text(question, wrong)
            assert isinstance(value, int | float | bool), question.key
            return value
    value = question.default
    assert isinstance(value, str | int | float | bool), question.key
    return None if value == "" else value
