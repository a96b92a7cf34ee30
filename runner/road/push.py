"""Push: the adapter, the merged model and the GGUF files to one Hub repository, in one commit."""

import os
import shutil
from pathlib import Path
from typing import Any

from lockfiles.errors import RunFailed, UsageProblem
from runner.road.context import Context
from runner.stages.push import push


def run(given: Context) -> dict[str, Any]:
    """Push what the run made, and report the commit. Done again, it changes nothing.

    Raises RunFailed where the Hub refuses: what was trained stands, and only the push is done
    again.
    """
    folder = _collected(given)

    def told(done: int, total: int) -> None:
        given.line.send("progress", what="pushing", done=done, total=total, unit="bytes")

    try:
        pushed = push(
            folder,
            given.settings["to"],
            private=given.settings["private"],
            message=f"Tuned with Tunelock ({given.lock.integrity['train'][:8]})",
            told=told,
        )
    except UsageProblem as problem:
        raise RunFailed(problem.message, hint=problem.hint) from problem
    given.line.send("artifact", what="Hub repository", path=pushed.url)
    return {"url": pushed.url, "commit": pushed.commit}


def _collected(given: Context) -> Path:
    """Return a folder of links to what is pushed: the model, its adapter beside it, the files."""
    folder = given.work / "repository"
    shutil.rmtree(folder, ignore_errors=True)
    _link(given.tuned, folder)
    if given.lock.method.kind != "full" and "merge" in given.lock.integrity:
        _link(given.result("train") / "result", folder / "adapter")
    if "gguf" in given.lock.integrity:
        for file in given.result("gguf").glob("*.gguf"):
            os.symlink(file.resolve(), folder / file.name)
    os.symlink((given.run / "run.lock").resolve(), folder / "run.lock")
    return folder


def _link(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file():
            os.symlink(file.resolve(), target / file.name)
