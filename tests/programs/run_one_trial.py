"""Runs one small trial: `run_one_trial.py OUT SECONDS`."""

import sys
from pathlib import Path

from planner.fit import machines, models
from planner.fit.request import FitRequest, Wish
from tests.gpu.script import run
from tests.gpu.trials import Trial, shallow


def main() -> None:
    wish = Wish(method="lora", length=16)
    request = FitRequest(models.find("pythia-70m"), machines.sized(8), wish)
    tried = request.candidates
    plan = tried.plan(tried.other(request.best("lora").profile, micro_batch=2))
    trial = Trial("one", request.model, plan, {"which": "chosen"})
    run([shallow(trial, 1)], Path(sys.argv[1]), float(sys.argv[2]), 1)


if __name__ == "__main__":
    main()
