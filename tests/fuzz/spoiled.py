"""Changes of a file's bytes: flipped, put in, cut out, doubled, moved, swapped, cut short."""

import re
from random import Random

_TOKEN = re.compile(rb'"[^"\n]*"|[A-Za-z_][\w.-]*|-?\d+(?:\.\d+)?|[\[\]{}=,:]')
_SCRAPS = (
    b"\x00", b"\xff\xfe", b"\x1b[2J", b"\n", b"\r", b'"', b"'", b'"""', b"[", b"]", b"[[", b"{",
    b"}", b"= ", b",", b"\\", b"\\u0000", b"\\ud800", b"#", b"inf", b"nan", b"9" * 400,
    b"9" * 5000, b"1e999", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"1979-05-27", b"07:32:00", b"0x1F",
    b"[" * 2000, b'{"a":' * 500,
)  # fmt: skip


def spoiled(random: Random, content: bytes) -> tuple[bytes, str]:
    """Return a file's bytes with one to three changes, and these in words."""
    told = []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        content, what = random.choice(_CHANGES)(random, content)
        told.append(what)
    return content, "; ".join(told)


def _place(random: Random, content: bytes) -> int:
    return random.randrange(len(content)) if content else 0


def _flip(random: Random, content: bytes) -> tuple[bytes, str]:
    at = _place(random, content)
    bit = bytes([content[at] ^ (1 << random.randrange(8))]) if content else b""
    return content[:at] + bit + content[at + 1 :], f"a bit at {at}"


def _byte(random: Random, content: bytes) -> tuple[bytes, str]:
    at = _place(random, content)
    return content[:at] + random.randbytes(1) + content[at + 1 :], f"a byte at {at}"


def _insert(random: Random, content: bytes) -> tuple[bytes, str]:
    at = _place(random, content)
    put = random.choice([random.choice(_SCRAPS), random.randbytes(random.randrange(1, 9))])
    return content[:at] + put + content[at:], f"{put[:20]!r} put in at {at}"


def _delete(random: Random, content: bytes) -> tuple[bytes, str]:
    at, length = _place(random, content), random.choice([1, 1, 2, 8, 100])
    return content[:at] + content[at + length :], f"{length} bytes cut out at {at}"


def _double(random: Random, content: bytes) -> tuple[bytes, str]:
    lines = content.splitlines(True) or [b""]
    at, length = random.randrange(len(lines)), random.choice([1, 3, 10])
    block = lines[at : at + length]
    return b"".join(
        [*lines[: at + length], *block, *lines[at + length :]]
    ), f"lines doubled at {at}"


def _splice(random: Random, content: bytes) -> tuple[bytes, str]:
    lines = content.splitlines(True) or [b""]
    at, length = random.randrange(len(lines)), random.choice([1, 2, 8])
    block = lines[at : at + length]
    del lines[at : at + length]
    to = random.randrange(len(lines) + 1)
    return b"".join([*lines[:to], *block, *lines[to:]]), f"lines moved from {at} to {to}"


def _cut(random: Random, content: bytes) -> tuple[bytes, str]:
    at = _place(random, content)
    return content[:at], f"cut at {at}"


def _swap(random: Random, content: bytes) -> tuple[bytes, str]:
    tokens = list(_TOKEN.finditer(content))
    if len(tokens) < 2:
        return content, "no tokens"
    one, other = sorted(random.sample(tokens, 2), key=lambda token: token.start())
    middle = content[one.end() : other.start()]
    made = content[: one.start()] + other[0] + middle + one[0] + content[other.end() :]
    return made, f"{one[0][:20]!r} and {other[0][:20]!r} swapped"


def _replace(random: Random, content: bytes) -> tuple[bytes, str]:
    tokens = list(_TOKEN.finditer(content))
    if not tokens:
        return content, "no tokens"
    one = random.choice(tokens)
    put = random.choice([random.choice(tokens)[0], random.choice(_SCRAPS)])
    return content[: one.start()] + put + content[one.end() :], f"{one[0][:20]!r} → {put[:20]!r}"


_CHANGES = (_flip, _byte, _insert, _delete, _double, _splice, _cut, _swap, _replace)
