"""Supervised fine-tuning: the answers of a conversation."""

from planner.data.tokens.example import COMPLETION
from planner.objectives.objective import Objective

OBJECTIVE = Objective(
    name="sft",
    title="supervised fine-tuning",
    row_kind="conversation",
    sequences=(COMPLETION,),
    reference="none",
    head="language-model",
    packs=True,
    learning_rate={"lora": 2e-4, "qlora": 2e-4, "full": 1e-5},
    health={"loss": 3.0},
)
