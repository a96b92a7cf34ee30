"""Runs `tunelock` in this process: `loaded_by_command.py NAME,NAME WORD ...`.

Prints as JSON what it printed, its exit code, and which of the named modules it loaded.
"""

import json
import sys

from click.testing import CliRunner

from tui.cli import app


def main() -> None:
    done = CliRunner().invoke(app, sys.argv[2:])
    loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
    print(json.dumps({"output": done.output, "exit_code": done.exit_code, "loaded": loaded}))


if __name__ == "__main__":
    main()
