"""An estimate from traced tensors adds what the closed form does."""

from dataclasses import replace

import pytest

from planner.memory import Profile, estimate
from planner.memory.traced import from_trace
from runner.trace import OUTSIDE
from tests.planner.memory.test_memory import MODELS, PLAN

ON_CPU = replace(PLAN, device="cpu", dtype="float32", length=64)


@pytest.mark.parametrize(
    "plan", [PLAN, ON_CPU, replace(ON_CPU, checkpointing=True, process_bytes=10**9)]
)
def test_it_is_the_closed_form_where_its_tensors_are(plan: Profile) -> None:
    model = MODELS["qwen2.5-0.5b"]
    closed = {phase.name: phase for phase in estimate(model, plan).phases}
    tensors = {
        name: sum(size for what, size in phase.components.items() if what not in OUTSIDE)
        for name, phase in closed.items()
    }
    made = from_trace(plan, tensors, hidden=model.architecture.hidden, stored_bytes=0)
    for phase in made.phases:
        same = dict(phase.components)
        wanted = {what: n for what, n in closed[phase.name].components.items() if what in OUTSIDE}
        assert same.pop("tensors") == tensors[phase.name]
        heap = same.pop("heap", 0), wanted.pop("heap", 0)
        assert {what: n for what, n in same.items() if n} == wanted
        assert heap[0] == pytest.approx(heap[1], rel=0.2)
