"""The answers of `run.toml` that fix findings."""

from dataclasses import dataclass

from planner.data.mend.steps import DROPPED


@dataclass(frozen=True)
class Offer:
    """An answer that fixes a finding."""

    key: str
    """The key, such as `data.drop`."""
    value: str | bool
    """The value; for `data.drop`, the item to add to the list."""
    said: str
    """Its effect, as a clause."""

    @property
    def line(self) -> str:
        """The line of `run.toml` with only this answer."""
        name = self.key.partition(".")[2]
        if self.key == "data.drop":
            return f'{name} = ["{self.value}"]'
        return f"{name} = true" if self.value is True else f'{name} = "{self.value}"'


_OTHERS = {
    "exact-duplicates": Offer("data.dedupe", "exact", "the copies are removed"),
    "near-duplicates": Offer("data.dedupe", "near", "copies and near copies are removed"),
    "personal-data": Offer("data.redact", True, "words such as `[EMAIL]` replace it"),
    "over-length": Offer("data.long", "split", "long conversations are split"),
}


def offer(finding: str) -> Offer | None:
    """Return the answer that fixes a finding; None if there is none."""
    if finding in _OTHERS:
        return _OTHERS[finding]
    rows = (
        "training rows that also appear in the held-out rows" if finding == "leak" else "those rows"
    )
    return Offer("data.drop", finding, f"{rows} are removed") if finding in DROPPED else None
