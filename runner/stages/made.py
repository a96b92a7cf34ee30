"""The results of earlier stages, as a later stage loads them."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lockfiles import digest, text
from lockfiles.errors import DigestDiffers
from lockfiles.fixes import Advice, Command
from planner.data.tokens.example import Example
from planner.data.tokens.special_tokens import answer_end
from planner.data.tokens.tokenizer import load_tokenizer
from runner.export.ending import Ending
from runner.inputs import view
from runner.inputs.view import View
from runner.runs.kind import of_kind
from runner.stages.context import Context


def own_template(given: Context) -> str | None:
    """Return the text of the lock's own chat template; None if the model's is used.

    Raises DigestDiffers if the file differs from the locked one.
    """
    template = given.lock.training().template
    if template.source != "local:template":
        return None
    source = text.read(given.places["template"])
    if hashlib.sha256(source.encode()).hexdigest() != template.sha256:
        raise DigestDiffers(
            f"`{given.places['template']}` differs from the chat template in the lock.",
            fix=Advice("restore it and run the same command again"),
        )
    return source


def ending_of(given: Context, model: Path, rows: Iterable[Example]) -> Ending:
    """Return where answers of the tuned model end, from the lock and its training rows.

    `model` is the folder of the base model.
    """
    end_ids = given.lock.training().template.end_ids
    taught = answer_end(rows, end_ids)
    if taught is None:
        return Ending(tuple(end_ids))
    text = load_tokenizer(model).decode([taught], skip_special_tokens=False)
    return Ending(tuple(end_ids), text)


@contextmanager
def left(given: Context, kind: str, into: Path | None = None) -> Iterator[View]:
    """Yield a view of the model folder that the stage of a kind produced.

    The view is created in `into`, by default in the stage's working folder.

    Raises DigestDiffers if its tensors differ from those that the stage reported.
    """
    stage = given.inputs(kind)[0]
    folder = given.result(stage) / of_kind(kind).tensors
    with view.own(folder, into or given.work) as found:
        sums = given.report(stage).get("digests")
        tensors = digest.of_tensors(sorted(found.folder.glob("*.safetensors")))
        if not isinstance(sums, dict) or tensors not in sums.values():
            raise DigestDiffers(
                f"The tensors in `{folder}` differ from those that their stage produced.",
                fix=(
                    Advice("restore them"),
                    Command("tunelock run run.lock --fresh", to="train again"),
                ),
            )
        yield found
