"""Quotes paths in commands for a person to type."""

import shlex
from pathlib import Path

from lockfiles.harmless import escaped, is_harmless


def typed(path: Path | str) -> str:
    """Return a path quoted for a shell where necessary.

    A name with control characters is written as bash's `$'…'`.
    """
    text = str(path)
    if is_harmless(text):
        return shlex.quote(text)
    inner = text.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{escaped(inner)}'"
