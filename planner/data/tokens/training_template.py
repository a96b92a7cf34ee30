"""The training variants of chat templates that are not suitable for training.

Templates of reasoning models drop the reasoning of earlier turns, and some print an end only once:
they change earlier text when a turn is added. TRL has variants that do not, and that mark the
assistant's text.
"""

from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.variants import FOLDER, training_text

__all__ = ["FOLDER", "variant"]


def variant(template: ChatTemplate) -> ChatTemplate | None:
    """Return the training variant of a template, or None if it has none.

    Of several templates, those that have a variant are replaced.
    """
    others = {name: training_text(source) or source for name, source in template.others.items()}
    source = training_text(template.source)
    if not source and others == template.others:
        return None
    return template.like(source or template.source, others)
