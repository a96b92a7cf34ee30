"""What personal data is found, what is left, and what the check says of it."""

import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from planner.data.checks.personal import PersonalData
from planner.data.personal import national_checks
from planner.data.personal.checksums import luhn, mod_11_10, verhoeff
from planner.data.personal.find import found, redacted
from planner.data.personal.span import KINDS
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import REAL
from tests.planner.data.check_rows import found as findings
from tests.planner.data.personal_scores import ALL, BY_HAND, HALVES, labelled, scores, table

LEAST = 0.95
ENOUGH_SPANS = 15
HOSTILE = """0 9|9 |1(|(1|+1|01 |DE89 |AB12 |a|a@|a.|@a.|1.1.1.1 |1.2.3.|2001:|aa:|aaaa.|password=
token='|key: a1|eyJaaaaaaaaaaa.|sk-a-|ghp_a|://a:b|Bearer a|-----BEGIN PRIVATE KEY-----
call 1234567 |+44 (0)|4111 |99.99.99-|12345678A|AAAAAA99
jo@example.com|jo@example.com |4242 4242 4242 4242 """


FOUND = [
    ("Téléphone : 01.99.00.27.31", "PHONE", "01.99.00.27.31"),
    ("phone: 555-0142, 9 to 5", "PHONE", "555-0142"),
    ("call 12345678 or 2025550142", "PHONE", "2025550142"),
    ("[2001:db8::192.168.1.1]:80", "IP", "2001:db8::192.168.1.1"),
    ("the resolver 9.9.9.9", "IP", "9.9.9.9"),
    ("?secret=Zk81mmQ0xV47pLr2&page=2", "SECRET", "Zk81mmQ0xV47pLr2"),
    ("secret: Zk81mmQ0xV47pLr2, and so on", "SECRET", "Zk81mmQ0xV47pLr2"),
    ("{'password': 'a b'}, pwd: 'x1y2z3'", "SECRET", "x1y2z3"),
    ("https://user@host.example.com/jo@example.com", "EMAIL", "jo@example.com"),
    ("is 주민등록번호 971013-9019903", "NATIONAL_ID", "971013-9019903"),
    ("10-3A-MAC 12-34-56-78-90-12", "MAC", "12-34-56-78-90-12"),
]
"""A text, and the only thing in it."""
LEFT = [
    *(
        "y = A@B.mean",
        "\\n@triton.jit",
        "https://user@host.example.com/",
        "git@example.com:a/b.git",
    ),
    *("02110-1301", "078-05-0000", "[3938471339744997827267, 3938471339744997827266]"),
    *(
        "phone order 2345678",
        "phones of 2010-2015",
        "phone 12000000 times",
        "call at 01.02.2023 1030",
    ),
    *("mobile 14155.50", "phone 10800-2500=8300", "7 020 7946 0018 33", "04 11 23 37 42 08"),
    *("OS-release   :  5.99.102.1", "5.99.102.1-generic", "2001:db8::256.1.1.1", "v8.8.8.8"),
    *("password=new_password2", "password: aaaaaa1", "password=a1a1a1(b)", "pwd: ******1"),
    *("PESEL 90013212343", "Personnummer 901301-1235", "BSN 000000000", "ID number 9013015009081"),
    *("token: self.tokens9.first_of_all", "[PHONE] bought 1234567", "[IP] has 3.2.1.0"),
    *("[SECRET]: Zk81mmQ0xV47pLr2", "monkey: Zk81mmQ0xV47pLr2", "sk-container-id-1-toggleable"),
]
"""Texts with nothing personal in them."""


def test_the_labelled_set_is_large_enough() -> None:
    pieces = [piece for half in HALVES.values() for row in half for piece in row]
    kinds = Counter(piece[0] for piece in pieces if not isinstance(piece, str))
    spans = kinds.total() - kinds["-"]
    assert spans >= 400
    assert kinds["-"] >= spans
    assert min(kinds.values()) >= 2 * ENOUGH_SPANS


@pytest.mark.parametrize("half", HALVES)
def test_precision_and_recall_on_the_labelled_set(half: str) -> None:
    told = {kind: one for kind, one in scores(HALVES[half]).items() if one.spans >= ENOUGH_SPANS}
    assert told.keys() == {*KINDS, ALL}
    for kind, one in told.items():
        assert one.precision >= LEAST and one.recall >= LEAST, (kind, one)


