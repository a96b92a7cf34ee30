"""Checks for prompts with conflicting answers."""

from array import array
from collections.abc import Iterator

from planner.data.checks.finding import Finding
from planner.data.checks.wording import several
from planner.data.near.folding import digest
from planner.data.rows.rows import Message, Row


class ConflictingAnswers:
    """`conflicting-answers`: a warning for every row whose prompt has several answers.

    Prompts and answers are compared without case, white space and Unicode form; the prompt is all
    turns before the last answer, including the system's. In feedback data, a prompt may have many
    answers, but each answer only one rating. Preferences and text without a prompt have no
    conflicts.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._rows = array("I")
        self._prompts = array("Q")
        self._answers = array("Q")

    def see(self, number: int, row: Row) -> None:
        """Keep digests of the prompt and the answer."""
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
        """Yield one finding if a prompt has different answers."""
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
            fix="keep the correct answer for each prompt, unless several are correct",
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
