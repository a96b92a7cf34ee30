"""The same question with different answers."""

from array import array
from collections.abc import Iterator

from planner.data.checks.finding import Finding
from planner.data.checks.wording import several
from planner.data.near.folding import digest
from planner.data.rows.rows import Message, Row


class ConflictingAnswers:
    """`conflicting-answers`: a warning that names every row whose prompt has several answers.

    Two prompts or answers are the same if they differ in case, white space and the form of
    Unicode only; the prompt is all turns before the last answer, the system's among them. Where
    people said whether an answer was good, a prompt may have many, but of each only one opinion.
    Preferences, and text without a prompt, have no conflicts.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._rows = array("I")
        self._prompts = array("Q")
        self._answers = array("Q")

    def see(self, number: int, row: Row) -> None:
        """Keep a digest of the prompt, and one of the answer."""
        self._seen = number + 1
        last = row.messages[-1]
        if row.rejected or last.role != "assistant":
            return
        prompt, answer = [row.tools, *_said(*row.messages[:-1])], [*_said(last)]
        if row.liked is not None:
            prompt, answer = prompt + answer, [f"{row.liked}"]
        self._rows.append(number)
        self._prompts.append(digest(prompt, case=False))
        self._answers.append(digest(answer, case=False))

    def findings(self) -> Iterator[Finding]:
        """Yield one finding where a prompt has different answers."""
        prompts = self._conflicting()
        if not prompts:
            return
        pairs = zip(self._rows, self._prompts, strict=True)
        rows = array("I", (row for row, prompt in pairs if prompt in prompts))
        yield Finding(
            id="conflicting-answers",
            severity="warning",
            rows=rows,
            said=f"{len(rows):,} of {self._seen:,} rows answer {several(len(prompts), 'prompt')} "
            "in different ways.",
            fix="keep the right answer of each prompt, unless several are right",
        )

    def _conflicting(self) -> set[int]:
        """Return the digests of the prompts with more than one answer."""
        first: dict[int, int] = {}
        pairs = zip(self._prompts, self._answers, strict=True)
        return {prompt for prompt, answer in pairs if first.setdefault(prompt, answer) != answer}


def _said(*turns: Message) -> Iterator[str]:
    for turn in turns:
        yield turn.role
        yield turn.content
        yield turn.more
