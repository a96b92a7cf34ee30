"""Hostile strings in every place that is printed: `python -m tests.trust.terminal 2000`.

Prints how many strings were shown how often, and on how many faces a character acted or a line
was forged; ends with 1 where that is not 0.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.trust.captured import inside
from tests.trust.faces import FACES
from tests.trust.hostile import faults, strings
from tests.trust.screens import dashboard_faults, wizard_faults

_SOME = 8
"""Of faces that plan or take many command lines, so many strings apart are shown."""
_SLOW = {"_arguments", "_intent", "_machine", "_model", "_file_names"}
_LONG = 10_000


def tried(
    texts: Iterable[str], folder: Path, *, some: int = _SOME
) -> tuple[Counter[str], list[str]]:
    """Show strings on every face; return how often each showed one, and what was wrong."""
    counted: Counter[str] = Counter()
    wrong: list[str] = []
    with inside(folder):
        for number, text in enumerate(texts):
            for place, face in enumerate(FACES):
                slow = face.__name__ in _SLOW
                if slow and (len(text) > _LONG or number % some != place % some):
                    continue
                for name, said in face(text, folder):
                    counted[name] += 1
                    wrong += [f"{name}: {fault!r} of {text[:80]!r}" for fault in faults(said)[:1]]
    return counted, wrong


def main(count: int) -> int:
    """Try so many strings and tell what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        counted, wrong = tried(strings(count), Path(folder))
    with tempfile.TemporaryDirectory() as folder, inside(Path(folder)):
        wrong += asyncio.run(wizard_faults(strings(count), Path()))
        wrong += asyncio.run(dashboard_faults(strings(count)))
    counted |= Counter({"wizard, drawn": 2 * count, "dashboard, drawn": 2 * count})
    for name, times in sorted(counted.items()):
        print(f"{times:>7}  {name}")
    shown = f"{counted.total()} times shown, on {len(counted)} faces"
    print(f"{count} strings, {shown}: {len(wrong)} wrong")
    print("\n".join(wrong[:40]))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
