"""Spoiled event files, given to `status`, to the plain face, and to a run that resumes."""

import json
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import commands, pool, run_folder
from tests.fuzz.bases import Base
from tests.fuzz.hostile import changed, deepened, nodes, words
from tests.fuzz.kinds.judging import together
from tests.fuzz.pool import Meter, Verdict
from tests.fuzz.spoiled import spoiled

COUNT = 2_000
SHORT = 12
_WHOLE = (
    b"", b"\n", b"[]\n", b"null\n", b"7\n", b'"x"\n', b"{}\n", b"[" * 100_000 + b"\n",
    bytes(300) + b"\n", b'{"seq": 0, "time": 0, "stage": "train", "kind": "step"}\n',
    b'{"seq":' + b"9" * 5_000 + b"}\n", b"\xff\xfe\n", b'{"seq": 0}\n',
    b'{"seq": "0", "time": {}, "stage": [], "kind": null}\n',
)  # fmt: skip


class Kind:
    """The cases of this kind."""

    FOLDER = "events"

    def __init__(self, home: Path, bases: list[Base], seed: int) -> None:
        self._home, self._base, self._seed = home, bases[0], seed
        self._lines = (run_folder.RECORDS / "events.jsonl").read_text("utf-8").splitlines()
        self._known = words([json.loads(line) for line in self._lines])

    def case(self, number: int, place: int) -> Verdict:
        """Return the verdict of one case."""
        random = Random(f"events {self._seed} {number}")
        content, what = self._changed(random, number)
        return self.judged(number, content, what, place)

    def judged(self, number: int | str, content: bytes, what: str, place: int) -> Verdict:
        """Return the verdict of one file; every other one is followed too."""
        folder = self._home / str(place)
        run = run_folder.write(folder, self._base)
        (run / "events.jsonl").write_bytes(content)
        run_folder.start_no_stage()
        pool.begin(f"events: {what}", content)
        with Meter() as meter:
            ended = [commands.run(folder, "status", str(run))]
        ended.append(commands.run(folder, "status", str(run), "--json"))
        if hash(number) % 2:
            ended.append(commands.run(folder, "watch", str(run), "--plain"))
        ended.append(commands.run(folder, "run", "--foreground"))
        return together(ended, meter, f"events: {what}", content)

    def _changed(self, random: Random, number: int) -> tuple[bytes, str]:
        if number < len(_WHOLE):
            return _WHOLE[number], f"the whole file is {_WHOLE[number][:30]!r}"
        if random.random() < 0.3:
            return spoiled(random, "\n".join(self._lines).encode() + b"\n")
        lines: list[Any] = [json.loads(line) for line in self._lines]
        told = []
        for _ in range(random.choice([1, 1, 3])):
            at = random.randrange(len(lines))
            path = random.choice([*nodes(lines[at])] or [()])
            if not path:
                continue
            lines[at], what = changed(random, lines[at], path, self._known)
            told.append(f"{at}.{what}")
            if random.random() < 0.2:
                lines.append(lines[at])
        if random.random() < 0.1:
            random.shuffle(lines)
        text = "".join(json.dumps(line, default=str) + "\n" for line in lines)
        return deepened(text).encode("utf-8", "replace"), "; ".join(told)
