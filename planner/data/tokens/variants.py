"""The texts of training variants, by the chat template that each replaces.

They are shipped in `templates/`, with their source.
"""

import hashlib
import tomllib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("templates")


@cache
def training_text(source: str) -> str:
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
