"""Verifies the end tokens that a lock takes from the next turns of its chat template."""

from pathlib import Path

from lockfiles.inputs import Template
from planner.data.tokens.ending import with_ends
from planner.data.tokens.special_tokens import configured_ends
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer
from runner.inputs.differing import differing, refuse


def check_ends(locked: Template, model: Path, template: ChatTemplate, tokenizer: Tokenizer) -> None:
    """Compare a lock's end tokens with those that the model in a folder stops at.

    A lock may have none. Raises DigestDiffers for others, which would train another text.
    """
    if not locked.answer_end and not locked.call_end:
        return
    found = with_ends(template, tokenizer, configured_ends(model)).ends
    refuse(
        differing(
            ("template.answer_end", locked.answer_end, found.answer),
            ("template.call_end", locked.call_end, found.call),
        ),
        "the chat template",
    )
