"""Plans to run on a card, with what the tool said of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle, islice
from typing import Any

from planner.catalogue import lookup
from planner.data.tokens.example import Example
from planner.fit.models import FitModel
from planner.memory import estimate
from planner.models.parameters import parameter_count
from planner.search.plan import Plan
from planner.setup import batches
from planner.setup.setup import Profile
from planner.speed import step_seconds
from runner.rehearse.case import Case, Measured
from tests.gpu.lines import Line, told

CARD = "H200"
"""The card that running times are estimated for, unless a trial names another."""
STEPS = 3
"""Optimizer steps of a trial, unless it says otherwise."""
_START_SECONDS = 2.0
"""Of a process, its trainer and its context, about."""
_MADE_PER_SECOND = {0: 4e9, 4: 14e9, 8: 8e9}
"""Weights made in a second, about, by the bits that they are quantised to; 0 for none."""


@dataclass(frozen=True)
class Trial:
    """One plan to run."""

    name: str
    """Unique in its script."""
    model: FitModel
    """Its model."""
    plan: Plan
    """The plan, with its estimate."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else its line tells."""
    cap_bytes: int = 0
    """Memory of the card that is simulated; 0 for the real one."""
    layers: int = 0
    """Depth of a model that was made shallow; 0 for one of its own depth."""
    rows: tuple[Example, ...] = ()
    """Rows, repeated, or those of a step where the plan packs; empty for made-up ones."""
    accumulation: int = 0
    """Micro-batches of a step; 0 for the plan's, but at most 2: gradients stand from then on."""
    steps: int = STEPS
    """Optimizer steps, at least 2."""
    evaluate: bool = True
    """Whether an evaluation follows."""
    card: str = CARD
    """The card that running times are estimated for."""

    @property
    def micro_steps(self) -> int:
        """Micro-batches of one step."""
        return self.accumulation or min(2, self.plan.accumulation)

    @property
    def case(self) -> Case:
        """What is run."""
        depth = {"num_hidden_layers": self.layers} if self.layers else {}
        return Case(
            name=self.name,
            config=config(self.model.name) | depth,
            profile=self.plan.profile,
            accumulation=self.micro_steps,
            rows=self.rows,
            steps=self.steps,
            evaluate=self.evaluate,
            cap_bytes=self.cap_bytes,
        )

    @property
    def seconds(self) -> float:
        """Estimated running time on `card`; one micro-batch where memory runs out."""
        work = self._micro_seconds(self.plan.profile)
        if not self.cap_bytes or self.plan.total_bytes <= self.cap_bytes:
            work = self.steps * self.step_seconds + self.evaluate * work / 3
        made = self.model.parameters / _MADE_PER_SECOND[self.plan.profile.quantised_bits]
        return _START_SECONDS + made + work

    @property
    def claim(self) -> int:
        """Memory of the card that it may take, in bytes."""
        return self.cap_bytes or int(1.1 * self.plan.total_bytes)

    @property
    def step_seconds(self) -> float:
        """Estimated time of one step on `card`, by the lengths of its rows."""
        profile = self.plan.profile
        around = self._step_seconds(1, profile) - self._micro_seconds(profile)
        if not self.rows:
            return around + self.micro_steps * self._micro_seconds(profile)
        found = batches.batches([row.length for row in self.rows], profile, self.micro_steps)
        some = found if profile.packing else islice(cycle(found), self.micro_steps)
        return around + sum(self._micro_seconds(batch.of(profile)) for batch in some)

    def _micro_seconds(self, profile: Profile) -> float:
        return self._step_seconds(2, profile) - self._step_seconds(1, profile)

    def _step_seconds(self, micro_steps: int, profile: Profile) -> float:
        card = lookup.find_accelerator(self.card)
        found = step_seconds(self.model, profile, card, micro_steps)
        assert found is not None, "a trial is of one card"
        return found

    def line(self, found: Measured | str) -> Line:
        """Return the line of what was found, or of what went wrong."""
        plan = self.plan
        return {
            "name": self.name,
            "model": self.model.name,
            **self.facts,
            "profile": told(plan.profile),
            "accumulation": self.micro_steps,
            "layers": self.model.architecture.layers,
            "cap_bytes": self.cap_bytes,
            "predicted": {
                "allocated_bytes": plan.allocated_bytes,
                "total_bytes": plan.total_bytes,
                "budget_bytes": plan.budget_bytes,
                "phase": plan.estimate.peak.name,
                "step_seconds": self.step_seconds,
            },
            "measured": None if isinstance(found, str) else _measured(found),
            "error": found if isinstance(found, str) else "",
        }


def _measured(found: Measured) -> Line:
    known: Line = {**asdict(found), "allocated_bytes": found.allocated_bytes}
    return known | {"phase": found.phase, "step_seconds": list(found.step_seconds)}


def config(name: str) -> dict[str, Any]:
    """Return the `config.json` of a model, as the catalogue has it."""
    found = lookup.find_model(name)
    assert found is not None, name
    return dict(found.config)


def shallow(trial: Trial, layers: int) -> Trial:
    """Return a trial of the same plan at fewer layers of the same width."""
    shape = replace(trial.model.architecture, layers=layers)
    model = replace(trial.model, architecture=shape, parameters=parameter_count(shape))
    plan = replace(trial.plan, estimate=estimate(model, trial.plan.profile))
    name = f"{trial.name}, {layers} layers"
    return replace(trial, name=name, model=model, plan=plan, layers=layers)
