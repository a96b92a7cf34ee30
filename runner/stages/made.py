"""What an earlier stage of the run left, as a later one loads it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from lockfiles import digest, text
from lockfiles.errors import DigestDiffers
from lockfiles.fixes import Advice, Command
from runner.inputs import view
from runner.inputs.view import View
from runner.runs.kind import of_kind
from runner.stages.context import Context


def own_template(given: Context) -> str | None:
    """Return the text of the run's own chat template; None where the model's is used.

    Raises DigestDiffers where the file is no longer the locked one.
    """
    template = given.lock.training().template
    if template.source != "local:template":
        return None
    source = text.read(given.places["template"])
    if hashlib.sha256(source.encode()).hexdigest() != template.sha256:
        raise DigestDiffers(
            f"`{given.places['template']}` is no longer the chat template of the lock.",
            fix=Advice("put it back, and run the same command again"),
        )
    return source


@contextmanager
def left(given: Context, kind: str) -> Iterator[View]:
    """Yield a view of the tensors that the stage of a kind left, and of their other files.

    Raises DigestDiffers where the tensors are not those that it reported.
    """
    stage = given.inputs(kind)[0]
    folder = given.result(stage) / of_kind(kind).tensors
    with view.own(folder, given.work) as found:
        sums = given.report(stage).get("digests")
        tensors = digest.of_tensors(sorted(found.folder.glob("*.safetensors")))
        if not isinstance(sums, dict) or tensors not in sums.values():
            raise DigestDiffers(
                f"The tensors in `{folder}` are no longer those that their stage left.",
                fix=(
                    Advice("put them back"),
                    Command("tunelock run run.lock --fresh", to="train again"),
                ),
            )
        yield found
