"""Words of the sentences on plans: methods, setups, rows and sizes."""

from collections.abc import Mapping

from planner.parallelism.layouts import NAMES as LAYOUTS
from planner.search.candidates import Candidates
from planner.setup.setup import Kind, Profile

OFFLOADED: Mapping[str, str] = {
    "optimizer": "optimizer offloaded", "all": "all offloaded", "nvme": "all offloaded to NVMe",
}  # fmt: skip
"""What a plan says of what it offloads."""

NAMES: Mapping[Kind, str] = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
"""Each method in words."""


def of_budget(candidates: Candidates) -> str:
    """Return the end of a sentence on a plan that does not fit."""
    return f", but only {gib(candidates.budget_bytes)} is available."


def describe(plan: Profile) -> str:
    """Return method, micro-batch, checkpointing, packing, and how processes share the work."""
    at_once = (
        f"passes of {plan.pass_tokens:,} tokens"
        if plan.pass_tokens
        else f"micro-batch {plan.micro_batch}"
    )
    packing = plan.packing and not plan.pass_tokens
    parts = [NAMES[plan.method], at_once]
    parts += ["checkpointing"] * plan.checkpointing + ["packing"] * packing
    parts += [LAYOUTS[plan.parallel]] if plan.parallel != "single" else []
    parts += [OFFLOADED[plan.offload]] if plan.offload != "none" else []
    return ", ".join(parts)


def rows(count: int) -> str:
    """Return a number of rows for a sentence, such as `1 row`."""
    return f"{count} row" if count == 1 else f"{count} rows"


def gib(size: int) -> str:
    """Return a size for a sentence, such as `12.3 GiB`."""
    return f"{size / (1 << 30):,.1f} GiB"
