"""Figures in the sentences of findings."""


def rows_have(found: int, seen: int) -> str:
    """Return `12 of 7,473 rows have`, or `1 of 7,473 rows has`."""
    return f"{found:,} of {seen:,} rows {'has' if found == 1 else 'have'}"


def share(part: int, whole: int) -> str:
    """Return a share in percent, with enough digits to differ from 0% and 100%."""
    percent = 100 * part / whole
    if part == whole or 1 <= percent <= 99:
        return f"{percent:.0f}%"
    return f"{percent:.1f}%" if 0.1 <= percent <= 99.9 else f"{percent:.2g}%"


def several(count: int, one: str) -> str:
    """Return `1 row` or `7,473 rows` for the noun `row`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"
