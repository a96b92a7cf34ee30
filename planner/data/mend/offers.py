"""Which answer of `run.toml` mends what a check found."""

from dataclasses import dataclass

from planner.data.mend.steps import DROPPED


@dataclass(frozen=True)
class Offer:
    """An answer that mends a finding."""

    key: str
    """The answer's key, such as `data.drop`."""
    value: str | bool
    """What to answer; of `data.drop`, what to add to the list."""
    said: str
    """What it does, as a clause."""

    @property
    def line(self) -> str:
        """The line of `run.toml` that gives this answer alone."""
        name = self.key.partition(".")[2]
        if self.key == "data.drop":
            return f'{name} = ["{self.value}"]'
        return f"{name} = true" if self.value is True else f'{name} = "{self.value}"'


_OTHERS = {
    "exact-duplicates": Offer("data.dedupe", "exact", "the copies are left out"),
    "near-duplicates": Offer("data.dedupe", "near", "copies and near copies are left out"),
    "personal-data": Offer("data.redact", True, "words such as `[EMAIL]` stand for it"),
    "over-length": Offer("data.long", "split", "long conversations become several"),
}


def offer(finding: str) -> Offer | None:
    """Return what mends a finding; None where only a person can."""
    if finding in _OTHERS:
        return _OTHERS[finding]
    said = "training rows that the other file has are" if finding == "leak" else "those rows are"
    return Offer("data.drop", finding, f"{said} left out") if finding in DROPPED else None
