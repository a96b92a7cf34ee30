"""The facts that steps need: data files, the model, the machine, and the resulting plan.

Reading can take seconds, so it happens in workers, and each result is kept until the answers or
the files that it depends on change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Lock as Mutex
from typing import TYPE_CHECKING, TypeVar, cast

from lockfiles.errors import TunelockError
from planner.hub.datasets.reference import is_reference
from planner.interview.answers import check
from tui.session.reports import Part, Reports
from tui.session.request import columns, labelled, located, roles, stamp, stamp_of

if TYPE_CHECKING:
    from lockfiles.lock import TrainingLock
    from planner.data.files.raw import RawRow
    from planner.data.reading.classification import Labelled
    from planner.data.reading.formats import Table
    from planner.machines.facts import MachineFacts
    from planner.models.facts import ModelFacts
    from planner.plan.gather import PlanFacts
    from planner.search.choose import Choice

Read = TypeVar("Read")
Values = Mapping[str, object]

_FIRST = 3
"""Rows for which a column mapping is shown."""
_STREAM = ("train.max_length", "train.seed", "train.epochs")
"""Answers outside the data and model steps that the encoded data depends on."""


class Facts:
    """The facts for a folder, read on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports = Reports(folder)
        self._kept: dict[str, tuple[object, object]] = {}
        self._mutexes: defaultdict[str, Mutex] = defaultdict(Mutex)

    def exists(self, path: str) -> bool:
        """Return whether a path, as typed, exists."""
        return is_reference(path) or self._path(path).exists()

    def table(self, values: Values, split: str) -> Table:
        """Return the rows of one split's file. Raises UsageProblem if it is invalid."""
        from planner.data.reading.bad_rows import BadRows
        from planner.data.reading.formats import load_table

        name = str(values[f"data.{split}"])
        path, mapped = self._path(name), columns(values)
        system = str(values["data.system"])
        named = roles(values)
        how = None
        with suppress(*(() if split == "train" else (TunelockError,))):  # an error of another file
            how = self.labelled(values)
        key = (path, stamp(path), tuple((mapped or {}).items()), system, tuple(named.items()), how)
        return self._once(
            f"rows of {split}",
            key,
            lambda: load_table(
                self._rows(name, split), columns=mapped, system=system, roles=named, labelled=how,
                bad=BadRows(),
            ),
        )  # fmt: skip

    def labelled(self, values: Values) -> Labelled | None:
        """Return how to read the rows of a classification; None for other rows.

        Raises UsageProblem if the training file is invalid.
        """
        name = str(values["data.train"])
        path = self._path(name)
        keys = ("data.format", "data.prompt_column", "data.completion_column", "data.system")
        key = (path, stamp(path), tuple(values[key] for key in keys))
        return self._once("labels", key, lambda: labelled(values, self._rows(name, "train")))

    def part(self, values: Values, split: str) -> Part:
        """Return the size and format of one split's file. Raises UsageProblem if it is invalid."""
        found = self.reports.part(values, split)
        if found:
            return found
        table = self.table(values, split)
        return Part(len(table.rows), table.format)

    def examples(self, values: Values) -> int | None:
        """Return the number of training rows; None if they have not been counted."""
        if found := self.reports.part(values, "train"):
            return found.rows
        if "rows of train" not in self._kept:  # before the import, which the first screen waits for
            return None
        from planner.data.reading.formats import Table

        key, table = self._kept["rows of train"]
        path = self._path(values["data.train"])
        if isinstance(table, Table) and isinstance(key, tuple) and key[:2] == (path, stamp(path)):
            return len(table.rows)
        return None

    def first_rows(self, values: Values) -> tuple[RawRow, ...]:
        """Return the first rows of the training file. Raises UsageProblem if it is invalid."""
        from planner.data.reading.read import read_raw

        name = str(values["data.train"])
        path = self._path(name)
        return self._once(
            "first rows",
            (path, stamp(path)),
            lambda: tuple(islice(read_raw(self._rows(name, "train")), _FIRST)),
        )

    def column_names(self, values: Values) -> tuple[str, ...]:
        """Return the columns of the first rows if they have been read; reads nothing."""
        key, rows = self._kept.get("first rows", (None, ()))
        path = self._path(values["data.train"])
        if key != (path, stamp(path)):
            return ()
        read = cast("tuple[RawRow, ...]", rows)
        return tuple(dict.fromkeys(name for raw in read for name in raw.values if name.strip()))

    def model(self, values: Values) -> ModelFacts:
        """Return the base model's facts. Raises UsageProblem if it is not a model."""
        return self._model(values)[0]

    def template(self, values: Values) -> None:
        """Load the chat template. Raises UsageProblem if it has no usable one."""
        from planner.data.tokens.template import load_template

        own = values["model.template"]
        load_template(self._model(values)[1], file=self._path(own) if own else None)

    def machine(self, values: Values) -> MachineFacts:
        """Return the machine to plan for. Raises UsageProblem for invalid saved facts."""
        named = self._path(values["machine.facts"]) if values["machine.facts"] else None
        key = (named, named and stamp(named), values["machine.device"] == "cpu")
        return self._once("machine", key, lambda: self._machine(values))

    def _machine(self, values: Values) -> MachineFacts:
        from planner.machines import saved
        from tui.session import planning

        if values["machine.facts"]:
            return saved.load(self._path(values["machine.facts"]))
        return planning.here(self.folder, on_cpu=values["machine.device"] == "cpu")

    def gathered(self, values: Values) -> PlanFacts:
        """Return the inputs of a plan. Raises any TunelockError of its parts."""
        from planner.plan.gather import gather

        answers, machine = check(values, {}), self.machine(values)
        names = (
            "data.train", "data.validation", "data.test", "data.general", "model.template",
        )  # fmt: skip
        key = (
            tuple(answers[name] for name in answers if _encodes(name)),
            tuple(stamp_of(values[name], self.folder) for name in names),
        )
        return self._once("plan", key, lambda: gather(answers, self.folder, machine=machine))

    def choice(self, values: Values) -> Choice:
        """Return the method that the plan chooses. Raises DoesNotFit or UsageProblem."""
        from planner.search.choose import choose

        facts = self.gathered(values)
        stream = facts.stream
        return choose(
            check(values, {}),
            facts.model,
            rows=stream.rows,
            longest=stream.longest,
            machine=facts.machine,
            lengths=stream.lengths,
            tokens=stream.tokens,
        )

    def lock(self, values: Values, *, again: bool = False) -> TrainingLock:
        """Return the lock for the answers; `again` rereads all facts, as before writing."""
        from planner.plan.gather import check_stages, gather
        from planner.plan.plan import plan

        answers = check(values, {})
        if again:
            facts = gather(answers, self.folder, machine=self._machine(values))
        else:
            facts = self.gathered(values)
        check_stages(answers, *self._model(values))
        return plan(answers, facts)

    def _model(self, values: Values) -> tuple[ModelFacts, Path]:
        from planner.plan.gather import model_facts

        answers = check(values, {})
        folder = self._path(values["model.source"])
        key = (folder, values["model.revision"], stamp(folder / "config.json"))
        return self._once("model", key, lambda: model_facts(answers, self.folder))

    def _rows(self, name: str, split: str) -> Path:
        from planner.hub.datasets.local import local

        return local(name, split)[1] if is_reference(name) else self._path(name)

    def _path(self, value: object) -> Path:
        return located(self.folder, value)

    def _once(self, what: str, key: object, read: Callable[[], Read]) -> Read:
        with self._mutexes[what]:
            if what in self._kept and self._kept[what][0] == key:
                return cast(Read, self._kept[what][1])
            found = read()
            self._kept[what] = (key, found)
            return found


def _encodes(key: str) -> bool:
    return key.partition(".")[0] in ("data", "model", "machine") or key in _STREAM
