"""The result of the wizard or the prompts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class WizardResult:
    """How the wizard ended."""

    kind: Literal["written", "left", "start"]
    """`written`: both files were written; `start`: and the run is to start now; `left`: neither."""
    run_toml: Path | None = None
    """The intent that was written; None if the user left."""
    run_lock: Path | None = None
    """The lock that was planned from it; None if the user left."""
