"""Runs `tunelock` with its arguments; a command that takes long says so each second."""

from functools import partial
from unittest.mock import patch

from tui.cli import main
from tui.terminal import heartbeat

if __name__ == "__main__":
    with patch.object(heartbeat, "Progress", partial(heartbeat.Progress, every_seconds=1.0)):
        main()
