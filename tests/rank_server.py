"""Trainings in forks of one process, so that only this one imports what they need.

`python -m tests.rank_server` runs the cases in the folders that stdin names, one a line, and
answers each with an exit code.
"""

import gc
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from runner.engines.ddp import ENGINE
from runner.environments.variables import on_cpu
from tests import ranks
from tests.children import ended
from tests.ranks import Case


class Server:
    """The process, which lives as long as a `with` block. It computes on a CPU."""

    def __enter__(self) -> "Server":
        own = {**os.environ, **on_cpu(), **dict(ENGINE.variables)}
        own |= {"PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rank_server"], env=own, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, case: Case) -> list[dict[str, Any]]:
        """Run a case and return what each of its processes left.

        Raises AssertionError with the ends of their logs where one failed or took too long.
        """
        asked, answers = self._process.stdin, self._process.stdout
        assert asked and answers
        asked.write(f"{ranks.ready(case)}\n")
        asked.flush()
        assert answers.readline() == "0\n", f"{case}: {ranks.log_of(case)}"
        return ranks.left(case)


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what is imported may write there
    os.environ["DS_ACCELERATOR"] = "cpu"
    for name in ("datasets", "deepspeed", "peft", "trl.trainer.sft_trainer", "torch._dynamo"):
        import_module(name)  # forks have what is imported here
    for name in ("train", "sft", "zero", "fsdp2", "spread"):
        import_module(f"runner.training.{name}")
    gc.collect()
    gc.freeze()  # a fork would copy what its collector of garbage looks at
    for line in sys.stdin:
        print(_run(Path(line.rstrip("\n"))), file=answers, flush=True)


def _run(folder: Path) -> int:
    """Return 0 if each process of a folder's case ended as expected."""
    case = Case(**json.loads((folder / "case.json").read_bytes()))
    codes = ended(ranks.forks(case, folder), ranks.SECONDS)
    expected = 75 if case.stop_after else 0
    wrong = [code for code in codes if code != expected]
    return abs(wrong[0] or 1) if wrong else 0


if __name__ == "__main__":
    main()
