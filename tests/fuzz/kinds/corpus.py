"""Spoiled files that were found at fault once, kept in `tests/fuzz/corpus`, each tried again."""

import copy
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fuzz.bases import Base, text_of
from tests.fuzz.kinds import events, intents, records
from tests.fuzz.kinds.lock_case import judged
from tests.fuzz.pool import Verdict

FOLDER = Path(__file__).parents[1] / "corpus"
_Case = Callable[[int], Verdict]


class Kind:
    """The cases of this kind, in an order of their own."""

    def __init__(self, home: Path, bases: list[Base], seed: int = 0) -> None:
        self._home = home
        named = {base.name: base for base in bases}
        self._event = events.Kind(home, bases, seed)
        self._record = records.Kind(home, bases, seed)
        self._intent = intents.Kind(home, bases, seed)
        table = tomllib.loads((FOLDER / "locks.toml").read_text("utf-8"))
        self.cases: dict[str, _Case] = {
            f"lock: {one['name']}": self._lock(named[one.get("base", "demo")], one)
            for one in table["case"]
        }
        for kind in (self._event, self._record, self._intent):
            for path in sorted((FOLDER / kind.FOLDER).iterdir()):
                self.cases[f"{kind.FOLDER}: {path.name}"] = self._file(kind, path)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.cases)

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        name = [*self.cases][number]
        return replace(self.cases[name](place), what=name)

    def _lock(self, base: Base, one: dict[str, Any]) -> _Case:
        def tried(place: int) -> Verdict:
            content = text_of(patched(base.tables, one)).encode()
            return judged(self._home / str(place), base, content, one["name"])

        return tried

    def _file(self, kind: events.Kind | records.Kind | intents.Kind, path: Path) -> _Case:
        return lambda place: kind.judged(path.name, path.read_bytes(), path.name, place)


def patched(tables: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return tables with what a patch sets, copies and drops."""
    made = copy.deepcopy(tables)
    for path, value in patch.get("set", {}).items():
        holder, key = _place(made, path)
        holder[key] = value
    for path, times in patch.get("copy", {}).items():
        holder, key = _place(made, path)
        holder += [copy.deepcopy(holder[key]) for _ in range(times - 1)]
    for path in patch.get("drop", ()):
        holder, key = _place(made, path)
        del holder[key]
    return made


def _place(tables: Any, path: str) -> tuple[Any, Any]:
    *inner, last = path.split("/")
    for key in inner:
        tables = tables[int(key)] if isinstance(tables, list) else tables[key]
    return tables, int(last) if isinstance(tables, list) else last
