"""A row of a file as training sees it, for every interface."""

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from planner.data.reading.formats import KINDS, Read
from planner.data.tokens.encode import NEED_VARIANT
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.training_template import variant
from planner.data.tokens.xray import XRay, xray

VARIANT = "the model's own template changes earlier text, so this shows its training variant"


def as_trained(found: Read, template: ChatTemplate, tokenizer: Tokenizer) -> tuple[XRay, bool]:
    """Return a row as training sees it, and whether with the template's training variant.

    Raises DataRefused if it cannot be trained on, UsageProblem if no trainer supports its format.
    """
    if KINDS[found.format] != "conversation":
        raise UsageProblem(
            f"`{found.path}` {found.place} has the format `{found.format}`, which no trainer "
            "supports yet.",
            fix=Advice("only conversations can be shown as training sees them"),
        )
    try:
        return xray(found.row, template, tokenizer), False
    except NEED_VARIANT:
        other = variant(template)
        if not other:
            raise
        return xray(found.row, other, tokenizer), True
