"""The training variant of a model's chat template, where its own cannot be trained with.

Templates of thinking models leave out what earlier turns thought, and others end the text only
once: they change earlier text when a turn is added. TRL has variants of those that do not, and that
mark what the assistant says; they are shipped in `templates/`, with their source.
"""

import tomllib
from functools import cache
from pathlib import Path

from planner.data.tokens.template import ChatTemplate

FOLDER = Path(__file__).with_name("templates")


def variant(template: ChatTemplate) -> ChatTemplate | None:
    """Return the variant to train with, or None where the template has none."""
    name = _known().get(template.sha256)
    return template.like((FOLDER / f"{name}.jinja").read_text("utf-8")) if name else None


@cache
def _known() -> dict[str, str]:
    """Return the names of the variants, by the digest of the templates that they stand for."""
    found = tomllib.loads((FOLDER / "known.toml").read_text("utf-8"))
    return {sha256: name for name, sha256 in found.items()}
