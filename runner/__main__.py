"""A detached supervisor: `python -P -m runner ORDER`, where ORDER is a JSON object.

It sends its parent one line of JSON, with the run folder or the error that kept it from starting,
then detaches from the parent's terminal.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from lockfiles.errors import TunelockError
from runner.runs.folder import LOG
from runner.runs.safe_folder import OwnFolder
from runner.supervisor.supervise import Order, run


def order_text(order: Order) -> str:
    """Return an order as the JSON argument of this program."""
    values = {
        "lock": str(order.lock),
        "runs": str(order.runs),
        "located": {name: str(path) for name, path in order.located.items()},
        "allowed": list(order.allowed),
        "fresh": order.fresh,
        "continue_from": str(order.continue_from) if order.continue_from else "",
    }
    return json.dumps(values)


def main(text: str) -> int:
    """Run an order and return the exit code."""
    values = json.loads(text)
    order = Order(
        lock=Path(values["lock"]),
        runs=Path(values["runs"]),
        located={name: Path(path) for name, path in values["located"].items()},
        allowed=values["allowed"],
        fresh=values["fresh"],
        continue_from=Path(values["continue_from"]) if values["continue_from"] else None,
    )
    started: list[Path] = []

    def begun(folder: Path, since: int) -> None:
        started.append(folder)
        _send({"run": str(folder), "since": since})
        _detach(folder / LOG)

    try:
        run(order, begun)
    except TunelockError as problem:
        if not started:
            error = {"error": problem.message, "hint": problem.hint, "details": problem.details}
            _send(error | {"exit_code": problem.exit_code})
        return problem.exit_code
    except Exception as problem:
        if started:  # the traceback goes to the run's log
            raise
        said = f"The run failed unexpectedly before it started (`{type(problem).__name__}`)."
        hint = "add `--foreground`, and set TUNELOCK_TRACEBACK=1"
        _send({"error": said, "hint": hint, "exit_code": 1})
        return 1
    return 0


def _send(line: dict[str, Any]) -> None:
    """Send a line to the parent. If its terminal closed meanwhile, the run continues without it."""
    with suppress(BrokenPipeError):
        os.write(1, json.dumps(line).encode() + b"\n")


def _detach(log: Path) -> None:
    """Redirect stdout and stderr of this process to the run's log."""
    with OwnFolder.open(log.parent) as folder:
        descriptor = folder.open_file(log.name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
