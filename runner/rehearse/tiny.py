"""`python -P -m runner.rehearse.tiny`: trains a tiny model as a stage does; prints its peak bytes.

Its model, rows and states need almost nothing, so the peak is that of the process: of the
interpreter, the libraries, and the parts of them that only the first steps load. Like a stage that
does not quantize, it does without bitsandbytes.
"""

import sys
import tempfile
import warnings
from pathlib import Path

from runner.environments.collecting import importing
from runner.environments.lifeline import end_with_parent
from runner.environments.unused import QUANTIZES, hide


def main() -> None:
    """Train and print; what libraries print goes to stderr."""
    warnings.simplefilter("ignore")
    own_output, sys.stdout = sys.stdout, sys.stderr
    hide((QUANTIZES,))
    with importing():
        import torch

        from runner.rehearse.tiny_training import peak_bytes
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        print(peak_bytes(Path(place)), file=own_output)


if __name__ == "__main__":
    end_with_parent(1)
    main()
