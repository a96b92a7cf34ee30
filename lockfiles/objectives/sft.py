"""Supervised fine-tuning: the answers of a conversation."""

from typing import Literal

from lockfiles.objectives.objective import ObjectiveTable


class Table(ObjectiveTable):
    """Supervised fine-tuning, which has no settings of its own."""

    name: Literal["sft"]
