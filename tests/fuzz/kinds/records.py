"""The other small files of a run or a plan, spoiled: receipts, reports, places, facts."""

import json
import tomllib
from pathlib import Path
from random import Random

import tomli_w

from tests.fuzz import commands, pool, run_folder
from tests.fuzz.bases import Base, planned_text
from tests.fuzz.hostile import changed, deepened, nodes, words
from tests.fuzz.kinds.judging import together
from tests.fuzz.pool import Meter, Verdict
from tests.fuzz.spoiled import spoiled

COUNT = 2_000
SHORT = 12
PLAN = ("plan", "--dry-run")
FILES: dict[str, tuple[str, ...]] = {
    "receipt.json": ("run", "--foreground"),
    "done.json": ("run", "--foreground"),
    "locations.toml": ("check",),
    "machine.json": (*PLAN, "--machine", "machine.json"),
    "rehearsal.json": (*PLAN, "--facts", "rehearsal.json"),
}
"""File to the command that reads it."""


class Kind:
    """The cases of this kind."""

    FOLDER = "records"

    def __init__(self, home: Path, bases: list[Base], seed: int) -> None:
        self._home, self._base, self._seed = home, bases[0], seed
        self._demo = bases[0].places["model"].parent

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        random = Random(f"records {self._seed} {number}")
        name = [*FILES][number % len(FILES)]
        path = self._written(random, name, place)
        content, what = _changed(random, path.read_bytes(), path.suffix == ".toml")
        return self._judged(path, name, content, what, place)

    def judged(self, name: str, content: bytes, what: str, place: int) -> Verdict:
        """Return the verdict of one file, whose kind its name begins with."""
        kind = next(one for one in FILES if name.startswith(one))
        path = self._written(Random(name), kind, place)
        return self._judged(path, kind, content, what, place)

    def _written(self, random: Random, name: str, place: int) -> Path:
        """Write what the file lies among, and return where it does."""
        folder = self._home / str(place)
        run = run_folder.write(folder, self._base)
        if FILES[name][0] == "plan":
            self._write_intent(folder)
        return self._path(random, folder, run, name)

    def _judged(self, path: Path, name: str, content: bytes, what: str, place: int) -> Verdict:
        path.write_bytes(content)
        run_folder.start_no_stage()
        pool.begin(f"{path.name}: {what}", content)
        with Meter() as meter:
            ended = commands.run(self._home / str(place), *FILES[name])
        return together([ended], meter, f"{path.name}: {what}", content)

    def _write_intent(self, folder: Path) -> None:
        tables = tomllib.loads(planned_text({}))
        tables["data"] |= {name: str(self._base.places[name]) for name in ("train", "test")}
        tables["model"]["source"] = str(self._base.places["model"])
        (folder / "run.toml").write_text(tomli_w.dumps(tables), "utf-8")
        (folder / "run.lock").unlink()

    def _path(self, random: Random, folder: Path, run: Path, name: str) -> Path:
        if name == "done.json":
            return random.choice(sorted((run / "stages").glob("*/done.json")))
        if name == "receipt.json":
            return run / "stages" / "06-report" / name
        if name in ("machine.json", "rehearsal.json"):
            (folder / name).write_bytes((run_folder.RECORDS / name).read_bytes())
        return folder / name


def _changed(random: Random, content: bytes, is_toml: bool) -> tuple[bytes, str]:
    if random.random() < 0.25:
        return spoiled(random, content)
    tree = tomllib.loads(content.decode()) if is_toml else json.loads(content)
    at = random.choice([*nodes(tree)])
    tree, what = changed(random, tree, at, words(tree))
    text = tomli_w.dumps(tree) if is_toml else json.dumps(tree, default=str)
    return deepened(text).encode("utf-8", "replace"), what
