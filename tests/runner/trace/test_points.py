"""The symbolic step against peaks of whole steps on one NVIDIA H200 (`tests/gpu/points.py`)."""

import os
from pathlib import Path

import pytest

from planner.memory import estimate
from planner.models.architecture import architecture
from planner.models.facts import ModelFacts, parameter_count
from runner.rehearse.case import Case
from runner.trace import Job, refusal, trace
from tests.gpu.points import read

FILE = Path(__file__).parents[2] / "data" / "points" / "h200.jsonl"
EVERY = int(os.environ.get("TRACE_EVERY", "7"))
"""One point in this many is traced: each takes seconds."""
WRITTEN = ("falcon", "bloom")
"""Families whose scores are written: all of their points are traced."""


def _job(case: Case) -> Job:
    shape = architecture(case.config, case.name)
    model = ModelFacts(case.name, (), shape, parameter_count(shape), "")
    return Job(case.config, case.profile, estimate(model, case.profile))


@pytest.mark.slow
def test_the_trace_meets_measured_peaks() -> None:
    pytest.importorskip("trl")
    points = [(_job(case), max(told["peaks"].values())) for case, told in read(FILE)]
    known = [p for p in points if not refusal(p[0].profile)]
    some = known[::EVERY] + [p for p in known if p[0].config["model_type"] in WRITTEN]
    found = trace([job for job, _ in some])
    errors = [one.allocated_bytes / peak - 1 for one, (_, peak) in zip(found, some, strict=True)]
    print([f"{error:+.2%}" for error in errors])
    assert len(errors) >= 12
    assert max(map(abs, errors)) <= 0.03
