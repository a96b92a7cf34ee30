"""Merge: fold the adapter into its base model, as a standalone model folder."""

import shutil
from typing import Any

from lockfiles import digest
from lockfiles.files import write_whole
from runner.export import card
from runner.export.merge import merge
from runner.inputs import verify
from runner.stages import artifacts
from runner.stages.context import Context
from runner.stages.made import ending_of, left, own_template
from runner.stages.rows import prepared
from runner.training.determinism import settle


def run(given: Context) -> dict[str, Any]:
    """Write `model/` with the merged weights, the tokenizer and the lock's chat template."""
    lock = given.lock.training()
    settle(lock.exactness.threads)
    given.line.send("progress", what="merging", done=0, total=1, unit="models")
    out = given.work / "model"
    shutil.rmtree(out, ignore_errors=True)
    with (
        verify.model_of(lock, given.model, given.work) as base,
        left(given, "train") as adapter,
    ):
        merge(
            base.folder,
            adapter.folder,
            out,
            lock.method,
            own_template(given),
            ending_of(given, base.folder, prepared(given, "train")),
        )
    if lock.data[0].system:  # whatever serves the folder needs it
        write_whole(out / card.NAME, card.card(lock, None).encode())
    files = sorted(out.glob("*.safetensors"))
    size = sum(file.stat().st_size for file in files)
    tensors = digest.of_tensors(files)
    left_here = artifacts.made(given, artifacts.NAMES["merged"], out.name, tensors)
    return {"artifacts": [left_here], "digests": {"merged": tensors}, "size_bytes": size}
