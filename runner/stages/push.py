"""Push: the adapter, the merged model and the GGUF files to one Hub repository, in one commit.

The files sent are a closed list: files with known names that a stage of this run produced, the
lock, and a generated model card. Pickles, paths of this machine and data rows are never sent.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from lockfiles import digest
from lockfiles.errors import DigestDiffers, RunFailed, UsageProblem
from lockfiles.files import write_whole
from lockfiles.fixes import Advice, Command
from lockfiles.lock import TrainingLock
from lockfiles.receipt import Artifact
from planner.models.folder import is_small
from runner.export import card
from runner.export.clean import ADAPTER_CONFIG
from runner.export.push import push
from runner.runs.kind import of_kind
from runner.stages import artifacts
from runner.stages.context import Context

ADAPTER_WEIGHTS = "adapter_model.safetensors"
_KNOWN = (ADAPTER_CONFIG, ADAPTER_WEIGHTS, "model.safetensors")
"""The files of a model that may be sent, besides the shards of its weights and the small files."""
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


def run(given: Context) -> dict[str, Any]:
    """Push the run's artifacts, and report the commit and each file that was sent.

    Pushing again changes nothing. Raises RunFailed if the Hub refuses: trained results are kept,
    and a rerun repeats only the push.
    """
    files = collected(given)

    def on_progress(done: int, total: int) -> None:
        given.line.send("progress", what="pushing", done=done, total=total, unit="bytes")

    try:
        pushed = push(
            files,
            given.settings["to"],
            private=given.settings["private"],
            message=_message(given),
            on_progress=on_progress,
        )
    except UsageProblem as problem:
        raise RunFailed(*problem.said, fix=problem.fix) from problem
    given.line.send("artifact", what="Hub repository", path=pushed.url)
    return {
        "url": pushed.url,
        "commit": pushed.commit,
        "repo": given.settings["to"],
        "sent": [asdict(one) for one in pushed.sent],
    }


def _message(given: Context) -> str:
    what = "Tuned" if isinstance(given.lock, TrainingLock) else "Exported"
    return f"{what} with Tunelock ({given.lock.made_from[:8]})"


def collected(given: Context) -> dict[str, Path]:
    """Return the files to push, by their names in the repository.

    Raises DigestDiffers if tensors differ from those that their stage reported.
    """
    kinds = {stage.id: stage.kind for stage in given.lock.stage}
    left = [one for one in artifacts.of_run(given) if one.stage in given.all_inputs]
    found: dict[str, Path] = {}
    models = [one for one in left if of_kind(kinds[one.stage]).tensors]
    for one in models:
        below = "" if one is models[-1] else "adapter/"
        found |= {f"{below}{name}": path for name, path in _model(given, one)}
    found |= dict(_files(given, left))
    found["run.lock"] = given.run / "run.lock"
    readme = given.work / card.NAME
    scores = given.report(given.lock.first("evaluate"))
    write_whole(readme, card.card(given.lock, scores, given.learnt_rows).encode())
    return found | {card.NAME: readme}


def _model(given: Context, left: Artifact) -> Iterator[tuple[str, Path]]:
    """Yield the files of a stage's model, after comparing its tensors with the stage's report."""
    given.result(left.stage)  # refuses links
    folder = given.run / left.path
    inside = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    here = {name: path for name, path in inside.items() if _is_model_file(name, path)}
    weights = [path for name, path in here.items() if name.endswith(".safetensors")]
    if digest.of_tensors(weights) != left.digest:
        raise DigestDiffers(
            f"The tensors in `{folder}` differ from those that their stage produced.",
            fix=(
                Advice("restore them"),
                Command("tunelock run run.lock --fresh", to="train again"),
            ),
        )
    yield from here.items()


def _is_model_file(name: str, path: Path) -> bool:
    plain = path.is_file() and not path.is_symlink()
    return plain and (is_small(name) or name in _KNOWN or _SHARD.fullmatch(name) is not None)


def _files(given: Context, left: list[Artifact]) -> Iterator[tuple[str, Path]]:
    """Yield the files besides models that the stages of the lock give to a push."""
    for stage in given.lock.stage:
        wanted = of_kind(stage.kind).sends(given.lock, stage)
        for one in left:
            if one.stage == stage.id and (name := PurePosixPath(one.path).name) in wanted:
                yield name, given.result(stage.id) / name
