"""The passes of a run, as a lock holds them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from planner.data.tokens import layout
from planner.data.tokens.order import epoch_order
from planner.interview.answers import Answers
from planner.search.choose import Choice


@dataclass(frozen=True)
class Laid:
    """The passes of a plan."""

    packing: bool
    """Whether rows are packed."""
    train: dict[str, object] = field(default_factory=dict)
    """Their keys under `[train]`."""
    sha256: tuple[str, ...] = ()
    """A digest for each epoch."""


def laid_out(choice: Choice, answers: Answers, lengths: Sequence[int]) -> Laid:
    """Return the passes of a choice for rows of these lengths."""
    plan = choice.profile
    if not plan.pass_tokens:
        return Laid(plan.packing)
    rows, most = choice.micro_batch * choice.accumulation, plan.pass_tokens
    seed = answers.integer("train.seed")
    found = [
        Epoch.of(lengths, epoch_order(len(lengths), seed, epoch), rows, most)
        for epoch in range(answers.integer("train.epochs"))
    ]
    table: dict[str, object] = {
        "pass_tokens": most,
        "most_passes": max(one.most_passes for one in found),
    }
    return Laid(packing=True, train=table, sha256=tuple(one.sha256 for one in found))


@dataclass(frozen=True)
class Epoch:
    """The passes of an epoch."""

    sha256: str
    most_passes: int
    """Those of the step with the most of them."""

    @classmethod
    def of(cls, lengths: Sequence[int], order: Sequence[int], rows: int, most: int) -> "Epoch":
        """Return the passes of rows of these lengths, in steps of `rows` rows."""
        counts: list[int] = []

        def counted() -> Iterable[tuple[layout.Pass, ...]]:
            for step in layout.steps(lengths, order, rows, most):
                counts.append(len(step))
                yield step

        digest = layout.passes_sha256(counted())
        return cls(digest, max(counts))
