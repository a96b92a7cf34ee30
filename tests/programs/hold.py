"""Holds a run folder as a worker does, until it is ended."""

import sys
import time
from pathlib import Path

from runner.runs.holders import hold

if __name__ == "__main__":
    hold(Path(sys.argv[1]))
    print("held", flush=True)
    time.sleep(60)
