"""Opens a file once a command has begun, and writes its number to the descriptor 3."""

import os
import sys

import tui.terminal.streams
from tui.terminal import output


def command() -> None:
    assert tui.terminal.streams
    os.write(3, str(os.open(sys.argv[1], os.O_RDONLY)).encode())


if __name__ == "__main__":
    output.guarded(command)
