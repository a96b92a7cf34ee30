"""How a visit to the wizard, or to the prompts, ended."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class WizardResult:
    """How the wizard ended."""

    kind: Literal["written", "left", "start"]
    """`written`: both files stand; `start`: and the run is to begin now; `left`: neither."""
    run_toml: Path | None = None
    """The intent that was written; None where the person left."""
    run_lock: Path | None = None
    """The lock that was planned from it; None where the person left."""