def test_the_table_tells_each_kind_of_each_half() -> None:
    lines = list(table())
    assert len(lines) == 3 * (2 + len(KINDS) + 1)
    assert [line.split()[0] for line in lines[2:11]] == [*KINDS, ALL]


@pytest.mark.parametrize("half", HALVES)
def test_redaction_leaves_nothing_to_find_and_all_else(half: str) -> None:
    for row in HALVES[half]:
        text, wanted = labelled(row)
        clean = redacted(text)
        assert found(clean) == []
        if {(span.kind, span.start, span.end) for span in found(text)} == wanted:
            words = [piece if isinstance(piece, str) else _word(piece) for piece in row]
            assert clean == "".join(words)


def _word(piece: list[str]) -> str:
    return "".join(piece[1:]) if piece[0] == "-" else f"[{piece[0]}]"


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_exactly_the_value_is_found(text: str, kind: str, value: str) -> None:
    assert [(span.kind, text[span.start : span.end]) for span in found(text)] == [(kind, value)]


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_personal_is_left(text: str) -> None:
    assert found(text) == []


def test_redaction_goes_on_where_it_uncovers_more() -> None:
    assert redacted("at jo@example.com-192.0.2.77") == "at [EMAIL]-[IP]"


def test_spans_are_in_order_and_apart() -> None:
    text = " ".join(labelled(row)[0] for row in BY_HAND)
    spans = found(text)
    assert len(spans) > 200
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert spans == found(text)


@pytest.mark.parametrize("unit", [unit for line in HOSTILE.split("\n") for unit in line.split("|")])
def test_hostile_text_takes_no_more_than_linear_time(unit: str) -> None:
    text = (unit or "\n") * (40_000 // len(unit or "\n"))
    start = time.process_time()
    found(text)
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("check", "digits"),
    [
        (luhn, "4242424242424242"),
        (verhoeff, "203040506074"),
        (mod_11_10, "12345678995"),
        (national_checks.nl_bsn, "987654329"),
        (national_checks.no_fodselsnummer, "15057523414"),
        (national_checks.cn_resident, "110101199001011237"),
    ],
)
def test_no_number_with_one_wrong_digit_passes(check: Callable[[str], bool], digits: str) -> None:
    assert check(digits)
    for at, digit in enumerate(digits):
        for other in set("0123456789") - {digit}:
            assert not check(digits[:at] + other + digits[at + 1 :])


def test_real_rows_without_personal_data_raise_no_alarm() -> None:
    assert findings(PersonalData(), REAL) == []


def test_planted_values_are_found_where_they_are() -> None:
    rows = list(REAL)
    for number, said in {
        3: "My mail is jo@example.com and my card 4242 4242 4242 4242.",
        8: "ring (212) 555-0187 or jo@example.org",
        20: "AWS_KEY=" + "AKIA" + "IOSFODNN7EXAMPLE",
    }.items():
        first, *rest = rows[number].messages
        rows[number] = Row((Message(first.role, f"{first.content}\n{said}"), *rest))
    (finding,) = findings(PersonalData(), rows)
    assert (finding.id, finding.severity) == ("personal-data", "warning")
    assert list(finding.rows) == [3, 8, 20]
    assert finding.said == (
        "3 of 26 rows have personal data or secrets: 1 key or password, 2 e-mail addresses, "
        "1 card number, 1 phone number."
    )
    assert finding.fix == "redact them, or remove those rows"


def test_calls_and_rejected_answers_are_looked_at_and_equal_texts_counted_once() -> None:
    prompt = Message("user", "Write to jo@example.com")
    call = Message("assistant", "", more='{"tool_calls": [{"to": "192.0.2.7"}]}')
    rejected = (prompt, Message("assistant", "No, ring 555-0123."))
    (finding,) = findings(PersonalData(), [Row((prompt, call), rejected=rejected)])
    assert finding.said == (
        "1 of 1 rows has personal data or secrets: 1 e-mail address, 1 phone number, 1 IP address."
    )
