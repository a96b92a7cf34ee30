"""The passes of a run, as a lock holds them."""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from planner.data.tokens import layout
from planner.data.tokens.order import epoch_order
from planner.data.tokens.sizes import sizes
from planner.interview.answers import Answers
from planner.search.choose import Choice
from planner.setup.setup import Profile


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
    rows = choice.micro_batch * choice.accumulation * choice.profile.ranks
    seed = answers.integer("train.seed")
    return of_plan(choice.profile, lengths, rows, seed, answers.integer("train.epochs"))


def of_plan(plan: Profile, lengths: Sequence[int], rows: int, seed: int, epochs: int) -> Laid:
    """Return the passes of a plan whose steps have `rows` rows."""
    if not plan.pass_tokens:
        return Laid(plan.packing)
    most, ranks = plan.pass_tokens, plan.ranks
    found = [
        Epoch.of(lengths, epoch_order(len(lengths), seed, epoch), rows, most, ranks)
        for epoch in range(epochs)
    ]
    passes = max(one.most_passes for one in found)
    table: dict[str, object] = {"pass_tokens": most}
    table |= {"most_passes": passes} if passes > 1 else {}
    table |= {"kernels": plan.kernels} if plan.kernels != "eager" else {}
    if plan.base_products != "bf16":
        table["base_products"] = plan.base_products
    if plan.graph_sizes:
        tokens = [one for epoch in found for one in epoch.tokens]
        table["graph_sizes"] = list(sizes(tokens, plan.graph_sizes))
    return Laid(packing=True, train=table, sha256=tuple(one.sha256 for one in found))


@dataclass(frozen=True)
class Epoch:
    """The passes of an epoch."""

    sha256: str
    most_passes: int
    """Those that a rank has of the step with the most of them."""
    tokens: tuple[int, ...] = ()
    """Those of each pass."""

    @classmethod
    def of(
        cls, lengths: Sequence[int], order: Sequence[int], rows: int, most: int, ranks: int = 1
    ) -> "Epoch":
        """Return the passes of rows of these lengths, in steps of `rows` rows of all ranks."""
        counts: list[int] = []
        tokens: list[int] = []

        def counted() -> Iterable[tuple[layout.Pass, ...]]:
            for step in layout.steps(lengths, order, rows, most, ranks):
                counts.append(len(step) // ranks)
                tokens.extend(sum(lengths[row] for row in one) for one in step)
                yield step

        digest = passes_sha256(counted())
        return cls(digest, max(counts), tuple(tokens))


def passes_sha256(epoch: Iterable[tuple[layout.Pass, ...]]) -> str:
    """Return the SHA-256 (hex) of an epoch's passes, as little-endian unsigned 32-bit numbers: of
    each step the number of its passes, and of each pass the number of its rows and the rows."""
    digest = hashlib.sha256()
    for step in epoch:
        digest.update(struct.pack("<I", len(step)))
        for rows in step:
            digest.update(struct.pack(f"<{len(rows) + 1}I", len(rows), *rows))
    return digest.hexdigest()
