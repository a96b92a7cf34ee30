"""Finds e-mail addresses."""

import re
from collections.abc import Iterator

from planner.data.personal.span import Span

_LETTER = "A-Za-z0-9\u00c0-\u024f"
_DOMAIN = re.compile(rf"@(?:[{_LETTER}-]{{1,63}}\.){{1,8}}([A-Za-z]{{2,24}})(?![{_LETTER}(\[@])")
_LOCAL = re.compile(rf"(?<!\\)[{_LETTER}_][{_LETTER}_.+%'&-]{{0,63}}\Z")
"""A letter after a backslash is not part of the address, but an escape in JSON or code."""
_LOCAL_CHARS = 64
"""RFC 5321, 4.5.3.1.1."""
_USER_OF_URL = re.compile(r"://[^\s/@]{0,128}\Z")
_FILES = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "avif",
        "ico",
        "bmp",
        "js",
        "jsx",
        "ts",
        "tsx",
        "css",
        "html",
        "json",
        "xml",
        "yaml",
        "yml",
        "txt",
    ]
)
"""Extensions of files such as `logo@2x.png`; none is a top-level domain."""


def emails(text: str) -> Iterator[Span]:
    """Yield addresses `local@domain` whose domain has a dot and ends with letters.

    Users in URLs and `git@` remotes, and files such as `logo@2x.png`, are excluded. Addresses in
    domains reserved for examples (RFC 2606) are included.
    """
    if "@" not in text:
        return
    for domain in _DOMAIN.finditer(text):
        at = domain.start()
        before = text[max(0, at - _LOCAL_CHARS) : at]
        local = _LOCAL.search(before)
        if local is None or domain[1].lower() in _FILES:
            continue
        start = at - len(local[0])
        if not _is_code(local[0], domain[0]) and not _USER_OF_URL.search(text, start - 130, start):
            yield Span("EMAIL", start, domain.end())


def _is_code(local: str, domain: str) -> bool:
    """Return whether it is a git remote, or a matrix product such as `A@B.mean`."""
    return local == "git" or (len(local) == 1 and domain[2] == ".")
