"""Checks for personal data and secrets."""

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
    "NATIONAL_ID": ("national ID", "national IDs"),
    "PHONE": ("phone number", "phone numbers"),
    "MAC": ("MAC address", "MAC addresses"),
    "IP": ("IP address", "IP addresses"),
}


class PersonalData:
    """`personal-data`: a warning for e-mails, phones, cards, accounts, ids, addresses and keys."""

    def __init__(self) -> None:
        self._seen = 0
        self._rows = array("I")
        self._counts: Counter[Kind] = Counter()

    def see(self, number: int, row: Row) -> None:
        """Look at the text, tool calls and tools of every turn; equal texts count once."""
        self._seen = number + 1
        kinds = kinds_in(row)
        if kinds:
            self._rows.append(number)
            self._counts.update(kinds)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for all kinds, with the number of each."""
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
            fix="redact them, or remove those rows",
        )
