"""Check digits of card and ID numbers; the functions take digits only."""

from collections.abc import Iterable

_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_VERHOEFF_SHIFT = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def luhn(digits: str) -> bool:
    """Return whether the last digit is valid by ISO/IEC 7812-1 annex B."""
    kept = sum(map(int, digits[-1::-2]))
    doubled = sum(_LUHN_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return (kept + doubled) % 10 == 0


def weighted(digits: str, weights: Iterable[int]) -> int:
    """Return the sum of the digits times their weights; there may be fewer weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def mod_97(text: str) -> int:
    """Return the remainder modulo 97 with letters as 10 to 35 (ISO 7064 MOD 97-10)."""
    return int("".join(str(int(char, 36)) for char in text)) % 97


def mod_11_10(digits: str) -> bool:
    """Return whether the last digit is valid by ISO 7064 MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def verhoeff(digits: str) -> bool:
    """Return whether the last digit is valid by Verhoeff's scheme (1969).

    Multiplication in the dihedral group of order 10 and powers of the permutation are computed.
    """
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _dihedral(check, _shifted(int(digit), place % 8))
    return check == 0


def _dihedral(a: int, b: int) -> int:
    """Return the product of two elements: 0 to 4 are rotations, 5 to 9 reflections."""
    turn = a + b if a < 5 else a - b
    return turn % 5 + 5 * ((a < 5) != (b < 5))


def _shifted(digit: int, times: int) -> int:
    for _ in range(times):
        digit = _VERHOEFF_SHIFT[digit]
    return digit
