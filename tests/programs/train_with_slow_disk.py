"""Trains on random rows with checkpoints that take SECONDS each to be written.

`train_with_slow_disk.py BASE WORK KIND PAUSE SECONDS`: KIND and PAUSE as in `train_random_rows.py`.
Tensors are copied as they are on a card. Events go to stdout.
"""

import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from safetensors.torch import save_file

from runner.training import saving
from runner.training.train import train
from tests.programs.train_random_rows import Slow, job


def main() -> int:
    base, work, kind, pause, seconds = sys.argv[1:]

    def slowly(*given: Any, **named: Any) -> None:
        time.sleep(float(seconds))
        save_file(*given, **named)

    made = job(Path(base), Path(work), kind, "none")
    with patch.multiple(saving, save_file=slowly, copies=lambda: True):
        return 75 if train(made, Slow(1, float(pause))).stopped else 0


if __name__ == "__main__":
    sys.exit(main())
