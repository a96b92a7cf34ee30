"""`run.toml` with other answers: of every question, in every form, and with its bytes spoiled."""

import tomllib
from pathlib import Path
from random import Random

import tomli_w

from planner.interview.questions import QUESTIONS
from tests.fuzz import commands, pool
from tests.fuzz.bases import INTENTS, Base, planned_text
from tests.fuzz.hostile import NUMBERS, OTHERS, TEXTS, changed, deepened, nodes, words
from tests.fuzz.kinds.judging import together
from tests.fuzz.pool import Meter, Verdict
from tests.fuzz.spoiled import spoiled

COUNT = 2_000
SHORT = 12
_NAMED = ("data.train", "data.validation", "data.test", "data.general", "model.source")


class Kind:
    """The cases of this kind."""

    FOLDER = "intents"

    def __init__(self, home: Path, bases: list[Base], seed: int) -> None:
        self._home, self._seed = home, seed
        self._demo = demo = bases[0].places["model"].parent
        self._texts = [_absolute(planned_text(more), demo) for more in INTENTS.values()]
        self._known = [
            *(choice for question in QUESTIONS for choice in question.choices),
            *(word for text in self._texts for word in words(tomllib.loads(text))),
        ]

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        random = Random(f"intents {self._seed} {number}")
        content, what = self._changed(random, number)
        return self.judged("", content, what, place)

    def judged(self, name: str, content: bytes, what: str, place: int) -> Verdict:
        """Return the verdict of one file, in which `DEMO` stands for the demo's folder."""
        content = content.replace(b"DEMO", str(self._demo).encode())
        folder = self._home / str(place)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.toml").write_bytes(content)
        pool.begin(f"run.toml: {what}", content)
        with Meter() as meter:
            ended = commands.run(folder, "plan", "--dry-run")
        return together([ended], meter, f"run.toml: {what}", content)

    def _changed(self, random: Random, number: int) -> tuple[bytes, str]:
        text = random.choice(self._texts)
        kind = random.random()
        if kind < 0.25:
            return spoiled(random, text.encode())
        tables = tomllib.loads(text)
        if kind < 0.75:
            question = QUESTIONS[number % len(QUESTIONS)]
            value = random.choice([*TEXTS, *NUMBERS, *OTHERS, *self._known, *question.choices])
            tables.setdefault(question.table, {})[question.name] = value
            what = f"{question.key}: {value!r:.80}"
        else:
            at = random.choice([*nodes(tables)])
            tables, what = changed(random, tables, at, self._known)
        return deepened(tomli_w.dumps(tables)).encode("utf-8", "replace"), what


def _absolute(text: str, demo: Path) -> str:
    tables = tomllib.loads(text)
    for key in _NAMED:
        table, _, name = key.partition(".")
        if value := tables.get(table, {}).get(name):
            tables[table][name] = str(demo / value)
    return tomli_w.dumps(tables)
