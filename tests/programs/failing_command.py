"""Raises a fault, a Python expression, where a command would."""

import sys

from tui.terminal import output


def command() -> None:
    raise eval(sys.argv[1])


if __name__ == "__main__":
    output.guarded(command)
