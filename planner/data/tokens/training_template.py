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

    Of several templates, those that have a variant are replaced.
    """
    others = {name: _training(source) or source for name, source in template.others.items()}
    source = _training(template.source)
    if not source and others == template.others:
        return None
    return template.like(source or template.source, others)


def _training(source: str) -> str:
    """Return the training variant of a template's text; empty if it has none.

    Line ends and final newlines do not count.
    """
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    same = (source, text, *(text.rstrip("\n") + "\n" * count for count in range(3)))
    digests = (hashlib.sha256(one.encode("utf-8", "replace")).hexdigest() for one in same)
    name = next((_known()[one] for one in digests if one in _known()), None)
    return (FOLDER / f"{name}.jinja").read_text("utf-8") if name else ""


@cache
def _known() -> dict[str, str]:
    """Return the names of the variants, by the digest of the original template."""
    found = tomllib.loads((FOLDER / "known.toml").read_text("utf-8"))
    return {sha256: name for name, sha256 in found.items()}
