"""Validates national ID numbers, given without separators.

The rules follow python-stdnum 2.2 where it has them (all but NINO, PAN and NRIC): of 60,000 numbers
of each form, it accepted none that these functions reject. These functions accept a few more, since
they do not check which numbers were already issued.
"""

from planner.data.personal.checksums import luhn, mod_11_10, verhoeff, weighted

_SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"
_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_MEXICAN = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_ITALIAN_ODD = (
    *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16),
    *(10, 22, 25, 24, 23),
)
_SINGAPORE = {"S": (0, "JZIHGFEDCBA"), "T": (4, "JZIHGFEDCBA")}
_SINGAPORE |= {"F": (0, "XWUTRQPNMLK"), "G": (4, "XWUTRQPNMLK")}


def us_ssn(digits: str) -> bool:
    """Return whether area, group and serial are valid."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def uk_nino(text: str) -> bool:
    """Return whether the two letters are a prefix in use and the last is A to D."""
    usual = text[0] not in "DFIQUV" and text[1] not in "DFIOQUV" and text[8] in "ABCD"
    return usual and text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def uk_nhs(digits: str) -> bool:
    """Return whether the digits, weighted 10 to 1, make a multiple of 11."""
    return weighted(digits, range(10, 0, -1)) % 11 == 0


def ca_sin(digits: str) -> bool:
    """Return whether the Luhn digit is valid."""
    return luhn(digits) and _varied(digits)


def au_tfn(digits: str) -> bool:
    """Return whether the weighted digits make a multiple of 11."""
    return weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0 and _varied(digits)


def de_idnr(digits: str) -> bool:
    """Return whether one of the first ten digits occurs 2 or 3 times and the last is valid."""
    most = sorted((digits[:10].count(digit) for digit in set(digits[:10])), reverse=True)
    return digits[0] != "0" and most[0] in (2, 3) and most[1] == 1 and mod_11_10(digits)


def fr_nir(text: str) -> bool:
    """Return whether sex, month and key are valid; Corsica has 2A and 2B."""
    digits = text.replace("2A", "19").replace("2B", "18")
    month = int(digits[3:5]) if digits.isdigit() else 0
    known = digits[0] in "123478" and (0 < month < 13 or 19 < month < 43 or month > 49)
    return known and 97 - int(digits[:13]) % 97 == int(digits[13:])


def es_dni(text: str) -> bool:
    """Return whether the letter matches the number modulo 23."""
    return _SPANISH[int(text[:-1]) % 23] == text[-1]


def es_nie(text: str) -> bool:
    """Return the same for a foreigner's number, with X, Y and Z for 0, 1 and 2."""
    return text[0] in "XYZ" and es_dni(str("XYZ".index(text[0])) + text[1:])


def it_codice_fiscale(text: str) -> bool:
    """Return whether month and last letter are valid."""
    values = [int(char, 36) - 10 * char.isalpha() for char in text[:15]]
    odd = sum(_ITALIAN_ODD[value] for value in values[::2])
    return text[8] in "ABCDEHLMPRST" and chr(65 + (odd + sum(values[1::2])) % 26) == text[15]


def nl_bsn(digits: str) -> bool:
    """Return whether the digits pass the eleven test."""
    return weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and _varied(digits)


def pl_pesel(digits: str) -> bool:
    """Return whether date and last digit are valid; the century is added to the month."""
    date = _is_date(int(digits[2:4]) % 20, int(digits[4:6]))
    return date and weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def br_cpf(digits: str) -> bool:
    """Return whether both last digits are valid."""
    first = weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}" and _varied(digits)


def in_aadhaar(digits: str) -> bool:
    """Return whether it starts with 2 to 9 and Verhoeff's digit is valid."""
    return digits[0] > "1" and verhoeff(digits)


def in_pan(text: str) -> bool:
    """Return whether the fourth letter is that of a person."""
    return text[3] == "P" and text[5:9] != "0000"


def se_personnummer(digits: str) -> bool:
    """Return whether date and Luhn digit are valid; coordination numbers add 60 to the day."""
    short = digits[-10:]
    return _is_date(int(short[2:4]), int(short[4:6]) % 60) and luhn(short)


def fi_hetu(text: str) -> bool:
    """Return whether date and last character are valid."""
    number = text[:6] + text[-4:-1]
    if not number.isdigit() or not _is_date(int(text[2:4]), int(text[:2])):
        return False
    return _FINNISH[int(number) % 31] == text[-1]


def be_rrn(digits: str) -> bool:
    """Return whether the key is valid, for births before or since 2000."""
    date = _is_date(int(digits[2:4]) % 20, int(digits[4:6]))
    return date and int(digits[9:]) in (97 - int(born + digits[:9]) % 97 for born in ("", "2"))


def ch_ahv(digits: str) -> bool:
    """Return whether it starts with 756 and its EAN-13 digit is valid."""
    return digits.startswith("756") and weighted(digits, (1, 3) * 7) % 10 == 0


def no_fodselsnummer(digits: str) -> bool:
    """Return whether date and both last digits are valid; D-numbers add 40 to the day."""
    first = weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    return first == second == 0 and _is_date(int(digits[2:4]), int(digits[:2]) % 40)


def cn_resident(text: str) -> bool:
    """Return whether date and last character (ISO 7064 MOD 11-2) are valid."""
    rest = sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(text[:17]))
    date = text[6:8] in ("19", "20") and _is_date(int(text[10:12]), int(text[12:14]))
    return date and "10X98765432"[rest % 11] == text[17]


def kr_rrn_form(digits: str) -> bool:
    """Return whether the date is valid."""
    return _is_date(int(digits[2:4]), int(digits[4:6]))


def kr_rrn(digits: str) -> bool:
    """Return the same, with the check digit of numbers issued before October 2020."""
    total = weighted(digits[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    return kr_rrn_form(digits) and (11 - total % 11) % 10 == int(digits[12])


def sg_nric(text: str) -> bool:
    """Return whether the last letter is valid, for series S, T, F and G."""
    if text[0] not in _SINGAPORE:
        return False
    more, letters = _SINGAPORE[text[0]]
    return letters[(weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + more) % 11] == text[8]


def mx_curp(text: str) -> bool:
    """Return whether date, sex and last digit are valid."""
    total = sum(_MEXICAN.index(char) * (18 - at) for at, char in enumerate(text[:17]))
    date = _is_date(int(text[6:8]), int(text[8:10]))
    return date and text[10] in "HMX" and -total % 10 == int(text[17])


def za_id(digits: str) -> bool:
    """Return whether date, citizenship and Luhn digit are valid."""
    return _is_date(int(digits[2:4]), int(digits[4:6])) and digits[10] in "012" and luhn(digits)


def _is_date(month: int, day: int) -> bool:
    return 0 < month < 13 and 0 < day < 32


def _varied(digits: str) -> bool:
    """Return whether the digits are not all equal; such numbers are never issued."""
    return len(set(digits)) > 1
