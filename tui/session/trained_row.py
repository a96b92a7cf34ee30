"""A row of a file as training sees it, whichever face shows it."""

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from planner.data.reading.formats import KINDS, Read
from planner.data.tokens.encode import TurnsRewritten
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.training_template import variant
from planner.data.tokens.xray import XRay, xray

VARIANT = "the model's own template changes earlier text: shown is its training variant"


def seen(found: Read, template: ChatTemplate, tokenizer: Tokenizer) -> tuple[XRay, bool]:
    """Return a row seen through, and whether by the training variant of the template.

    Raises DataRefused where it cannot be trained on, UsageProblem where no trainer takes it.
    """
    if KINDS[found.format] != "conversation":
        raise UsageProblem(
            f"`{found.path}` {found.place} is `{found.format}`, which no trainer takes yet.",
            fix=Advice("only conversations can be shown as training sees them"),
        )
    try:
        return xray(found.row, template, tokenizer), False
    except TurnsRewritten:
        other = variant(template)
        if not other:
            raise
        return xray(found.row, other, tokenizer), True
