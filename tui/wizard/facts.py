"""What the steps read from outside: data files, the model, the machine, and the plan from them.

Reading can take seconds, so it happens in workers, and each reading is kept until the answers
or the files behind it change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock as Mutex
from typing import TYPE_CHECKING, TypeVar, cast

from lockfiles.errors import UsageProblem
from planner.interview.answers import check

if TYPE_CHECKING:
    from lockfiles.lock import Lock
    from planner.choose import Choice
    from planner.data.formats import Table
    from planner.gather import PlanFacts
    from planner.machine import MachineFacts
    from planner.models import ModelFacts

Read = TypeVar("Read")
Values = Mapping[str, object]

_STREAM = ("train.max_length", "train.seed", "train.epochs")
"""Answers outside their tables that the encoded data depends on."""


class Facts:
    """The outside world of one folder, read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[str, tuple[object, object]] = {}
        self._mutexes: defaultdict[str, Mutex] = defaultdict(Mutex)

    def exists(self, path: str) -> bool:
        """Return whether a path as typed leads to something."""
        return self._path(path).exists()

    def table(self, values: Values, split: str) -> Table:
        """Return the rows of one split's file. Raises UsageProblem where it is wrong."""
        from planner.data.formats import load_table

        path = self._path(values[f"data.{split}"])
        columns = _columns(values)
        system = str(values["data.system"])
        key = (path, _stamp(path), tuple((columns or {}).items()), system)
        return self._once(
            f"rows of {split}", key, lambda: load_table(path, columns=columns, system=system)
        )

    def examples(self, values: Values) -> int | None:
        """Return how many training rows were counted; None where nobody has yet."""
        from planner.data.formats import Table

        key, table = self._kept.get("rows of train", (None, None))
        path = self._path(values["data.train"])
        if isinstance(table, Table) and isinstance(key, tuple) and key[:2] == (path, _stamp(path)):
            return len(table.rows)
        return None

    def model(self, values: Values) -> ModelFacts:
        """Return the base model's facts. Raises UsageProblem where it is none."""
        return self._model(values)[0]

    def template(self, values: Values) -> None:
        """Load the chat template. Raises UsageProblem where there is none that works."""
        from planner.data.template import load_template

        own = values["model.template"]
        load_template(self._model(values)[1], file=self._path(own) if own else None)

    def machine(self, values: Values) -> MachineFacts:
        """Return the machine to plan for. Raises UsageProblem for broken saved facts."""
        from planner import machine

        saved = self._path(values["machine.facts"]) if values["machine.facts"] else None
        key = (saved, saved and _stamp(saved))
        return self._once(
            "machine", key, lambda: machine.load(saved) if saved else machine.probe(self.folder)
        )

    def gathered(self, values: Values) -> PlanFacts:
        """Return everything that a plan is made from. Raises any TunelockError of its parts."""
        from planner.gather import gather

        answers, machine = check(values, {}), self.machine(values)
        names = (
            "data.train", "data.validation", "data.test", "data.general", "model.template",
        )  # fmt: skip
        key = (
            tuple(answers[name] for name in answers if _encodes(name)),
            tuple(_stamp(self._path(values[name])) for name in names),
        )
        return self._once("plan", key, lambda: gather(answers, self.folder, machine=machine))

    def choice(self, values: Values) -> Choice:
        """Return the method that the plan takes. Raises DoesNotFit or UsageProblem."""
        from planner.choose import choose

        facts = self.gathered(values)
        stream = facts.stream
        return choose(
            check(values, {}),
            facts.model,
            rows=stream.rows,
            longest=stream.longest,
            machine=facts.machine,
            lengths=stream.lengths,
        )

    def lock(self, values: Values, *, again: bool = False) -> Lock:
        """Return the lock of the answers; `again` reads all facts anew, as for writing."""
        from planner.gather import gather
        from planner.plan import plan

        answers = check(values, {})
        facts = gather(answers, self.folder) if again else self.gathered(values)
        return plan(answers, facts)

    def _model(self, values: Values) -> tuple[ModelFacts, Path]:
        from planner.gather import model_facts

        answers = check(values, {})
        folder = self._path(values["model.source"])
        key = (folder, values["model.revision"], _stamp(folder / "config.json"))
        return self._once("model", key, lambda: model_facts(answers, self.folder))

    def _path(self, value: object) -> Path:
        return self.folder / Path(str(value)).expanduser()

    def _once(self, what: str, key: object, read: Callable[[], Read]) -> Read:
        with self._mutexes[what]:
            if what in self._kept and self._kept[what][0] == key:
                return cast(Read, self._kept[what][1])
            found = read()
            self._kept[what] = (key, found)
            return found


def _encodes(key: str) -> bool:
    return key.partition(".")[0] in ("data", "model", "machine") or key in _STREAM


def _columns(values: Values) -> dict[str, str] | None:
    if values["data.format"] != "columns":
        return None
    prompt, completion = str(values["data.prompt_column"]), str(values["data.completion_column"])
    if not (prompt and completion):
        raise UsageProblem(
            "The format `columns` needs the column of the prompt and the column of the answer.",
            hint="answer `Column of the prompt` and `Column of the answer`, or choose `auto`",
        )
    return {"prompt": prompt, "completion": completion}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
