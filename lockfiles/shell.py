"""Paths in commands for a person to type."""

import shlex
from pathlib import Path

from lockfiles.harmless import escaped, is_harmless


def typed(path: Path | str) -> str:
    """Return a path as a shell takes it: quoted where it needs to be.

    A name with characters that act, such as an escape, is written as bash's `$'…'`.
    """
    text = str(path)
    if is_harmless(text):
        return shlex.quote(text)
    inner = text.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{escaped(inner)}'"
