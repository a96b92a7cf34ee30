"""Finds national ID numbers by form, check digits and the words before them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from planner.data.personal import national_checks as check
from planner.data.personal.span import Span
from planner.data.personal.words import has_word, named

_ANY = "national id|identity (?:number|no|card)|id (?:number|no|card)|tax (?:id|no|number)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One national ID number, in the forms in which people write it."""

    forms: tuple[str, ...]
    """`9` is a digit, `A` a capital letter, `X` either; other characters are literal."""
    valid: Callable[[str], bool]
    """Validates the number, given without spaces, dots and hyphens."""
    words: re.Pattern[str] | None
    """Words of which one must precede it, since other numbers have this form too; else None."""


def _rule(forms: str, valid: Callable[[str], bool], words: str = "") -> Rule:
    named_by = has_word(f"{words}|{_ANY}") if words else None
    return Rule(tuple(forms.split(",")), valid, named_by)


RULES = (
    _rule("999-99-9999", check.us_ssn),
    _rule("999 99 9999,999.99.9999,999999999", check.us_ssn, "ssns?|social(?: security)?"),
    _rule("AA999999A,AA 99 99 99 A,AA 999999 A", check.uk_nino),
    _rule("999 999 9999,999-999-9999,9999999999", check.uk_nhs, "nhs"),
    _rule("999 999 999,999-999-999,999999999", check.ca_sin, "social insurance|(?-i:SIN)"),
    _rule("999 999 999,999999999", check.au_tfn, "tfn|tax file"),
    _rule("99 999 999 999,99999999999", check.de_idnr, r"steuer\w*|idnr|id-nr|tin"),
    _rule("999999999999999,9 99 99 99 999 999 99", check.fr_nir),
    _rule("999999X99999999,9 99 99 9X 999 999 99", check.fr_nir),
    _rule("99999999A,99999999-A", check.es_dni),
    _rule("A9999999A,A-9999999-A", check.es_nie),
    _rule("AAAAAAXXAXXAXXXA", check.it_codice_fiscale),
    _rule("999999999,9999.99.999,999 999 999", check.nl_bsn, r"bsn|burgerservice\w*|sofi\w*"),
    _rule("756.9999.9999.99,7569999999999", check.ch_ahv),
    _rule("99.99.99-999.99", check.be_rrn),
    _rule("99999999999", check.be_rrn, r"rijksregister\w*|registre national|insz|niss"),
    _rule("99999999999", check.pl_pesel, "pesel"),
    _rule("999.999.999-99", check.br_cpf),
    _rule("99999999999", check.br_cpf, "cpf"),
    _rule("999999-9999,999999+9999,99999999-9999", check.se_personnummer),
    _rule("999999999999,9999999999", check.se_personnummer, "personnummer|personal number"),
    _rule("999999-999X,999999A999X,999999+999X", check.fi_hetu),
    _rule("99999999999,999999 99999", check.no_fodselsnummer, "f[øo]dselsn(?:umme)?r|personnummer"),
    _rule("9999 9999 9999,999999999999,9999-9999-9999", check.in_aadhaar, "a+dh?aa?r|uidai|uid"),
    _rule("AAAAA9999A", check.in_pan),
    _rule("99999999999999999X", check.cn_resident),
    _rule("999999-9999999", check.kr_rrn),
    _rule(
        "999999-9999999,9999999999999", check.kr_rrn_form, "주민(?:등록)?번호|resident registration"
    ),
    _rule("A9999999A", check.sg_nric),
    _rule("AAAA999999AAAAAAX9", check.mx_curp),
    _rule("9999999999999,999999 9999 999", check.za_id, "(?-i:ID)|identity"),
)
"""25 numbers of 22 countries; those that need a word only in some forms are listed twice."""


def _compiled(first: str, forms: list[str]) -> re.Pattern[str]:
    """Return a pattern for any of the forms, each in its own group.

    `first` is the common start; it precedes the look-behind, which makes matching fast.
    """
    classes = {"9": "[0-9]", "A": "[A-Z]", "X": "[0-9A-Z]"}
    tails = ("".join(classes.get(char, re.escape(char)) for char in form[1:]) for form in forms)
    either = "|".join(f"({tail})" for tail in tails)
    return re.compile(rf"{first}(?:{either})(?!\w|[.-]\w)", re.ASCII)


_SEPARATORS = re.compile("[ .+-]")
_FORMS = list(dict.fromkeys(form for rule in RULES for form in rule.forms))
_DIGIT_FORMS = [form for form in _FORMS if form[0].isdigit()]
_CAPITAL_FORMS = [form for form in _FORMS if form.startswith("A")]
_DIGIT_FIRST = _compiled(r"[0-9](?<![\w.-].)", _DIGIT_FORMS)
_CAPITAL_FIRST = _compiled(r"[A-Z](?=[A-Z]{0,5}[ -]?[0-9])(?<![\w.-].)", _CAPITAL_FORMS)
_RULES_OF = {form: [rule for rule in RULES if form in rule.forms] for form in _FORMS}


def digit_ids(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the numbers of RULES that start with a digit."""
    return _found(_DIGIT_FIRST.finditer(text, start, end), text, _DIGIT_FORMS)


def capital_ids(text: str) -> Iterator[Span]:
    """Yield the numbers of RULES that start with a capital letter."""
    return _found(_CAPITAL_FIRST.finditer(text), text, _CAPITAL_FORMS)


def _found(matches: Iterator[re.Match[str]], text: str, forms: list[str]) -> Iterator[Span]:
    for match in matches:
        rules = _RULES_OF[forms[(match.lastindex or 0) - 1]]
        if any(_fits(rule, text, match) for rule in rules):
            yield Span("NATIONAL_ID", match.start(), match.end())


def _fits(rule: Rule, text: str, match: re.Match[str]) -> bool:
    return rule.valid(_SEPARATORS.sub("", match[0])) and (
        rule.words is None or named(rule.words, text, match.start())
    )
