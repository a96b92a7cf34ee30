"""The training variants of chat templates that are not suitable for training.

Templates of reasoning models drop the reasoning of earlier turns, and some print an end only once:
they change earlier text when a turn is added. TRL has variants that do not, and that mark the
assistant's text; they are shipped in `templates/`, with their source.
"""

import hashlib
import tomllib
from functools import cache
from pathlib import Path

from planner.data.tokens.template import ChatTemplate

FOLDER = Path(__file__).with_name("templates")


def variant(template: ChatTemplate) -> ChatTemplate | None:
    """Return the training variant of a template, or None if it has none.

    Line ends and final newlines do not count.
    """
    if template.others:
        return None
    text = template.source.replace("\r\n", "\n").replace("\r", "\n")
    same = (template.source, text, *(text.rstrip("\n") + "\n" * count for count in range(3)))
    digests = (hashlib.sha256(one.encode()).hexdigest() for one in same)
    name = next((_known()[one] for one in digests if one in _known()), None)
    return template.like((FOLDER / f"{name}.jinja").read_text("utf-8")) if name else None


@cache
def _known() -> dict[str, str]:
    """Return the names of the variants, by the digest of the original template."""
    found = tomllib.loads((FOLDER / "known.toml").read_text("utf-8"))
    return {sha256: name for name, sha256 in found.items()}
