"""Writes a small demo into a folder: `FOLDER CHANGES`, the changes of its answers as JSON."""

import json
import sys
from pathlib import Path

from tests.journeys.demo_folder import small

if __name__ == "__main__":
    small(Path(sys.argv[1]), **json.loads(sys.argv[2]))
