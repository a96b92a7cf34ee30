"""Direct preference optimization (Rafailov et al. 2023): of two answers, the better one.

Learning rates are those of TRL's `trl/scripts/dpo.py`. TRL switches dropout off (`disable_dropout`
in its `DPOConfig`).
"""

from planner.objectives.objective import Objective

OBJECTIVE = Objective(
    name="dpo",
    title="DPO",
    row_kind="preference",
    sequences=("chosen", "rejected"),
    reference="adapter-off",
    head="language-model",
    adapter_dropout=False,
    learning_rate={"lora": 5e-6, "qlora": 5e-6, "full": 5e-7},
    health={"loss": 3.0},
)
