"""One process of a rehearsal that also tells how it holds the model, and may fail on request.

`python -m tests.programs.rehearsed JOB.json` is `python -m runner.rehearse JOB.json`. The name of
the job's case says what goes wrong: `short 1` lets process 1 run out of memory in its second
backward pass, and `killed 1` ends it there.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

from runner.engines.ranks import PEER_LOST
from runner.environments.lifeline import end_with_parent
from runner.rehearse import __main__ as worker
from runner.rehearse import measure
from runner.rehearse.results import Results
from runner.runs import holders
from tests.ranks import seen


def main(job: Path) -> int:
    """Run the job with what goes wrong in it, and leave the shares of the model as a result."""
    name, rank = json.loads(job.read_bytes())["case"]["name"].split(" "), int(os.environ["RANK"])
    if name[1:] == [str(rank)]:
        _break(name[0])
    add = Results.add
    with seen(measure, saves=True) as shares:

        def told(own: Results, line: Any) -> None:
            add(own, {"shares": shares, "at": time.monotonic()})
            add(own, line)

        setattr(Results, "add", told)  # noqa: B010  # mypy allows no assignment to a method
        return worker.main(job)


def _break(how: str) -> None:
    enter, passes = measure._Watch.enter, [0]

    def entered(own: Any, phase: str) -> None:
        enter(own, phase)
        if phase != "backward":
            return
        passes[0] += 1
        if passes[0] == 2:
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise torch.OutOfMemoryError("CUDA out of memory, as a test wants it.")

    setattr(measure._Watch, "enter", entered)  # noqa: B010  # as above


if __name__ == "__main__":
    end_with_parent(PEER_LOST)
    holders.hold(Path(sys.argv[1]).parent)
    sys.exit(main(Path(sys.argv[1])))
