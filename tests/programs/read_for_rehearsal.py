"""Reads what a rehearsal needs: `[LOCK, {NAME: PATH}]` as JSON; prints what was found."""

import json
import sys
from pathlib import Path

from lockfiles import lock
from runner.rehearse.inputs import read


def main() -> None:
    at, located = json.loads(sys.argv[1])
    found = read(
        lock.read(Path(at)).training(),
        Path(at),
        {name: Path(path) for name, path in located.items()},
    )
    train = found.rows.part("train") if found.rows else None
    rows = len(train.rows) if train else 0
    print(json.dumps({"rows": rows, "missing": found.missing, "type": found.config["model_type"]}))


if __name__ == "__main__":
    main()
