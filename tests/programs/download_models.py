"""Fetches `[MODEL, CACHE]` of a JSON list, models as in a lock; prints what came of each."""

import json
import sys
from pathlib import Path

from lockfiles.errors import TunelockError
from lockfiles.lock import Model
from runner.inputs.model import download


def fetched(model: object, cache: str | None) -> dict[str, object]:
    told: list[tuple[int, int]] = []
    try:
        folder = download(
            Model.model_validate(model),
            Path(cache) if cache else None,
            lambda done, total: told.append((done, total)),
        )
    except TunelockError as problem:
        return {"code": problem.exit_code, "message": problem.message, "hint": problem.hint}
    return {"folder": str(folder), "told": told}


if __name__ == "__main__":
    print(json.dumps([fetched(*case) for case in json.loads(sys.argv[1])]))
