"""How many tokens the passes of a plan may have: as many as fit, of the steps that really occur."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from planner.data.tokens import layout
from planner.data.tokens.order import epoch_order
from planner.setup.setup import Profile

ORDERED_ROWS = 200_000
"""Up to this many rows over all epochs, the passes of all steps are laid out; beyond it the limit
is what fits, or what any step could hold."""
ROUNDS = 4
"""How often a limit is lowered to the greatest pass under it; one round is nearly always enough."""


@dataclass(frozen=True)
class Steps:
    """The lengths of the rows of each step of a run, in tokens."""

    lengths: tuple[tuple[int, ...], ...]
    """Those of every step, or of the largest step that could occur."""
    known: bool
    """Whether they are those of every step."""
    ranks: int = 1
    """Processes that share the passes of a step."""

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(max(step) for step in self.lengths)

    @cached_property
    def largest(self) -> int:
        """Tokens of the largest step; with several processes, of the largest pass if each has one
        of a step.

        Of unknown steps it is a bound: no pass has more than an equal share and the part of the
        longest row that cannot be shared (Graham 1969).
        """
        most = max(map(sum, self.lengths))
        if self.ranks == 1:
            return most
        if not self.known:
            return (most + (self.ranks - 1) * self.longest) // self.ranks
        return self.greatest(most)

    def may_have(self, most: int, *, several: bool) -> bool:
        """Return whether the steps may have passes of at most `most` tokens; `several` says whether
        a step has more than one."""
        if not self.longest <= most <= self.largest:
            return False
        return not self.known or (self.most_passes(most) > 1) == several

    def greatest(self, most: int) -> int:
        """Return the tokens of the greatest pass if passes have at most `most`."""
        return max(
            sum(step[row] for row in one)
            for step in self.lengths
            for one in layout.passes(step, most, self.ranks)
        )

    def most_passes(self, most: int) -> int:
        """Return the passes that a process has of the step with the most of them."""
        found = max(len(layout.passes(step, most, self.ranks)) for step in self.lengths)
        return found // self.ranks


def steps_of(lengths: Sequence[int], rows: int, seed: int, epochs: int, ranks: int = 1) -> Steps:
    """Return the steps of `rows` rows of all `ranks` processes in the order of a run."""
    if len(lengths) * epochs > ORDERED_ROWS:
        return Steps((tuple(sorted(lengths)[-rows:]),), known=False, ranks=ranks)
    found = []
    for epoch in range(epochs):
        order = epoch_order(len(lengths), seed, epoch)
        for first in range(0, len(order), rows):
            found.append(tuple(lengths[row] for row in order[first : first + rows]))
    return Steps(tuple(dict.fromkeys(found)), known=True, ranks=ranks)


def laid_out(profile: Profile, steps: Steps, fits: Callable[[Profile], bool]) -> Profile:
    """Return a plan with the largest passes that fit; with those of one row where nothing does.

    `fits` leaves some room where passes are limited by memory, so that passes of many sizes do not
    fragment all of it.
    """
    whole = replace(profile, pass_tokens=steps.largest, accumulates=False)
    if fits(whole):
        return whole
    several = replace(profile, pass_tokens=steps.longest, accumulates=True)
    least, most = steps.longest, steps.largest
    while least < most:  # the largest limit that fits, or the longest row
        middle = -(-(least + most) // 2)
        if fits(replace(several, pass_tokens=middle)):
            least = middle
        else:
            most = middle - 1
    return replace(several, pass_tokens=_tight(steps, least))


def _tight(steps: Steps, most: int) -> int:
    """Return the greatest pass under a limit, as a limit under which it is still the greatest."""
    if not steps.known:
        return most
    for _ in range(ROUNDS):
        found = steps.greatest(most)
        if found == most:
            break
        most = found
    return most
