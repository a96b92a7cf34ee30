"""Pushes each `[FOLDER, REPO, PRIVATE]` of a JSON list; prints what came of each."""

import json
import sys
from pathlib import Path

from lockfiles.errors import UsageProblem
from runner.export.push import push


def pushed(folder: str, repo: str, private: bool) -> dict[str, object]:
    told: list[tuple[int, int]] = []
    at = Path(folder)
    try:
        files = {p.relative_to(at).as_posix(): p for p in at.rglob("*") if not p.is_dir()}
        made = push(
            files, repo, private=private, message="tuned",
            on_progress=lambda done, total: told.append((done, total)),
        )  # fmt: skip
    except UsageProblem as problem:
        return {"message": problem.message, "hint": problem.hint, "told": told}
    sent = [vars(one) for one in made.sent]
    return {"url": made.url, "commit": made.commit, "told": told, "sent": sent}


if __name__ == "__main__":
    print(json.dumps([pushed(*case) for case in json.loads(sys.argv[1])]))
