"""The finalists of a search that a rehearsal timed: a part of `rehearsal.json`."""

from collections.abc import Iterator
from statistics import mean
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockfiles import limits
from lockfiles.fields import Table
from lockfiles.harmless import is_harmless
from planner.machines.facts import TimedStep
from planner.search.ran import is_plan, is_same
from planner.setup import batches
from planner.setup.setup import Profile

MOST = 3
"""Finalists that are timed."""
MOST_STEPS = 16
"""Timed steps of each."""

Untimed = Literal["", "time", "memory", "failed"]
"""Why a finalist was not timed: no time was left, memory ran out, or it failed otherwise."""
_Time = Annotated[float, Field(gt=0, le=limits.MOST_SECONDS)]
_Tokens = Annotated[int, Field(gt=0, le=limits.MOST_CONTEXT_TOKENS)]
_Step = Annotated[tuple[_Tokens, ...], Field(min_length=1, max_length=limits.MOST_EFFECTIVE_BATCH)]


class Finalist(Table):
    """A plan with the times of its steps."""

    profile: Profile
    step_seconds: tuple[_Time, ...] = Field(default=(), max_length=MOST_STEPS)
    """Of each step, without the one that warms up; empty if it was not timed."""
    untimed: Untimed = ""

    @model_validator(mode="after")
    def _possible(self) -> "Finalist":
        """Raise ValueError for figures that no rehearsal can produce."""
        if bool(self.step_seconds) == bool(self.untimed):
            raise ValueError("`step_seconds` and `untimed` contradict each other")
        words = self.profile.targets
        shown = all(len(one) <= limits.MOST_LABEL_CHARS and is_harmless(one) for one in words)
        if not (shown and is_plan(self.profile)):
            raise ValueError("`profile` is out of bounds")
        return self


class Tuned(Table):
    """Plans that computed the same rows on one device, the one that was planned first."""

    lengths: tuple[_Step, ...] = Field(min_length=1, max_length=MOST_STEPS)
    """Tokens of the rows of each timed step."""
    finalists: tuple[Finalist, ...] = Field(min_length=1, max_length=MOST)

    @model_validator(mode="after")
    def _possible(self) -> "Tuned":
        """Raise ValueError for figures that no rehearsal can produce."""
        if any(len(one.step_seconds) > len(self.lengths) for one in self.finalists):
            raise ValueError("`step_seconds` has more steps than `lengths`")
        if len({len(step) for step in self.lengths}) > 1:
            raise ValueError("`lengths` has steps of different numbers of rows")
        if max(map(max, self.lengths)) > min(one.profile.length for one in self.finalists):
            raise ValueError("`lengths` has a row longer than a plan's rows")
        return self

    @property
    def steps(self) -> int:
        """Steps that all timed finalists made; 0 if none was timed."""
        return min((len(one.step_seconds) for one in self.finalists if not one.untimed), default=0)

    @property
    def rows(self) -> int:
        """Rows of a step."""
        return len(self.lengths[0])

    @property
    def tokens(self) -> float:
        """Mean tokens of those steps, without padding."""
        return mean(map(sum, self.lengths[: self.steps])) if self.steps else 0.0

    def index(self, plan: Profile) -> int | None:
        """Return which finalist a plan is; None if it is none."""
        found = (at for at, one in enumerate(self.finalists) if is_same(one.profile, plan))
        return next(found, None)

    def step_seconds(self, plan: Profile) -> float | None:
        """Return the mean seconds of a plan's steps, of those that all finalists made; None if it
        was not timed."""
        at = self.index(plan)
        made = self.finalists[at].step_seconds[: self.steps] if at is not None else ()
        return mean(made) if made else None

    def timed(self, plan: Profile) -> TimedStep | None:
        """Return a plan's step with its tokens; None if it was not timed."""
        seconds = self.step_seconds(plan)
        if seconds is None:
            return None
        times = -(-self.rows // plan.micro_batch)
        each = [_tokens(step, plan, times) for step in self.lengths[: self.steps]]
        return TimedStep("", seconds, round(mean(each)), "rehearsal")

    def profiles(self) -> Iterator[Profile]:
        """Yield the plans of the finalists."""
        for one in self.finalists:
            yield one.profile


def _tokens(step: tuple[int, ...], plan: Profile, accumulation: int) -> int:
    """Return the tokens of a step, including padding, over all sequences of its examples."""
    found = batches.batches(step, plan, accumulation)
    return len(plan.spec.sequences) * sum(batch.tokens for batch in found)
