"""A few of the spoiled locks, given to a real `tunelock check`: its time and memory as a whole."""

import os
import subprocess
from pathlib import Path
from random import Random

from tests.fuzz import pool
from tests.fuzz.bases import Base
from tests.fuzz.commands import Ended
from tests.fuzz.kinds import value_changes
from tests.fuzz.kinds.judging import together
from tests.fuzz.pool import Meter, Verdict
from tests.fuzz.spoiled import spoiled
from tests.journeys.demo_folder import command

COUNT = 300
SHORT = 2


class Kind:
    """The cases of this kind: every third one has its bytes changed, the others their values."""

    def __init__(self, home: Path, bases: list[Base], seed: int) -> None:
        self._home, self._bases, self._seed = home, bases, seed
        self._values = value_changes.Kind(home, bases, seed + 1)

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        if number % 3 == 0:
            base = self._bases[number % len(self._bases)]
            content, what = spoiled(Random(f"{self._seed} {number}"), base.text.encode())
        else:
            base, text, what = self._values.changed(number)
            content = text.encode("utf-8", "replace")
        folder = self._home / str(place)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "locations.toml").write_text(base.locations, "utf-8")
        (folder / "case.lock").write_bytes(content)
        pool.begin(f"{base.name}: {what}", content)
        with Meter() as meter:
            done = subprocess.run(
                command("check", "case.lock"), cwd=folder, env=os.environ, capture_output=True
            )
        out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
        return together(
            [Ended(done.returncode, out, err, "")], meter, f"{base.name}: {what}", content
        )
