"""The levels of a GGUF file."""

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.harmless import one_line

LEVEL_TYPES = {
    "f16": ("F32", "F16"),
    "q8_0": ("F32", "Q8_0"),
    "q4_k_m": ("F32", "Q4_K", "Q6_K"),
}
"""The tensor types of each level, for tensors whose row size supports them."""


def check_level(level: str) -> None:
    """Raise UsageProblem for an unknown level."""
    if level not in LEVEL_TYPES:
        names = ", ".join(f"`{name}`" for name in LEVEL_TYPES)
        raise UsageProblem(
            f"The GGUF level `{one_line(level, most=40)}` is unknown; the levels are {names}.",
            fix=Command("tunelock export --help"),
        )
