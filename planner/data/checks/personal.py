"""Rows that hold personal data or secrets."""

from array import array
from collections import Counter
from collections.abc import Iterator

from planner.data.checks.finding import Finding
from planner.data.checks.wording import rows_have
from planner.data.personal.rows import kinds_in
from planner.data.personal.span import KINDS, Kind
from planner.data.rows.rows import Row

_NAMES: dict[Kind, tuple[str, str]] = {
    "SECRET": ("key or password", "keys or passwords"),
    "EMAIL": ("e-mail address", "e-mail addresses"),
    "IBAN": ("bank account number", "bank account numbers"),
    "CARD": ("card number", "card numbers"),
    "NATIONAL_ID": ("national id", "national ids"),
    "PHONE": ("phone number", "phone numbers"),
    "MAC": ("MAC address", "MAC addresses"),
    "IP": ("IP address", "IP addresses"),
}


class PersonalData:
    """`personal-data`, a warning: e-mail, phones, cards, accounts, ids, addresses and keys."""

    def __init__(self) -> None:
        self._seen = 0
        self._rows = array("I")
        self._counts: Counter[Kind] = Counter()

    def see(self, number: int, row: Row) -> None:
        """Look at the text of every turn, at what it calls and may call, at equal texts once."""
        self._seen = number + 1
        kinds = kinds_in(row)
        if kinds:
            self._rows.append(number)
            self._counts.update(kinds)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding over all kinds, with how many there are of each."""
        if not self._rows:
            return
        counts = ((_NAMES[kind], self._counts[kind]) for kind in KINDS if self._counts[kind])
        told = ", ".join(
            f"{count:,} {one if count == 1 else many}" for (one, many), count in counts
        )
        yield Finding(
            id="personal-data",
            severity="warning",
            rows=self._rows,
            said=f"{rows_have(len(self._rows), self._seen)} personal data or secrets: {told}.",
            fix="redact them, or take those rows out",
        )
