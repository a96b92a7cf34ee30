"""Checks whether the turns of a row are in the order that chat templates expect."""

from array import array
from collections.abc import Iterator, Sequence

from planner.data.checks.finding import Finding
from planner.data.checks.wording import rows_have
from planner.data.rows.rows import Message, Row

MAY_FOLLOW = {
    "": ("system", "user"),
    "system": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("tool", "assistant"),
}
"""Roles that may follow a role; the empty one is the start of a row."""
_USUAL = {("user", "assistant"), ("system", "user", "assistant")}


class RoleOrder:
    """`role-order`: refused if a row does not end with an answer, else a warning.

    After an optional system turn, user and assistant must alternate, starting with the user. Tool
    turns come between two turns of the assistant.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._unanswered = array("I")
        self._disordered = array("I")

    def see(self, number: int, row: Row) -> None:
        """Look at the order of the row's turns; plain text has none."""
        self._seen = number + 1
        if row.messages[0].role == "text":
            return
        sides = (row.messages, row.rejected) if row.rejected else (row.messages,)
        if not all([turns[-1].role == "assistant" for turns in sides]):
            self._unanswered.append(number)
        elif not all([_in_order(turns) for turns in sides]):
            self._disordered.append(number)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for rows without a final answer, and one for rows out of order."""
        if self._unanswered:
            yield Finding(
                id="role-order",
                severity="refused",
                rows=self._unanswered,
                said=f"{rows_have(len(self._unanswered), self._seen)} no assistant turn at the "
                "end, so there is no answer to learn.",
                fix="remove those rows, or end them with an answer",
            )
        if self._disordered:
            yield Finding(
                id="role-order",
                severity="warning",
                rows=self._disordered,
                said=f"{rows_have(len(self._disordered), self._seen)} turns out of order: after "
                "an optional system turn, user and assistant must alternate, the user first.",
                fix="merge turns of the same role, or remove those rows",
            )


def _in_order(turns: Sequence[Message]) -> bool:
    roles = tuple([turn.role for turn in turns])
    if roles in _USUAL:
        return True
    before = ("", *roles[:-1])
    return all(role in MAY_FOLLOW.get(last, ()) for last, role in zip(before, roles, strict=True))
