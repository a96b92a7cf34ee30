"""`python -P -m runner.rehearse JOB.json`: run a case as one of the processes of an engine.

Each process writes its result to a file next to the job (`runner.rehearse.results`). A job with
`cases` compares them, in a single process: each has a line when it begins and one with its times.
"""

import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from lockfiles.errors import DoesNotFit
from planner.data.tokens.example import Encoded, Example
from planner.parallelism.engine import of_engine
from planner.setup.setup import Profile
from runner.engines.engine import Engine, named
from runner.engines.ranks import PEER_LOST
from runner.environments.lifeline import end_with_parent
from runner.rehearse.case import Case
from runner.rehearse.results import Results
from runner.runs import holders

SETTLE_SECONDS = 1.0
"""How long a process without memory waits before it ends, since others may run out of it as well
and leave their figures."""


def case_of(values: Mapping[str, Any]) -> Case:
    """Return the case in a JSON text."""
    profile = Profile(**values["profile"] | {"targets": tuple(values["profile"]["targets"])})
    rows = {
        name: tuple(_example(one["sequences"]) for one in values[name])
        for name in ("rows", "held_out")
    }
    sizes = {"graph_sizes": tuple(values["graph_sizes"])}
    return Case(**{**values, "profile": profile, **rows, **sizes})


def _example(sequences: Mapping[str, Any]) -> Example:
    return Example(
        {
            name: Encoded(tuple(one["input_ids"]), tuple(one["labels"]))
            for name, one in sequences.items()
        }
    )


def main(job: Path) -> int:
    """Run the job as one of its processes and return the exit code."""
    warnings.simplefilter("ignore")
    asked = json.loads(job.read_text(encoding="utf-8"))
    engine = named(asked["engine"])
    found = Results(job.parent, engine.rank())
    if "cases" in asked:
        _compare(asked, found)
        return 0
    return _measure(asked, engine, found)


def _measure(asked: Mapping[str, Any], engine: Engine, results: Results) -> int:
    from runner.rehearse.exchange import exchanged
    from runner.rehearse.measure import measure, taken_bytes
    from runner.training.determinism import keep_to

    before = taken_bytes(engine.rank())
    keep_to(asked["exactness"]["threads"], exact=asked["exactness"]["exact"])
    with engine.joined() as ranks:
        sent = exchanged(of_engine(engine.name), ranks)
        found = replace(measure(case_of(asked["case"]), ranks, before), exchanged=sent)
        results.add(asdict(found))
        if found.out_of_memory and ranks.count > 1:
            _leave()
    return 0


def _leave() -> NoReturn:
    """End this process, whose card ran out of memory, without the others, which may wait for it
    forever: they notice, and end too."""
    time.sleep(SETTLE_SECONDS)
    os._exit(DoesNotFit.exit_code)


def _compare(asked: Mapping[str, Any], results: Results) -> None:
    from runner.rehearse.compare import compare
    from runner.training.determinism import keep_to

    keep_to(asked["exactness"]["threads"], exact=asked["exactness"]["exact"])
    for line in compare([case_of(one) for one in asked["cases"]], asked["ends"]):
        results.add(line)


if __name__ == "__main__":
    end_with_parent(PEER_LOST)
    holders.hold(Path(sys.argv[1]).parent)
    try:
        sys.exit(main(Path(sys.argv[1])))
    except Exception as problem:
        traceback.print_exc()
        sys.exit(f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0]}")
