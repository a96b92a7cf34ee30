"""Reward modeling (Ouyang et al. 2022): one number for an answer, greater for the better of two.

Learning rates are those of TRL's `examples/scripts/reward_modeling.py`, which also switches
dropout off (`disable_dropout` in its `RewardConfig`).
"""

from planner.objectives.objective import Objective

OBJECTIVE = Objective(
    name="reward",
    title="reward modeling",
    row_kind="preference",
    sequences=("chosen", "rejected"),
    reference="none",
    head="scalar",
    adapter_dropout=False,
    learning_rate={"lora": 1e-4, "qlora": 1e-4, "full": 1e-5},
    health={"loss": 3.0},
)
